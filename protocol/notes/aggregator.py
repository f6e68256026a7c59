"""What the aggregator tells on its way from a request to an answer (S20-S33)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan


@note_of("request_received", "S20")
class RequestReceived(NoteModel):
    """An aggregator is asked, or asked again."""

    requested_w: Plan
    round: int
    direction: str
    reply_by: datetime


@note_of("request_values_sent", "S22")
class RequestValuesSent(NoteModel):
    """An aggregator asks so many members for so much together."""

    asked: int
    power_w: Plan
    reply_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SummedUp(NoteModel):
    """What is available after a rung, and how many of those asked have answered how."""

    requested_w: Plan
    available_w: Plan
    shortfall_w: Plan
    enough: bool
    asked: int
    yes: int
    no: int
    silent: int


@note_of("capability_used", "S21")
class CapabilityUsed(NoteModel):
    """So many members have told what they could probably give, in all `power_w` at most: their request values go by it."""

    told: int
    power_w: Plan


@note_of("asked_too_late")
class AskedTooLate(NoteModel):
    """So many children (the first ones named) have less time than they need by contract; they are asked all the same."""

    children: int
    first: Sequence[str]
    given_s: int


@note_of("offers_summed", "S24")
class OffersSummed(SummedUp):
    """The sum of the members' offers."""


@note_of("surplus_summed")
class SurplusSummed(SummedUp):
    """The same, after those who could give more were asked for it."""


@note_of("plan_summed")
class PlanSummed(SummedUp):
    """The same, each member giving the mix of its profiles that the best plan says."""


@note_of("storage_summed", "S27")
class StorageSummed(SummedUp):
    """The same with own storage."""


@note_of("relaxed_offers_summed", "S30")
class RelaxedOffersSummed(SummedUp):
    """The same with relaxed offers in the place of earlier ones."""


@note_of("own_storage_added", "S26")
class OwnStorageAdded(NoteModel):
    """Own storage adds what it can to a sum that falls short."""

    shortfall_w: Plan
    storage_w: Plan


@note_of("surplus_asked")
class SurplusAsked(NoteModel):
    """So many members are asked once more, for up to what they said that they could give: `power_w` in all."""

    shortfall_w: Plan
    power_w: Plan
    asked: int
    reply_by: datetime


@note_of("plan_wanted")
class PlanWanted(NoteModel):
    """The best plan is wanted over so many members that told more profiles than one."""

    members: int
    wanted_by: datetime
    question: int


@note_of("plan_found")
class PlanFound(NoteModel):
    """What the best plan makes available. No plan has a level above `bound_pm` thousandths: `weights` prove it."""

    available_w: Plan
    members: int
    question: int
    bound_pm: int | None = None
    weights: Sequence[int] | None = None
    slots: Sequence[int] | None = None
    loosened: int | None = None
    """Members that count with what their owners loosen; None: none were asked to."""


@note_of("plan_missed")
class PlanMissed(NoteModel):
    """There is no plan: what members offered first stands."""

    reason: str


@note_of("profiles_asked")
class ProfilesAsked(NoteModel):
    """So many members are asked once more, in better shapes: a watt more is worth so much in each slot."""

    shortfall_w: Plan
    asked: int
    weights: Sequence[int]
    reply_by: datetime


@note_of("relax_asked", "S28")
class RelaxAsked(NoteModel):
    """So many members are asked to loosen what their owners agreed to."""

    shortfall_w: Plan
    asked: int
    reply_by: datetime


@note_of("nobody_to_relax")
class NobodyToRelax(NoteModel):
    """The rung is left at once: nobody may be asked to loosen anything."""

    shortfall_w: Plan


@note_of("can_meet", "S36")
class CanMeet(NoteModel):
    """An aggregator offers all that it was asked for."""

    power_w: Plan


@note_of("cannot_meet")
class CannotMeet(NoteModel):
    """No rung is left: an aggregator answers with what its last rung allows; without `offered_w` it takes no part."""

    shortfall_w: Plan
    offered_w: Plan | None = None


@note_of("alternative_proposed", "S33")
class AlternativeProposed(NoteModel):
    """An aggregator proposes plans instead, by their shapes; `basis` says on which rungs they stand."""

    requested_w: Plan
    options: Mapping[str, Plan]
    basis: Sequence[str]
