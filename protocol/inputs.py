"""What an actor is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from protocol.codec import decode_body, encode
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.messages import Message
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
    step_wh: int | None = None
    """Its meter counts in steps of so much: `energy_wh` may be wrong by one. None: in whole Wh."""
    estimated: bool | None = None
    """Whether `energy_wh` is a replacement value: what flowed over a gap of its meter, shared out evenly."""


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
class Limited:
    """The owner's limits of a device from now on, in the place of what its settings say under these keys; without any the
    settings hold again. What is agreed already goes on as agreed."""

    resource_id: str
    limits: Mapping[str, object]


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
    asks_again: bool = False
    """Whether the same in the same slots is asked for once more where less of it stands. Journals of released versions
    have no such key: there it was taken for a change to less, and nobody was asked."""


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
    counts_waited: bool = False
    """Whether answers that were sent in time count although they are heard too late, as long as what is due is not
    judged. Journals of released versions have no such key: there they came too late."""


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
    | Limited
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
