"""Every note that a party tells: what is worth telling beside the messages, for logs, live views and explanations.

Powers in W a slot in the event's direction, energies in Wh, shares in percent, slots from 0. Names, steps and keys are
frozen: journals are folded and compared with them. docs/notes.md is made of this page (`gridpact schema --notes`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan

# -- the utility


@note_of("event_issued")
class EventIssued(NoteModel):
    """The utility asks for a change of load; a higher revision changes the event."""

    direction: str
    requested_w: Plan
    start: datetime
    reply_by: datetime
    revision: int = 1


@note_of("answer_judged")
class AnswerJudged(NoteModel):
    """The utility judges all answers together; `share_pct` is that of the worst slot, or of the energy where that counts."""

    requested_w: Plan
    offered_w: Plan
    share_pct: int
    least_pct: int
    bought: bool


@note_of("event_awarded")
class EventAwarded(NoteModel):
    """The utility awards what was offered, at most what it asked."""

    power_w: Plan
    requested_w: Plan


@note_of("obliged_short")
class ObligedShort(NoteModel):
    """Of capacity that is reserved by contract so much is missing: the rest is bought."""

    requested_w: Plan
    secured_w: Plan
    shortfall_w: Plan


@note_of("event_reduced")
class EventReduced(NoteModel):
    """The operator asks for less of an event that stands: the deal is cut, and nobody is asked anew."""

    power_w: Plan
    requested_w: Plan


@note_of("settled", "meter")
class EventSettled(NoteModel):
    """The utility's account; so many meters tell it `metered_directly_wh` themselves, `storage_wh` aggregators' own."""

    delivered_wh: int
    awarded_wh: int
    requested_wh: int
    metered_directly_wh: int
    meters: int
    storage_wh: int | None = None
    values_missing: int | None = None
    """Of the meters' values that were asked for, where the utility asks."""
    sources: Mapping[str, Sequence[int]] | None = None
    """By aggregator: what meters told of `delivered_wh`, own storage, estimates; and what was awarded and nobody told."""


@note_of("order_refused")
class OrderRefused(NoteModel):
    """The utility refuses an operator's order."""

    reason: str


@note_of("planned_event_cancelled")
class PlannedEventCancelled(NoteModel):
    """The operator cancels an event of the file before it is issued."""

    reason: str


# -- the coordinator


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


# -- the aggregator's ladder


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
    """No rung is left: an aggregator answers with what its last rung allows, most often nothing."""

    shortfall_w: Plan


@note_of("alternative_proposed", "S33")
class AlternativeProposed(NoteModel):
    """An aggregator proposes plans instead, by their shapes; `basis` says on which rungs they stand."""

    requested_w: Plan
    options: Mapping[str, Plan]
    basis: Sequence[str]


# -- the deal, at every party with children


@note_of("award_received", "S34")
class AwardReceived(NoteModel):
    """The parent buys so much of the answer `accepts`; a later one changes the deal."""

    power_w: Plan
    accepts: str


@note_of("awards_sent", "S35")
class AwardsSent(NoteModel):
    """An aggregator shares the deal out to so many members; `storage_w` of it is its own storage's part."""

    awarded: int
    power_w: Plan
    storage_w: Plan


@note_of("all_confirmed")
class AllConfirmed(NoteModel):
    """Every award that stands is confirmed."""

    children: int
    power_w: Plan


@note_of("award_lost")
class AwardLost(NoteModel):
    """An award was not confirmed in time, or is not known any more, and is cancelled."""

    child: str
    cause: str
    power_w: Plan


@note_of("peer_lost_memory")
class PeerLostMemory(NoteModel):
    """A peer does not know what it had agreed to, as its refusal of a message of that kind shows: its journal may be lost."""

    peer: str
    kind: str


@note_of("own_memory_lost")
class OwnMemoryLost(NoteModel):
    """A peer has had another message under the same id, which this journal lacks: it is resent under a higher number."""

    peer: str
    kind: str
    number: int


@note_of("award_refused")
class AwardRefused(NoteModel):
    """A child refuses its award."""

    child: str
    cause: str


@note_of("withdrawn")
class AwardWithdrawn(NoteModel):
    """A child takes back a part of its award: `power_w` is left."""

    child: str
    cause: str
    power_w: Plan
    awarded_w: Plan


@note_of("replaced")
class AwardReplaced(NoteModel):
    """A child that offered more is awarded so much on top, for what was lost elsewhere."""

    child: str
    power_w: Plan
    cause: str


@note_of("own_storage_replaces", "S26")
class OwnStorageReplaces(NoteModel):
    """Own storage takes over so much of what was lost."""

    storage_w: Plan


@note_of("shortfall_stated")
class ShortfallStated(NoteModel):
    """What was lost and cannot be replaced: the deal is smaller by it."""

    shortfall_w: Plan
    cause: str


@note_of("offer_taken_back")
class OfferTakenBack(NoteModel):
    """A child gives less than it has answered, before anything was awarded: `left_w` is left."""

    child: str
    left_w: Plan


@note_of("answer_corrected")
class AnswerCorrected(NoteModel):
    """What was told the parent does not hold any more: it is told what is left."""

    told_w: Plan
    available_w: Plan


@note_of("late_answer_recorded")
class LateAnswerRecorded(NoteModel):
    """An offer or alternative came after its stage and is not counted."""

    child: str
    kind: str


@note_of("closed")
class EventClosed(NoteModel):
    """The event has ended for a party; a reason is told by those with children."""

    outcome: str
    reason: str | None = None


# -- delivery


@note_of("delivering")
class DeliveryBegins(NoteModel):
    """The first slot begins."""

    power_w: Plan


@note_of("dispatched", "claim 1")
class SlotDispatched(NoteModel):
    """An aggregator commands so many DERs for a slot in which `power_w` (W) is due in all."""

    slot: int
    dispatched: int
    power_w: int


@note_of("dispatch_noted")
class DispatchNoted(NoteModel):
    """A dispatch from above (signed W, + = import) changes nothing: an aggregator acts on its award."""

    slot: int
    power_w: int


@note_of("slot_metered", "meter")
class SlotMetered(NoteModel):
    """A slot is summed up: so many meters have reported; `change_wh` against declared schedules, where that differs."""

    slot: int
    delivered_wh: int
    awarded_wh: int
    reported: int
    silent: int
    change_wh: int | None = None


@note_of("impossible_reading")
class ImpossibleReading(NoteModel):
    """A child's meter tells a change of load beyond its contract: recorded, not counted. Signed Wh, + = import."""

    child: str
    slot: int
    energy_wh: int
    baseline_wh: int


@note_of("late_report_recorded")
class LateReportRecorded(NoteModel):
    """A meter value came after its slot was summed up and is not counted: of journals of 0.1.0."""

    child: str
    slot: int


@note_of("late_report_counted")
class LateReportCounted(NoteModel):
    """A meter value came after its slot was summed up, or another than before: the slot's sum is corrected."""

    child: str
    slot: int


@note_of("reports_asked", "meter")
class ReportsAsked(NoteModel):
    """So many children have not reported a slot: each is sent its dispatch of the slot again."""

    slot: int
    asked: int


@note_of("gives_less", "meter")
class GivesLess(NoteModel):
    """A child gave less than was due in a slot (`silent`: its meter told nothing): so much is expected of it now."""

    child: str
    slot: int
    due_wh: int
    given_wh: int
    expected_pct: int
    silent: bool


@note_of("gives_again", "meter")
class GivesAgain(NoteModel):
    """A child that gave less has given what was due in a slot: its whole award is expected of it again."""

    child: str
    slot: int


@note_of("heard_again", "meter")
class HeardAgain(NoteModel):
    """An aggregator has told the sum of a slot after it had told none: all of its award is expected of it."""

    child: str
    slot: int


@note_of("dispatch_unanswered", "claim 1")
class DispatchUnanswered(NoteModel):
    """A child has not answered the dispatch of a slot however often it was sent: nothing is expected of it."""

    child: str
    slot: int


@note_of("dispatch_refused", "claim 1")
class DispatchRefused(NoteModel):
    """A child has refused the dispatch of a slot, by an award that it had confirmed: nothing is expected of it."""

    child: str
    slot: int
    reason: str


@note_of("delivered", "meter")
class DeliverySummed(NoteModel):
    """The last slot is summed up: `delivered_wh` as the programme counts, `change_wh` against declared schedules."""

    delivered_wh: int
    awarded_wh: int
    change_wh: int | None = None


# -- devices


@note_of("resident_asked", "S50")
class ResidentAsked(NoteModel):
    """A home asks its resident; the stored rule decides at `answer_by`."""

    question: str
    answer_by: datetime


@note_of("consent_decided", "S50")
class ConsentDecided(NoteModel):
    """The resident or the stored rule has decided."""

    take_part: bool
    by: str


@note_of("decision_too_late")
class DecisionTooLate(NoteModel):
    """A resident's answer that changes nothing any more in what stands; a later round goes by it."""


@note_of("device_not_counted_on", "S50")
class DeviceNotCountedOn(NoteModel):
    """A device offers nothing because its state is too old for its contract, or because it told a fault."""

    resource_id: str
    why: str


@note_of("grid_lost")
class GridLost(NoteModel):
    """A home's connection point has no grid: what it promised is withdrawn, and nothing is offered until it is back."""


@note_of("grid_back")
class GridBack(NoteModel):
    """A home's connection point has the grid again."""


@note_of("offered", "S51")
class DeviceOffered(NoteModel):
    """A DER offers so much of what it was asked for; `binding` says for each slot why no more."""

    power_w: Plan
    asked_w: Plan
    binding: Sequence[str | None]


@note_of("offered", "S53")
class DeviceOfferedRelaxed(NoteModel):
    """The same with its restrictions loosened."""

    power_w: Plan
    asked_w: Plan
    binding: Sequence[str | None]


@note_of("opted_out", "S51")
class DeviceOptedOut(NoteModel):
    """A DER takes no part."""

    reason: str
    binding: Sequence[str | None]


@note_of("standing_by", "S54")
class DeviceStandingBy(NoteModel):
    """A DER has an award, on its `own` or its `relaxed` offer."""

    power_w: Plan
    basis: str


@note_of("controlling", "control")
class DeviceControlled(NoteModel):
    """A DER follows a dispatch; `power_w` is the signed change of load, W, + = import."""

    slot: int
    power_w: int


@note_of("slot_not_metered", "meter")
class SlotNotMetered(NoteModel):
    """A device of a DER tells no energy of a slot: the DER reports none."""

    slot: int
    resource_id: str


# -- every party


@note_of("message_refused")
class MessageRefused(NoteModel):
    """It refuses what came on an edge; bytes that are no message have no kind."""

    edge: str
    kind: str | None = None
    reason: str
    text: str


@note_of("message_rejected_by_peer")
class MessageRejected(NoteModel):
    """A peer refuses what it sent."""

    edge: str
    kind: str
    reason: str
    text: str


@note_of("book_changed")
class BookChanged(NoteModel):
    """The book was changed: so many joined, changed, left (the first ones named). It counts for events that begin now."""

    joined: int
    changed: int
    left: int
    first: Sequence[str]


@note_of("settings_changed")
class SettingsChanged(NoteModel):
    """These settings are others now, for events that begin from now on."""

    changed: Sequence[str]


@note_of("reliability_corrected")
class ReliabilityCorrected(NoteModel):
    """An operator has contested what was learned of a member: so much of what it is asked for is expected of it now."""

    child: str
    before_pct: int
    expected_pct: int
    cause: str


@note_of("member_left")
class MemberLeft(NoteModel):
    """The contract of a child has ended: what it answered does not count, and its award of `power_w` is cancelled."""

    child: str
    power_w: Plan


@note_of("clock_set_back")
class ClockSetBack(NoteModel):
    """The machine's clock was set back: what comes after this step is at or after that instant."""

    to_at: datetime
    by_s: int


@note_of("clock_set")
class ClockSet(NoteModel):
    """A fleet follows the machine's clock, which was set (back: negative), or counts that it was suspended."""

    set_by_s: int
    asleep_s: int


@note_of("journal_archived")
class JournalArchived(NoteModel):
    """A fleet at rest has moved its journal to the archive."""

    file: str
