"""The contract of an actor: inputs and instants in, effects out.

No I/O, no clock, no randomness: the same inputs at the same instants give the same effects, byte for byte. That is
what the journal, the replay and the simulator stand on. `deadline` is a property that is read again after each
call, because a "wake me at" that is returned would be lost behind an unrelated message.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from protocol.codec import decode_body, encode
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.messages import Capability, Message, Progress, Request
from protocol.units import Direction


@dataclass(frozen=True, slots=True)
class Received:
    """A well-formed message on one of the actor's edges."""

    edge: Edge
    message: Message
    given: bytes = field(default=b"", compare=False, repr=False)
    """The bytes in which it came; empty where it did not travel as bytes."""

    @property
    def body(self) -> bytes:
        """The bytes in which it came, or would have come."""
        return self.given or encode(self.message)


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes on one of the actor's edges that were no message; the actor answers with a reject."""

    edge: Edge
    kind: str
    reason: RejectReason
    text: str
    message_id: str | None = None


def heard(kind: str, edge: Edge, payload: bytes) -> Received | Refused:
    """What an actor is given for the bytes of a kind on one of its edges."""
    try:
        return Received(edge, decode_body(kind, payload), payload)
    except RefusedMessage as refusal:
        return Refused(edge, kind, refusal.reason, refusal.text, refusal.message_id)


@dataclass(frozen=True, slots=True)
class Measured:
    """A device's reading. `energy_wh` is signed, + = import, of the slot [`from_at`, `at`]; None for a state only.

    What stands below `slot` is written only where the device told it: None is what it does not tell, or never has.
    """

    resource_id: str
    at: datetime
    soc_wh: int | None = None
    energy_wh: int | None = None
    event_id: str | None = None
    slot: int | None = None
    plugged: bool | None = None
    """Of a vehicle: whether it is connected."""
    power_w: int | None = None
    """At this moment, signed W, + = import."""
    most_charge_w: int | None = None
    most_discharge_w: int | None = None
    """Its limits at this moment, W; 0: it can not now."""
    departs_at: datetime | None = None
    """The departure as the car knows it."""
    relay_ops_today: int | None = None
    """Operations of the system main relay counted since midnight where the device is."""
    fault: str | None = None
    """Why it can do nothing; None: it is sound."""


@dataclass(frozen=True, slots=True)
class PlannedStay:
    """A time for which a vehicle is expected to be plugged in, as its owner plans it."""

    departs_at: datetime
    soc_wh: int | None = None
    """Wanted at the departure; None: what the settings say."""
    plugs_in_at: datetime | None = None
    """When it is usually plugged in; None: whenever it is."""
    arrives_wh: int | None = None
    """What it usually comes back with; None: nobody knows before it is there."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The owner's plan for a vehicle, as instants of the days ahead; it replaces the one before. Made outside of the
    actor, because time-zone data differ by machine."""

    resource_id: str
    until: datetime
    """How far it reaches."""
    stays: tuple[PlannedStay, ...]
    """In their order; none overlaps another."""
    skipped: tuple[str, ...] = ()
    """Days (ISO, where the vehicle is) on which its owner does not drive, against the weekly plan."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A resident's answer to a `Question`."""

    event_id: str
    take_part: bool


@dataclass(frozen=True, slots=True)
class Outage:
    """The grid at a home's connection point is gone, and the home runs independently; or it is back."""

    is_out: bool


@dataclass(frozen=True, slots=True)
class Issue:
    """An operator's order at the utility: ask for a change of load, or change the event of that id."""

    event_id: str
    program_id: str
    direction: Direction
    start: datetime
    power_w: tuple[int, ...]
    slot_s: int = 1800


@dataclass(frozen=True, slots=True)
class Cancel:
    """An operator's order at the utility: nobody stays bound by this event."""

    event_id: str
    reason: str = "cancelled by the operator"


@dataclass(frozen=True, slots=True)
class Resumed:
    """The process was started again and knows what its journal knows: say again what nobody has answered (P6)."""

    down_since: datetime
    """The instant of the last entry before."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What children of a party have told that they could probably give in the slots of the request that follows: one sum
    of their messages, which stand in no journal themselves."""

    event_id: str
    request_id: str
    power_w: Mapping[str, tuple[int, ...]]
    """By child, W per slot in the request's direction."""
    sure_pct: Mapping[str, int]
    """By child, how much of that is as probable as not."""


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The book of contracts is another one from now on, or other settings hold. Events under way keep those that they began
    with; whoever leaves takes its part back at once."""

    contracts: Mapping[str, Mapping[str, object] | None]
    """By name, of those who join or whose contract changes: its terms, as a book has them; None: it leaves."""
    settings: Mapping[str, object] | None = None
    """Of those that a running party can take, those that are others now."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """An operator contests what was learned of a member: it counts no more, and the contract's figure (another one where
    it is given) stands again until something new is learned."""

    member: str
    cause: str
    """A word of `CorrectionCause`."""
    reliability_pct: int | None = None


@dataclass(frozen=True, slots=True)
class Solved:
    """What `Solve` asked for: which mix of its profiles each member should give so that the request is met best. Found
    outside of the actor, whose floats differ by machine; it is checked and counted in whole watts."""

    event_id: str
    number: int
    """Of the question."""
    parts: Mapping[str, tuple[int, ...]]
    """By member, millionths of each of its profiles; who is not named gives nothing."""
    weights: tuple[int, ...]
    """What a watt more would be worth in each slot, thousandths of the most: slots of 0 bind nothing."""
    wanted: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By member, W: what it could probably give in a plan that is better still."""


Input: TypeAlias = (
    Received
    | Refused
    | Measured
    | Planned
    | Decided
    | Outage
    | Issue
    | Cancel
    | Resumed
    | Foreseen
    | Solved
    | Reconfigured
    | Corrected
)


@dataclass(frozen=True, slots=True)
class Reanchored:
    """The clock was set back: what comes after this step is at or after `to_at`. No actor is given it; it stands in the
    journal because instants run backwards nowhere else."""

    to_at: datetime


Taken: TypeAlias = Input | Reanchored
"""What a step can be about."""


@dataclass(frozen=True, slots=True)
class Send:
    """Publish a message on an edge."""

    edge: Edge
    message: Message
    _encoded: list[bytes] = field(default_factory=list, init=False, compare=False, repr=False)

    @property
    def body(self) -> bytes:
        """The message as bytes; they are made once, for the journal and for the wire."""
        if not self._encoded:
            self._encoded.append(bytes(bytearray(encode(self.message))))  # orjson's own has a kilobyte behind it
        return self._encoded[0]


@dataclass(frozen=True, slots=True)
class Clear:
    """Take the retained request off an edge."""

    edge: Edge


@dataclass(frozen=True, slots=True)
class Setpoint:
    """A device's power from `at` until `until`, signed W, + = import; afterwards its own schedule."""

    resource_id: str
    power_w: int | None
    """None: back to the own schedule."""
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Measure:
    """Ask a device for the energy of a slot that has ended; the answer is `Measured`."""

    resource_id: str
    event_id: str
    slot: int
    from_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Solve:
    """Ask for the best plan over members and slots; the answer is `Solved`, and none that comes too late is needed."""

    event_id: str
    number: int
    """Of the question, in its event."""


@dataclass(frozen=True, slots=True)
class Question:
    """Ask the resident; the stored rule decides at `answer_by`."""

    event_id: str
    text: str
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What is worth telling: the patent's step where there is one, an event name, and the figures that decided."""

    name: str
    event_id: str = ""
    step: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


Effect: TypeAlias = Send | Clear | Setpoint | Measure | Solve | Question | Note


class Entry(NamedTuple):
    """One step of an actor, as its journal keeps it: what came in, and what it set off."""

    at: datetime
    actor: str
    input: Taken | None
    """None: it was woken by its deadline."""
    effects: tuple[Effect, ...]


class Actor(Protocol):
    """One party of the tree."""

    @property
    def name(self) -> str: ...

    @property
    def deadline(self) -> datetime | None:
        """When it wants to be woken at the latest; read again after every call."""
        ...

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        """Take one input."""
        ...

    def wake(self, now: datetime) -> list[Effect]:
        """Do what is due at `now`."""
        ...

    def parents(self) -> tuple[str, ...]:
        """The names of those above it, for subscriptions and presence."""
        ...

    def is_parent(self) -> bool:
        """Whether anyone is below it."""
        ...

    def knows(self, event_id: str) -> bool:
        """Whether it has an event in its memory."""
        ...

    def at_rest(self, now: datetime) -> bool:
        """Whether every event that it knows is closed and over: a fresh actor would do just as well."""
        ...

    def status(self) -> Mapping[str, object]:
        """Its state in words and figures, for `gridpact status`; JSON types only."""
        ...


@runtime_checkable
class Feed(Protocol):
    """What tells an actor something by itself, at instants that it knows before: an owner's plan, a simulated device."""

    @property
    def next_at(self) -> datetime | None:
        """When it tells something next; read again after every step."""
        ...

    def inputs(self, actor: Actor, now: datetime) -> Iterable["Measured | Planned"]:
        """What there is to tell now."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """A party that makes use of what its children could probably give."""

    def hears_capability(self, edge: Edge) -> bool:
        """Whether it is told on this edge."""
        ...

    def foreseen(self, request: Request, told: Mapping[str, Capability], now: datetime) -> Foreseen | None:
        """What the children that have told it could give in a request's slots; None where it makes no difference."""
        ...


@runtime_checkable
class Foretells(Protocol):
    """A party that may tell its parent what it could probably give. A question: it changes nothing."""

    @property
    def capability_every_s(self) -> int | None:
        """How often; None: never."""
        ...

    def capability(self, told: Mapping[str, Capability], now: datetime) -> Capability:
        """What it could give over the next day; `told`: what its own children have told."""
        ...


@runtime_checkable
class Recounts(Protocol):
    """A party that may tell anybody how far its events are. A question: it changes nothing."""

    def progress(self, now: datetime) -> Iterable[Progress]:
        """Of each event that it knows."""
        ...


@runtime_checkable
class Solves(Protocol):
    """A party that wants plans over members and slots."""

    def solving(self, asked: Solve) -> Callable[[], Solved] | None:
        """How the answer to a question is computed, from what is known now; it may take seconds, on any thread. A
        question: it changes nothing. None where nobody waits for it any more."""
        ...


class Follower(Protocol):
    """The border to a device: it follows set-points."""

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        """Signed W, + = import, from `at` until `until`; None returns to the own schedule at `at`. Whatever was set for
        `at` or later is replaced; what was set for before it stays. Several may come at once, in the order of time."""
        ...


class Driver(Follower, Protocol):
    """A device that measures at the same instant, as simulated ones do. Real ones (docs/drivers.md) follow, and answer a
    `Measure` by a later `Measured`."""

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        """State at `until` and energy of the span, signed Wh, as the difference of a register in whole Wh: spans that
        follow each other add up. `event_id` and `slot` are left None."""
        ...
