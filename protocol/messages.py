"""All that travels: one frozen model a kind (design.md section 5). Here stand the kinds of an event's deal and delivery.

Fields hold whole W and Wh and aware UTC instants; plans are magnitudes in the event's direction unless the name
says `signed` or the docstring says otherwise. Unknown fields are refused except under `extensions`.
"""

from operator import gt
from typing import Annotated, ClassVar, Literal, Self

from pydantic import FailFast, Field, model_validator

from protocol.asides import *
from protocol.message import *
from protocol.parts import *
from protocol.units import (
    MAX_SLOTS,
    Direction,
    Instant,
    Name,
    Ref,
    SignedEnergyWh,
    SignedPowerW,
    Stem,
    TelemetrySeconds,
    Text,
    check_span,
)
from protocol.words import *


class Request(EventMessage):
    """DR要求計画 / DR要請値: what is asked of a child (S1, S6, S22)."""

    kind: ClassVar[str] = "request"
    program_id: Name
    """The programme that the event belongs to."""
    direction: Direction
    """Which way the load is asked to change."""
    interval_period: IntervalPeriod
    """Where the slots lie."""
    power_w: PlanW
    """What is asked, W per slot, in the direction."""
    reply_by: Instant
    """An answer heard later is recorded as late and not counted."""
    decide_by: Instant
    """The last decision above: an offer has to stay valid until then."""
    terms: Terms = Field(default_factory=Terms)
    """What the parent lays down."""
    later: ClassVar[tuple[str, ...]] = ("profiles",)
    profiles: WantedProfiles | None = None
    """Only to those whose contract says that they know it."""

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if self.profiles is not None and any(len(s.weights) != len(self.power_w) for s in self.profiles.shapes):
            raise ValueError("every profile that is wanted needs one weight a slot")
        if not self.reply_by <= self.decide_by <= self.interval_period.start:
            raise ValueError("deadlines must nest: reply_by <= decide_by <= interval_period.start")
        check_span(self.interval_period.start, self.interval_period.duration * len(self.power_w))
        return self


class Offer(EventMessage):
    """参加可否 and 充放電可能電力: opt in with one joint, firm profile, or out with a reason (S51, S53, S36)."""

    kind: ClassVar[str] = "offer"
    opt: Opt
    """In or out."""
    opt_reason: OptReason = OptReason.PARTICIPATING
    """Why."""
    power_w: PlanW
    """Firm until `valid_until`; never above the request. Zeros when opting out."""
    available_w: PlanW
    """What it could give at most if it were asked for more; not firm."""
    binding: Annotated[tuple[Restriction | None, ...], Field(max_length=MAX_SLOTS), FailFast()] = ()
    """Per slot, why no more; null where the request is met. Empty when not told."""
    basis: Basis = Basis.OWN
    """Which computation it stands on."""
    resources: Annotated[tuple[Resource, ...], Field(max_length=64), FailFast()] = ()
    """Each device's part."""
    valid_until: Instant
    """Until then it binds; not before the request's `decide_by`."""
    later: ClassVar[tuple[str, ...]] = ("profiles",)
    profiles: OfferedProfiles | None = None
    """Only where the request wants them."""

    @model_validator(mode="after")
    def _same_slots(self) -> Self:
        slots = len(self.power_w)
        if self.profiles is not None and any(len(profile) != slots for profile in self.profiles.power_w):
            raise ValueError("every profile needs one entry a slot")
        same = len(self.available_w) == slots and len(self.binding) in (0, slots)
        for resource in self.resources:  # a generator would take a tenth of the whole decoding
            same = same and len(resource.power_w) == slots
        if not same:
            raise ValueError("power_w, available_w, binding and every resource need one entry a slot")
        if self.opt is Opt.OUT and any(self.power_w):
            raise ValueError("an opt_out offers no power")
        if any(map(gt, self.power_w, self.available_w)):
            raise ValueError("power_w is above available_w")
        return self


class Relax(EventMessage):
    """制限項目の緩和: ask to recompute with what the owner agreed to loosen (S28)."""

    kind: ClassVar[str] = "relax"
    shortfall_w: PlanW
    """What the parent still lacks, W per slot."""
    restrictions: Annotated[tuple[Restriction, ...], Field(min_length=1, max_length=16), FailFast()]
    """Which it would help to loosen."""
    reply_by: Instant
    """As in a request."""
    later: ClassVar[tuple[str, ...]] = ("profiles",)
    profiles: WantedProfiles | None = None
    """In which shapes it is wanted to say what it could give with that at most; None: in none."""

    @model_validator(mode="after")
    def _shapes_are_of_its_slots(self) -> Self:
        if self.profiles is not None and any(len(s.weights) != len(self.shortfall_w) for s in self.profiles.shapes):
            raise ValueError("every shape needs one weight a slot of shortfall_w")
        return self


class Alternative(EventMessage):
    """代替計画: the plans that can be met instead (S33). The plan per DER behind them stays with the aggregator."""

    kind: ClassVar[str] = "alternative"
    options: Annotated[tuple[Option, ...], Field(min_length=1, max_length=8), FailFast()]
    """They exclude each other."""
    valid_until: Instant
    """Until then they bind."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({option.option_id for option in self.options}) != len(self.options):
            raise ValueError("option ids must differ")
        if len({len(option.power_w) for option in self.options}) != 1:
            raise ValueError("every option needs the same number of slots")
        return self


class Award(EventMessage):
    """約定: the deal, binding; or that there is none (S7, S35)."""

    kind: ClassVar[str] = "award"
    award_id: Stem
    """The same for all revisions of it."""
    accepts: Ref | None = None
    """The message_id of the offer, or the option_id, that it accepts; none when nothing is concluded."""
    outcome: Outcome
    """What came of it."""
    power_w: PlanW
    """What is bought, W per slot; 0 unless concluded."""
    reason: Text = ""
    """For people."""
    confirm_by: Instant
    """Without a confirm by then it is cancelled and replaced."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.outcome is Outcome.CONCLUDED and self.accepts is None:
            raise ValueError("a concluded award names the offer that it accepts")
        if self.outcome is not Outcome.CONCLUDED and any(self.power_w):
            raise ValueError("only a concluded award has power")
        return self


class Confirm(EventMessage):
    """The child's word on an award: from here on it is bound (after S34, S54)."""

    kind: ClassVar[str] = "confirm"
    award_id: Stem
    """Of the award."""
    accepted: bool
    """False when it cannot be kept: then with a reason."""
    reason: Text = ""
    """For people."""


class Dispatch(EventMessage):
    """発動 / 充放電指令: the set-point of one slot (claim 1)."""

    kind: ClassVar[str] = "dispatch"
    award_id: Stem
    """Of the award."""
    slot: Annotated[int, Field(ge=0, lt=MAX_SLOTS)]
    """Its number, from 0."""
    power_w: SignedPowerW
    """Signed change of load against the own schedule: + = more import, - = less import or more export."""
    valid_for_s: Annotated[int, Field(ge=1, le=7 * 86400)]
    """Life time in seconds from the slot's start."""
    fallback: Fallback = Fallback.OWN_SCHEDULE
    """What to do when it runs out."""
    later: ClassVar[tuple[str, ...]] = ("answer", "telemetry_s")
    answer: Literal[True] | None = None
    """Whether the child is to say at once that it has the dispatch, by a report without a reading. Only to those whose
    contract says that they can."""
    telemetry_s: TelemetrySeconds | None = None
    """How often the child is to tell in the slot what flowed so far, s. Only to those whose contract says that they can."""


class Report(EventMessage):
    """Meter values, on each of the child's edges (meter 13); or, without any, the answer to a dispatch, or what has flowed in
    a slot so far: that is provisional, and enters no sum."""

    kind: ClassVar[str] = "report"
    resource_id: Name
    """The meter's: a resource of the book, or the child itself."""
    readings: Annotated[tuple[Reading, ...], Field(max_length=MAX_SLOTS), FailFast()]
    """A slot each."""
    later: ClassVar[tuple[str, ...]] = ("slot", "state", "measured_at", "energy_wh", "baseline_wh", "power_w")
    slot: Annotated[int, Field(ge=0, lt=MAX_SLOTS)] | None = None
    """Of the dispatch that it answers, or of what has flowed so far."""
    state: EventStatus | None = None
    """Of that slot at the child: `active`, or `near` before it begins."""
    measured_at: Instant | None = None
    """Until when `energy_wh` is metered: only of what has flowed so far."""
    energy_wh: SignedEnergyWh | None = None
    """From the slot's beginning until then, signed Wh, + = import."""
    baseline_wh: SignedEnergyWh | None = None
    """What the own schedule would have taken until then, signed Wh."""
    power_w: SignedPowerW | None = None
    """What flows at that instant, signed W, where it is known."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        answers = self.slot is not None and self.state is not None
        if answers == bool(self.readings) or (self.slot is None) != (self.state is None):
            raise ValueError("a report has readings, or the slot and the state of the dispatch that it answers")
        so_far = self.measured_at, self.energy_wh, self.baseline_wh
        if None in so_far and so_far != (None, None, None):
            raise ValueError("what has flowed so far has an instant, an energy and a baseline")
        if (self.measured_at is not None and self.readings) or (self.measured_at is None and self.power_w is not None):
            raise ValueError("what has flowed so far has no readings beside it, and a power has an instant")
        return self

    @property
    def so_far(self) -> bool:
        """Whether it tells what has flowed so far in a slot: provisional."""
        return self.measured_at is not None


class Withdraw(EventMessage):
    """The child cannot keep its award from a slot on; what it can still give is the truth now."""

    kind: ClassVar[str] = "withdraw"
    award_id: Stem
    """Of the award."""
    from_slot: Annotated[int, Field(ge=0, lt=MAX_SLOTS)]
    """The first slot that changes."""
    power_w: PlanW
    """What it still gives, all slots, W."""
    cause: Text
    """For people."""
