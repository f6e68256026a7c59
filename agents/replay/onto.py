"""A recording played to one live party: everybody who has an edge with it says again what was said to it.

Who stands above it says its messages at their recorded offsets from the first one; an award waits for the offer that
it accepts and then names that one by its id of now. Who stands below answers as recorded (`scripted.py`). In the end
what the party said is compared with what it said then: kinds and power, edge by edge. Energy in reports is left out,
since a live meter is read at slightly other instants.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

from pydantic import BaseModel

from agents.reading import ConfigError
from agents.replay.script import Script
from agents.replay.scripted import Scripted
from agents.replay.wire import Said
from agents.shell import Shell
from broker.bus import Arrival, Post
from broker.clock import Clock
from broker.faults import first_error
from broker.mqtt import Address, MqttBus
from broker.recording import summary
from protocol import messages as m
from protocol.actor import Effect, Input, Received, Send
from protocol.codec import decode_body
from protocol.edges import ROUTES, Edge, Way, parse_topic, topic
from protocol.errors import RefusedMessage

SECOND = timedelta(seconds=1)
REJECT = "reject "
"""What was rejected then need not be there to be said again, such as bytes that were no message: a missing rejection
is no difference, a new one is."""


def shifted(message: m.Message, by: timedelta) -> m.Message:
    """The same message with every instant moved."""
    return cast(m.Message, _moved(message, by))


def _moved(value: Any, by: timedelta) -> Any:
    match value:
        case datetime():
            return value + by
        case tuple():
            return tuple(_moved(item, by) for item in value)
        case BaseModel():
            return value.model_copy(
                update={name: _moved(getattr(value, name), by) for name in type(value).model_fields}
            )
    return value


class Above:
    """The actor of a party that stands above the one under test, in the order and at the instants of its messages."""

    def __init__(self, name: str, wire: Iterable[Said]) -> None:
        """`wire`: what was said on its edge, both ways, by the instants."""
        self.name = name
        self._then: list[m.Offer | m.Alternative] = []
        self._now: list[m.Offer | m.Alternative] = []
        self._to_say: dict[str, deque[tuple[datetime, Send]]] = {}
        for said in wire:
            if said.sender == name and not said.lost:
                at = said.heard_at or said.at
                self._to_say.setdefault(said.event_id, deque()).append((at, Send(said.edge, said.message)))
            elif isinstance(said.message, m.Offer | m.Alternative):
                self._then.append(said.message)

    # -- the contract of an actor

    @property
    def deadline(self) -> datetime | None:
        return min((at for at, send in self._next() if self._ready(send)), default=None)

    def parents(self) -> tuple[str, ...]:
        return ()

    def is_parent(self) -> bool:
        return True

    def knows(self, event_id: str) -> bool:
        return event_id in self._to_say

    def at_rest(self, now: datetime) -> bool:
        return not any(self._to_say.values())

    def status(self) -> Mapping[str, object]:
        return {"name": self.name, "role": "recorded", "unsaid": sum(map(len, self._to_say.values()))}

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        if isinstance(item, Received) and isinstance(item.message, m.Offer | m.Alternative):
            self._now.append(item.message)
        return self.wake(now)

    def wake(self, now: datetime) -> list[Effect]:
        """One event's messages keep their order: what follows an award that waits, waits as well."""
        said: list[Effect] = []
        for queue in self._to_say.values():
            while queue and queue[0][0] <= now and self._ready(queue[0][1]):
                _, send = queue.popleft()
                said.append(Send(send.edge, self._of_now(send.message)))
        return said

    # -- awards

    def _next(self) -> list[tuple[datetime, Send]]:
        return [queue[0] for queue in self._to_say.values() if queue]

    def _ready(self, send: Send) -> bool:
        award = _deal(send.message)
        return award is None or self._accepted(award) is not None

    def _of_now(self, message: m.Message) -> m.Message:
        award = _deal(message)
        return message if award is None else award.model_copy(update={"accepts": self._accepted(award)})

    def _accepted(self, award: m.Award) -> str | None:
        """What now stands for the offer, or the option, that was accepted then; None before it has come."""
        then = next((answer for answer in self._then if award.accepts in _names(answer)), None)
        request_id = award.request_id if then is None else then.request_id
        asked = [answer for answer in self._now if answer.request_id == request_id]
        for answer in reversed(asked):
            if award.accepts in _names(answer):
                return award.accepts
            if isinstance(then, m.Offer) and isinstance(answer, m.Offer) and answer.basis is then.basis:
                return answer.message_id
            if isinstance(then, m.Alternative) and isinstance(answer, m.Alternative):
                option = next(option for option in then.options if option.option_id == award.accepts)
                like = [one for one in answer.options if (one.basis, one.shape) == (option.basis, option.shape)]
                return (like or answer.options)[0].option_id
        return None


def _deal(message: m.Message) -> m.Award | None:
    return message if isinstance(message, m.Award) and message.outcome is m.Outcome.CONCLUDED else None


def _names(answer: m.Offer | m.Alternative) -> tuple[str, ...]:
    if isinstance(answer, m.Alternative):
        return tuple(option.option_id for option in answer.options)
    return (answer.message_id,)


# -- what it said


def in_short(message: m.Message) -> str:
    """Kind, event and power: what is compared."""
    about = f"{message.event_id} " if isinstance(message, m.EventMessage) else ""
    match message:
        case m.Report():
            figures = f"slots {', '.join(str(reading.slot) for reading in message.readings)}"
        case m.Alternative():
            figures = "; ".join(f"{option.shape} {list(option.power_w)} W" for option in message.options)
        case m.Award():
            figures = f"{message.outcome} {list(message.power_w)} W"
        case m.Confirm():
            figures = "accepted" if message.accepted else "refused"
        case m.Dispatch():
            figures = f"slot {message.slot}: {message.power_w:+d} W"
        case m.Reject():
            figures = f"{message.refused_kind}: {message.reason}"
        case _:
            figures = summary(message)
    return f"{message.kind} {about}{figures}"


@dataclass(frozen=True, slots=True)
class Compared:
    """What the party under test said then and now; repeats count once, presence not at all."""

    under_test: str
    then: Mapping[Edge, Counter[str]]
    now: Mapping[Edge, Counter[str]]
    unanswered: Counter[str] = field(default_factory=Counter)
    """What the played children could not answer, in words."""
    unsaid: int = 0
    """Recorded messages from above that could not be said: the offer that an award accepts did not come."""

    @property
    def same(self) -> bool:
        return not self.differences() and not self.unsaid

    def differences(self) -> list[tuple[str, Edge, str]]:
        """`-` for what was said only then, `+` for what was said only now."""
        found = []
        for edge in sorted({*self.then, *self.now}):
            then, now = self.then.get(edge, Counter()), self.now.get(edge, Counter())
            found += [("-", edge, text) for text in (then - now).elements() if not text.startswith(REJECT)]
            found += [("+", edge, text) for text in (now - then).elements()]
        return found

    def kinds(self) -> dict[str, tuple[int, int, int]]:
        """For each kind how many were said then, how many now, and how many are the same."""
        then, now, same = (
            Counter(text.split()[0] for said in side for text in said.elements())
            for side in (
                self.then.values(),
                self.now.values(),
                [said & self.now.get(edge, Counter()) for edge, said in self.then.items()],
            )
        )
        return {kind: (then[kind], now[kind], same[kind]) for kind in ROUTES if then[kind] or now[kind]}

    def as_json(self) -> dict[str, Any]:
        return {
            "under_test": self.under_test,
            "same": self.same,
            "kinds": {
                kind: {"recorded": then, "live": now, "same": same} for kind, (then, now, same) in self.kinds().items()
            },
            "differences": [
                {
                    "only": "recorded" if sign == "-" else "live",
                    "parent": edge.parent,
                    "child": edge.child,
                    "what": text,
                }
                for sign, edge, text in self.differences()
            ],
            "unanswered": dict(self.unanswered),
            "unsaid": self.unsaid,
        }


def by_edge(wire: Iterable[Said], sender: str) -> dict[Edge, Counter[str]]:
    """What one party said, in short."""
    found: dict[Edge, Counter[str]] = {}
    for said in wire:
        if said.sender == sender and not isinstance(said.message, m.Presence):
            found.setdefault(said.edge, Counter())[in_short(said.message)] += 1
    return found


class Onto:
    """A recording's part around one party; `play` says it once."""

    def __init__(self, wire: Iterable[Said], under_test: str) -> None:
        """Raises ConfigError."""
        self.under_test = under_test
        self._wire = [said for said in wire if under_test in said.edge and not isinstance(said.message, m.Presence)]
        above = [said.heard_at or said.at for said in self._wire if self._is_from_above(said) and not said.lost]
        if not above:
            raise ConfigError(
                f"nothing was said to {under_test} from above in this recording: there is nothing to play"
            )
        self.origin_at = min(above)
        """When the first message came from above."""
        self.ends_at = max(said.heard_at or said.at for said in self._wire)
        self._then = by_edge(self._wire, under_test)
        self._missing = Counter(
            {
                (edge, text): number
                for edge, said in self._then.items()
                for text, number in said.items()
                if not text.startswith(REJECT)
            }
        )
        self._left = self._missing.total()
        self._heard: dict[tuple[str, Edge, str], Said] = {}
        self._online, self._changed = asyncio.Event(), asyncio.Event()

    def _is_from_above(self, said: Said) -> bool:
        return said.edge.child == self.under_test and said.sender != self.under_test

    async def play(self, address: Address, grace_s: float, online_within_s: float, clock: Clock | None) -> Compared:
        """Until the party has said all that it said then, or `grace_s` after the last recorded message.

        Without a clock it is real time, and all instants are moved to now. Raises ConfigError when the party does not
        come online, or when the broker is not reached.
        """
        edges = {said.edge for said in self._wire}
        connected: dict[str, asyncio.Event] = {}
        shells: dict[str, Shell] = {}
        started = asyncio.Event()

        async def deliver(name: str, arrival: Arrival) -> None:
            self._hear(arrival)
            await started.wait()
            await shells[name].deliver(arrival)

        buses: dict[str, MqttBus] = {}
        for edge in sorted(edges):
            name, way = edge.other(self.under_test), Way.DOWN if edge.child == self.under_test else Way.UP
            filters = [topic(kind, edge) for kind, route in ROUTES.items() if route.way is not way]
            up = connected[name] = asyncio.Event()
            buses[name] = MqttBus(address, name, filters, on_connected=_setter(up), session_expiry_s=0)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(bus.run(partial(deliver, name))) for name, bus in buses.items()]
                await self._all_there(address, connected, online_within_s)
                by = timedelta() if clock is not None else _whole(datetime.now(UTC) - self.origin_at)
                clock = clock or Clock()
                actors = self.actors(by)
                shells |= {actor.name: Shell(actor, buses[actor.name], clock) for actor in actors}
                started.set()
                running += [tasks.create_task(shell.run()) for shell in shells.values()]
                await self._until_said(actors, clock.real_seconds_until(self.ends_at + by) + grace_s)
                for edge in edges:
                    if edge.child == self.under_test:
                        await self._clear(buses[edge.parent], edge)
                for task in running:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        return self._compared(actors)

    async def _all_there(self, address: Address, connected: Mapping[str, asyncio.Event], within_s: float) -> None:
        missing = f"the broker at {address.host}:{address.port} was not reached within {within_s:g} s"
        try:
            async with asyncio.timeout(within_s):
                for up in connected.values():
                    await up.wait()
                missing = (
                    f"{self.under_test} did not come online at {address.host}:{address.port} within {within_s:g} s"
                )
                await self._online.wait()
        except TimeoutError:
            raise ConfigError(missing) from None

    def actors(self, by: timedelta) -> list[Above | Scripted]:
        """Everybody who has an edge with the party under test, with all instants moved by a span."""
        wire = [
            replace(
                said,
                at=said.at + by,
                heard_at=None if said.heard_at is None else said.heard_at + by,
                message=shifted(said.message, by) if by else said.message,
            )
            for said in self._wire
        ]
        above: dict[str, list[Said]] = {}
        below: dict[str, Script] = {}
        for said in wire:
            if said.edge.child == self.under_test:
                above.setdefault(said.edge.parent, []).append(said)
            else:
                below.setdefault(said.edge.child, Script(said.edge.child)).take(said)
        return [*(Above(name, its) for name, its in above.items()), *map(Scripted, below.values())]

    def _hear(self, arrival: Arrival) -> None:
        """Keep what the party under test says."""
        try:
            kind, edge = parse_topic(arrival.topic)
            message = decode_body(kind, arrival.payload)
        except RefusedMessage:
            return  # a retained message that was cleared, or no message: then something is missing in the end
        if isinstance(message, m.Presence):
            if message.online:
                self._online.set()
            return
        key = (kind, edge, message.message_id)
        if key in self._heard:
            return
        self._heard[key] = Said(datetime.now(UTC), self.under_test, kind, edge, message)
        expected = (edge, in_short(message))
        if self._missing[expected] > 0:
            self._missing[expected] -= 1
            self._left -= 1
        self._changed.set()

    async def _until_said(self, actors: Iterable[Above | Scripted], within_s: float) -> None:
        above = [actor for actor in actors if isinstance(actor, Above)]
        try:
            async with asyncio.timeout(within_s):
                while self._left or not all(actor.at_rest(self.ends_at) for actor in above):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    async def _clear(self, bus: MqttBus, edge: Edge) -> None:
        """Take the retained request back, so that it does not greet the next one who connects."""
        sent = asyncio.Event()
        await bus.publish(Post(topic("request", edge), b"", retain=True, sent=sent.set))
        await sent.wait()

    def _compared(self, actors: Iterable[Above | Scripted]) -> Compared:
        unanswered: Counter[str] = Counter()
        unsaid = 0
        for actor in actors:
            if isinstance(actor, Scripted):
                unanswered += actor.counts
            else:
                unsaid += int(str(actor.status()["unsaid"]))
        now = by_edge(self._heard.values(), self.under_test)
        return Compared(self.under_test, self._then, now, unanswered, unsaid)


def _setter(up: asyncio.Event) -> Callable[[bool], None]:
    return lambda is_up: up.set() if is_up else None


def _whole(span: timedelta) -> timedelta:
    """Up to the next whole second, so that slots begin at whole seconds as they did."""
    return (span // SECOND + 1) * SECOND
