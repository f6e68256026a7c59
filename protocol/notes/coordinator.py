"""What the coordinator tells (S1-S7)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan


@note_of("plan_sent", "S1")
class PlanSent(NoteModel):
    """The coordinator makes its plan and asks these aggregators."""

    requested_w: Plan
    plan: str
    direction: str
    asked: Sequence[str]
    reply_by: datetime


@note_of("capability_used", "S1")
class AbilityUsed(NoteModel):
    """So many aggregators have told what they could probably give: the plan goes by that. `power_w`: in all."""

    told: int
    power_w: Plan


@note_of("aggregator_opted_out", "S2")
class AggregatorOptedOut(NoteModel):
    """An aggregator offers nothing."""

    aggregator: str


@note_of("can_meet_received", "S2")
class CanMeetReceived(NoteModel):
    """An aggregator can meet its request; `available_w` is what it could give at most."""

    aggregator: str
    power_w: Plan
    available_w: Plan


@note_of("alternative_received", "S3")
class AlternativeReceived(NoteModel):
    """An aggregator proposes a plan instead; of several the one that counts."""

    aggregator: str
    requested_w: Plan
    proposed_w: Plan


@note_of("alternative_judged", "S4")
class AlternativeJudged(NoteModel):
    """The coordinator judges a proposed plan by its share in the worst slot (or of the energy), or what others have over."""

    aggregator: str
    proposed_w: Plan
    shortfall_w: Plan
    share_pct: int
    least_pct: int
    others_have_over_w: Plan
    accepted: bool


@note_of("plan_revised", "S5")
class PlanRevised(NoteModel):
    """The coordinator revises its plan for a gap; `plans` by aggregator."""

    shortfall_w: Plan
    plans: Mapping[str, Plan]


@note_of("rerequest_sent", "S6")
class RerequestSent(NoteModel):
    """The coordinator asks an aggregator again; what that one offered before counts no more."""

    aggregator: str
    requested_w: Plan
    round: int
    reply_by: datetime


@note_of("plan_secured")
class PlanSecured(NoteModel):
    """The coordinator has all that it was asked for, and answers the utility."""

    requested_w: Plan
    secured_w: Plan


@note_of("plan_not_secured")
class PlanNotSecured(NoteModel):
    """The coordinator has less than it was asked for, and answers the utility."""

    requested_w: Plan
    secured_w: Plan
    shortfall_w: Plan


@note_of("deal_concluded", "S7")
class DealConcluded(NoteModel):
    """The coordinator awards an aggregator so much of the answer `accepts`."""

    aggregator: str
    power_w: Plan
    accepts: str


@note_of("mandate_stands")
class MandateStands(NoteModel):
    """What the coordinator concluded under the utility's mandate is the deal, though no award came."""

    power_w: Plan
