"""A recording played to one live party: everybody who has an edge with it says again what was said to it.

Who stands above it says its messages at their recorded offsets from the first one (`recorded_parent.py`); who stands below
answers as recorded (`scripted.py`). In the end what the party said is compared with what it said then (`compared.py`).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError
from agents.tools.replay.compared import PlayedResult, by_edge
from agents.tools.replay.listener import Listener
from agents.tools.replay.recorded_parent import RecordedParent
from agents.tools.replay.script import Script
from agents.tools.replay.scripted import Scripted
from agents.tools.replay.wire import WireMessage
from broker.bus import Arrival, Post
from broker.clock import Clock
from broker.entrance import unreached
from broker.faults import first_error
from broker.mosquitto import BrokerFailed
from broker.mqtt import Address, MqttBus
from protocol import messages as m
from protocol.edges import ROUTES, Edge, Way, topic

SECOND = timedelta(seconds=1)


class Onto:
    """A recording's part around one party; `play` says it once."""

    def __init__(self, wire: Iterable[WireMessage], under_test: str) -> None:
        """Raises ConfigError."""
        self.under_test = under_test
        self._wire = [
            sent for sent in wire if under_test in sent.edge and not isinstance(sent.message, m.Presence | m.Capability)
        ]
        self._edges = sorted({sent.edge for sent in self._wire})
        recorded_parent = [
            sent.received_at or sent.at for sent in self._wire if self._is_from_above(sent) and not sent.lost
        ]
        if not recorded_parent:
            raise ConfigError(
                f"nothing was said to {under_test} from above in this recording: there is nothing to play"
            )
        self.origin_at = min(recorded_parent)
        """When the first message came from above."""
        self.ends_at = max(sent.received_at or sent.at for sent in self._wire)
        self._then = by_edge(self._wire, under_test)

    def _is_from_above(self, sent: WireMessage) -> bool:
        return sent.edge.child == self.under_test and sent.sender != self.under_test

    def actors(self, by: timedelta) -> list[RecordedParent | Scripted]:
        """Everybody who has an edge with the party under test, with all instants moved by a span."""
        recorded_parent: dict[str, list[WireMessage]] = {}
        below: dict[str, Script] = {}
        for one in self._wire:
            sent = one.moved(by) if by else one
            if sent.edge.child == self.under_test:
                recorded_parent.setdefault(sent.edge.parent, []).append(sent)
            else:
                below.setdefault(sent.edge.child, Script(sent.edge.child)).take(sent)
        return [*(RecordedParent(name, its) for name, its in recorded_parent.items()), *map(Scripted, below.values())]

    async def play(self, address: Address, grace_s: float, online_within_s: float, clock: Clock | None) -> PlayedResult:
        """Until the party has said all that it said then, or `grace_s` after the last recorded message.

        Without a clock it is real time, and all instants are moved to now. Raises ConfigError when the party does not
        come online, BrokerFailed when the broker is not reached.
        """
        listener = Listener(self.under_test, self._then)
        others = {edge.other(self.under_test): edge for edge in self._edges}
        connected = {name: asyncio.Event() for name in others}
        buses = {name: self._bus(address, name, edge, connected[name]) for name, edge in others.items()}
        shells: dict[str, Shell] = {}
        started = asyncio.Event()

        async def deliver(name: str, arrivals: Sequence[Arrival]) -> None:
            for arrival in arrivals:
                listener.hear(arrival)
            await started.wait()
            await shells[name].deliver(arrivals)

        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(bus.run(partial(deliver, name))) for name, bus in buses.items()]
                await self._all_there(address, buses.values(), connected.values(), listener, online_within_s)
                by = timedelta() if clock is not None else _whole(datetime.now(UTC) - self.origin_at)
                clock = clock or Clock()
                actors = self.actors(by)
                shells |= {actor.name: Shell(actor, buses[actor.name], clock) for actor in actors}
                started.set()
                running += [tasks.create_task(shell.run()) for shell in shells.values()]
                await self._until_sent(actors, listener, clock.real_seconds_until(self.ends_at + by) + grace_s)
                await self._clear(buses)
                for task in running:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        return self._compared(actors, listener)

    def _bus(self, address: Address, name: str, edge: Edge, up: asyncio.Event) -> MqttBus:
        """The connection of the party at the other end of an edge."""
        way = Way.DOWN if edge.child == self.under_test else Way.UP
        filters = [topic(kind, edge) for kind, route in ROUTES.items() if route.way is not way]
        return MqttBus(address, name, filters, on_connected=_setter(up), session_expiry_s=0)

    async def _all_there(
        self,
        address: Address,
        buses: Iterable[MqttBus],
        connected: Iterable[asyncio.Event],
        listener: Listener,
        within_s: float,
    ) -> None:
        reached = False
        try:
            async with asyncio.timeout(within_s):
                for up in connected:
                    await up.wait()
                reached = True
                await listener.online.wait()
        except TimeoutError:
            within = f" within {within_s:g} s"
            if reached:
                raise ConfigError(f"{self.under_test} did not come online at {address.where}{within}") from None
            raise BrokerFailed(unreached(address, (bus.entrance for bus in buses), within)) from None

    async def _until_sent(
        self, actors: Iterable[RecordedParent | Scripted], listener: Listener, within_s: float
    ) -> None:
        recorded_parent = [actor for actor in actors if isinstance(actor, RecordedParent)]
        try:
            async with asyncio.timeout(within_s):
                while not (listener.complete and all(actor.at_rest(self.ends_at) for actor in recorded_parent)):
                    listener.spoke.clear()
                    await listener.spoke.wait()
        except TimeoutError:
            return

    async def _clear(self, buses: dict[str, MqttBus]) -> None:
        """Take the retained requests back, so that they do not greet the next one who connects."""
        for edge in self._edges:
            if edge.child == self.under_test:
                went_out = asyncio.Event()
                await buses[edge.parent].publish(Post(topic("request", edge), b"", retain=True, sent=went_out.set))
                await went_out.wait()

    def _compared(self, actors: Iterable[RecordedParent | Scripted], listener: Listener) -> PlayedResult:
        unanswered: Counter[str] = Counter()
        unsaid = 0
        for actor in actors:
            if isinstance(actor, Scripted):
                unanswered += actor.counts
            else:
                unsaid += actor.unsaid
        return PlayedResult(self.under_test, self._then, listener.received(), unanswered, unsaid)


def _setter(up: asyncio.Event) -> Callable[[bool], None]:
    return lambda is_up: up.set() if is_up else None


def _whole(span: timedelta) -> timedelta:
    """Up to the next whole second, so that slots begin at whole seconds as they did."""
    return (span // SECOND + 1) * SECOND
