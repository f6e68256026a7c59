"""A recording played to one live party: everybody who has an edge with it says again what was said to it.

Who stands above it says its messages at their recorded offsets from the first one (`above.py`); who stands below
answers as recorded (`scripted.py`). In the end what the party said is compared with what it said then (`compared.py`).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError
from agents.tools.replay.above import Above
from agents.tools.replay.compared import PlayedResult, by_edge
from agents.tools.replay.ears import Ears
from agents.tools.replay.script import Script
from agents.tools.replay.scripted import Scripted
from agents.tools.replay.wire import WireMessage
from broker.bus import Arrival, Post
from broker.clock import Clock
from broker.faults import first_error
from broker.mqtt import Address, MqttBus
from protocol import messages as m
from protocol.edges import ROUTES, Edge, Way, topic

SECOND = timedelta(seconds=1)


class Onto:
    """A recording's part around one party; `play` says it once."""

    def __init__(self, wire: Iterable[WireMessage], under_test: str) -> None:
        """Raises ConfigError."""
        self.under_test = under_test
        self._wire = [said for said in wire if under_test in said.edge and not isinstance(said.message, m.Presence)]
        self._edges = sorted({said.edge for said in self._wire})
        above = [said.heard_at or said.at for said in self._wire if self._is_from_above(said) and not said.lost]
        if not above:
            raise ConfigError(
                f"nothing was said to {under_test} from above in this recording: there is nothing to play"
            )
        self.origin_at = min(above)
        """When the first message came from above."""
        self.ends_at = max(said.heard_at or said.at for said in self._wire)
        self._then = by_edge(self._wire, under_test)

    def _is_from_above(self, said: WireMessage) -> bool:
        return said.edge.child == self.under_test and said.sender != self.under_test

    def actors(self, by: timedelta) -> list[Above | Scripted]:
        """Everybody who has an edge with the party under test, with all instants moved by a span."""
        above: dict[str, list[WireMessage]] = {}
        below: dict[str, Script] = {}
        for recorded in self._wire:
            said = recorded.moved(by) if by else recorded
            if said.edge.child == self.under_test:
                above.setdefault(said.edge.parent, []).append(said)
            else:
                below.setdefault(said.edge.child, Script(said.edge.child)).take(said)
        return [*(Above(name, its) for name, its in above.items()), *map(Scripted, below.values())]

    async def play(self, address: Address, grace_s: float, online_within_s: float, clock: Clock | None) -> PlayedResult:
        """Until the party has said all that it said then, or `grace_s` after the last recorded message.

        Without a clock it is real time, and all instants are moved to now. Raises ConfigError when the party does not
        come online, or when the broker is not reached.
        """
        ears = Ears(self.under_test, self._then)
        others = {edge.other(self.under_test): edge for edge in self._edges}
        connected = {name: asyncio.Event() for name in others}
        buses = {name: self._bus(address, name, edge, connected[name]) for name, edge in others.items()}
        shells: dict[str, Shell] = {}
        started = asyncio.Event()

        async def deliver(name: str, arrivals: Sequence[Arrival]) -> None:
            for arrival in arrivals:
                ears.hear(arrival)
            await started.wait()
            await shells[name].deliver(arrivals)

        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(bus.run(partial(deliver, name))) for name, bus in buses.items()]
                await self._all_there(address, connected.values(), ears, online_within_s)
                by = timedelta() if clock is not None else _whole(datetime.now(UTC) - self.origin_at)
                clock = clock or Clock()
                actors = self.actors(by)
                shells |= {actor.name: Shell(actor, buses[actor.name], clock) for actor in actors}
                started.set()
                running += [tasks.create_task(shell.run()) for shell in shells.values()]
                await self._until_said(actors, ears, clock.real_seconds_until(self.ends_at + by) + grace_s)
                await self._clear(buses)
                for task in running:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        return self._compared(actors, ears)

    def _bus(self, address: Address, name: str, edge: Edge, up: asyncio.Event) -> MqttBus:
        """The connection of the party at the other end of an edge."""
        way = Way.DOWN if edge.child == self.under_test else Way.UP
        filters = [topic(kind, edge) for kind, route in ROUTES.items() if route.way is not way]
        return MqttBus(address, name, filters, on_connected=_setter(up), session_expiry_s=0)

    async def _all_there(
        self, address: Address, connected: Iterable[asyncio.Event], ears: Ears, within_s: float
    ) -> None:
        where = f"at {address.where}"
        missing = f"the broker {where} was not reached within {within_s:g} s"
        try:
            async with asyncio.timeout(within_s):
                for up in connected:
                    await up.wait()
                missing = f"{self.under_test} did not come online {where} within {within_s:g} s"
                await ears.online.wait()
        except TimeoutError:
            raise ConfigError(missing) from None

    async def _until_said(self, actors: Iterable[Above | Scripted], ears: Ears, within_s: float) -> None:
        above = [actor for actor in actors if isinstance(actor, Above)]
        try:
            async with asyncio.timeout(within_s):
                while not (ears.complete and all(actor.at_rest(self.ends_at) for actor in above)):
                    ears.spoke.clear()
                    await ears.spoke.wait()
        except TimeoutError:
            return

    async def _clear(self, buses: dict[str, MqttBus]) -> None:
        """Take the retained requests back, so that they do not greet the next one who connects."""
        for edge in self._edges:
            if edge.child == self.under_test:
                sent = asyncio.Event()
                await buses[edge.parent].publish(Post(topic("request", edge), b"", retain=True, sent=sent.set))
                await sent.wait()

    def _compared(self, actors: Iterable[Above | Scripted], ears: Ears) -> PlayedResult:
        unanswered: Counter[str] = Counter()
        unsaid = 0
        for actor in actors:
            if isinstance(actor, Scripted):
                unanswered += actor.counts
            else:
                unsaid += actor.unsaid
        return PlayedResult(self.under_test, self._then, ears.heard(), unanswered, unsaid)


def _setter(up: asyncio.Event) -> Callable[[bool], None]:
    return lambda is_up: up.set() if is_up else None


def _whole(span: timedelta) -> timedelta:
    """Up to the next whole second, so that slots begin at whole seconds as they did."""
    return (span // SECOND + 1) * SECOND
