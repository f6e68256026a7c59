"""Messages that bind nobody: a refusal, who is there, how far an event is, what could probably be given."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from protocol.errors import RejectReason
from protocol.message import Message
from protocol.parts import MAX_CAPABILITY, MAX_ROUND, IntervalPeriod, PlanW, PowerBand, RunS, Whole
from protocol.units import MAX_SLOTS, Direction, Instant, Key, Name, PowerW, Ref, SignedEnergyWh, Text, check_span
from protocol.words import Side


def _at_most(entries: int) -> BeforeValidator:
    """Look at the length before the entries."""

    def short(value: Any) -> Any:
        if isinstance(value, dict) and len(value) > entries:
            raise ValueError(f"at most {entries} entries")
        return value

    return BeforeValidator(short)


class Reject(Message):
    """A refusal. Never answered by another one."""

    kind: ClassVar[str] = "reject"
    refused_id: Ref | None = None
    """The message_id that was refused, where it could be read."""
    refused_kind: Key
    """Its kind."""
    refused_by: Side
    """Which end of the edge refuses."""
    reason: RejectReason
    """For machines."""
    text: Text = ""
    """For people."""


class Presence(Message):
    """Online or, as the last will, offline."""

    kind: ClassVar[str] = "presence"
    online: bool
    """Whether it is there."""
    software: Text = ""
    """Name and version of what runs there."""
    capability: Annotated[dict[Key, Whole], Field(max_length=MAX_CAPABILITY), _at_most(MAX_CAPABILITY)] = Field(
        default_factory=dict
    )
    """Summary: e.g. resources, increase_load_w, decrease_load_w."""


Many = Annotated[int, Field(ge=0, le=10**6)]
MaybePlanW = Annotated[tuple[PowerW, ...] | None, Field(min_length=1, max_length=MAX_SLOTS)]


class Progress(Message):
    """Where a party that asks others stands in one event: for who comes late and has not heard what was said before. It
    binds nobody, and no party goes by it."""

    kind: ClassVar[str] = "progress"
    party: Name
    """Who tells it."""
    event_id: Name
    """The event, the same for all who take part."""
    parent: Name | None = None
    """Who asks the party; none: nobody does."""
    direction: Direction
    """Which way the load is asked to change."""
    interval_period: IntervalPeriod
    """Where the slots lie."""
    stage: Key
    """Where it stands: `collecting`, `relaxing`, `judging`, `offered`, `proposed`, `standby`, `delivering`, `closed`; later
    releases may know others."""
    outcome: Key = ""
    """How it ended, when it is closed: `concluded`, `no_deal`, `cancelled` ..."""
    round: Annotated[int, Field(ge=1, le=MAX_ROUND)] = 1
    """Of what it asks at present."""
    requested_w: PlanW
    """What is asked of it (of one that nobody asks: what it asks for), W per slot."""
    available_w: MaybePlanW = None
    """What it can count on of that; none: not known yet."""
    secured_w: MaybePlanW = None
    """The deal that stands, less what was stated to be lost; none: there is none."""
    delivered_wh: SignedEnergyWh = 0
    """In the event's direction, of the slots that are summed up."""
    metered: Annotated[int, Field(ge=0, le=MAX_SLOTS)] = 0
    """How many slots that are."""
    asked: Many = 0
    """How many children were asked."""
    yes: Many = 0
    """How many of them give something."""
    no: Many = 0
    """How many have opted out."""
    waiting: Many = 0
    """How many have not answered, or not yet."""
    awards: Many = 0
    """How many hold an award."""
    confirmed: Many = 0
    """How many of them have confirmed it."""
    valid_until: Instant
    """Afterwards it says nothing."""

    @model_validator(mode="after")
    def _alike(self) -> Self:
        slots = len(self.requested_w)
        if any(plan is not None and len(plan) != slots for plan in (self.available_w, self.secured_w)):
            raise ValueError("available_w and secured_w need one entry a slot")
        if self.metered > slots:
            raise ValueError("no more slots are metered than there are")
        check_span(self.interval_period.start, self.interval_period.duration * slots)
        return self


class Capability(Message):
    """What a child could probably give over the next day; it binds nobody."""

    kind: ClassVar[str] = "capability"
    interval_period: IntervalPeriod
    """Where the slots lie."""
    increase_load: PowerBand
    """What it could take more."""
    decrease_load: PowerBand
    """What it could take less, or give back."""
    notice_s: RunS = 0
    """How long before its first slot it has to be awarded."""
    least_run_s: RunS = 0
    """For how long it has to be used at least."""
    most_run_s: RunS | None = None
    """For how long it can be used at most; None: as the energy allows."""
    calls_left: Annotated[int, Field(ge=0, le=10**6)] | None = None
    """How many events it still takes part in; None: any number."""
    told_by: Annotated[int, Field(ge=0, le=10**6)] = 1
    """So many of the parties that are counted have told it themselves ..."""
    counted: Annotated[int, Field(ge=1, le=10**6)] = 1
    """... of so many; for the others their contracts stand."""
    valid_until: Instant
    """Afterwards it says nothing."""

    @model_validator(mode="after")
    def _alike(self) -> Self:
        slots = len(self.increase_load.p50_w)
        if len(self.decrease_load.p50_w) != slots:
            raise ValueError("both directions need the same number of slots")
        if self.told_by > self.counted:
            raise ValueError("told_by is at most counted")
        check_span(self.interval_period.start, self.interval_period.duration * slots)
        return self

    def band(self, direction: Direction) -> PowerBand:
        """In one direction."""
        return self.increase_load if direction is Direction.INCREASE_LOAD else self.decrease_load
