"""What happened to one party in one event, as its notes tell it: what it was asked, how it climbed, the deal, the delivery."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from agents.history.edge import EdgeHistory
from agents.history.rounds import AskedRound, ClimbedRung, CountedAnswers, MeteredSlot
from agents.history.standing import (
    EnergyOr,
    PartyStage,
    PlanOr,
    StageOr,
    Standing,
    WhyUnknown,
    capped,
    ending,
    is_given_back,
    secured,
)
from agents.negotiation.plans.alternative import alternatives
from protocol import messages as m
from protocol import notes as n
from protocol.note_model import NoteModel
from protocol.plan import Plan, add, least, share_pct, shortfall, total
from protocol.rules import best_plan

UTILITY, COORDINATOR, AGGREGATOR, DER = "utility", "coordinator", "aggregator", "der"
ASKED = {n.EventIssued: UTILITY, n.PlanSent: COORDINATOR, n.RequestReceived: AGGREGATOR}
"""Notes that begin a round, and whose they are."""
SUMS = {
    "offers_summed": "offers",
    "surplus_summed": "surplus",
    "plan_summed": "plan",
    "storage_summed": "own storage",
    "relaxed_offers_summed": "relaxed",
}
"""Notes that sum up, and what their rung is called."""


@dataclass(slots=True)
class PartyHistory:
    """One party in one event; `take` puts a note in."""

    name: str
    role: str = DER
    stage: PartyStage = PartyStage.CONSIDERING
    doing: str = ""
    """What the stage does not say: the rung, or how it answered."""
    steps: list[str] = field(default_factory=list)
    """The patent's steps that it told, in order, each once."""
    rounds: list[AskedRound] = field(default_factory=list)
    answers: CountedAnswers = field(default_factory=CountedAnswers)
    offers: dict[str, Plan | None] = field(default_factory=dict)
    """At a coordinator: what each aggregator's answer to its latest request gives; None: nothing."""
    deal_w: Plan | None = None
    own_w: Plan = ()
    """What an aggregator's own storage gives of the deal, W a slot."""
    children: dict[str, EdgeHistory] = field(default_factory=dict)
    """The edges to its children; of entries only, as notes do not tell them."""
    slots: dict[int, MeteredSlot] = field(default_factory=dict)
    account_wh: int | None = None
    """What was due of the deal in all, as the party told it behind the last slot: rounded once, where slots are rounded each."""
    outcome: str = ""
    reason: str = ""
    start_at: datetime | None = None
    """Of the first slot; told by a utility."""
    reply_by: datetime | None = None
    """Until when answers are waited for."""
    rerequests: int = 0
    late: int = 0
    refused: int = 0

    # -- read

    @property
    def requested_w(self) -> Plan:
        """What it was asked for last; empty when nothing is known of it."""
        return self.rounds[-1].requested_w if self.rounds else ()

    @property
    def available_w(self) -> PlanOr:
        """As `Standing` has it."""
        if not self.rounds:
            return None
        last = self.rounds[-1]
        if last.answered_w is not None:
            return last.answered_w
        if self.role == COORDINATOR:
            given = [plan for plan in self.offers.values() if plan is not None and len(plan) == len(last.requested_w)]
            return capped(total(given, len(last.requested_w)), last.requested_w)
        if self.stage in (PartyStage.COLLECTING, PartyStage.RELAXING):
            return WhyUnknown.STILL_ANSWERING
        return capped(last.summed_w, last.requested_w)

    @property
    def secured_w(self) -> Plan | None:
        """The deal that stands, less what was stated to be lost."""
        return secured(self.deal_w, self.outcome)

    @property
    def is_lost(self) -> bool:
        """Whether a deal stood, and nothing of it is left."""
        return is_given_back(self.deal_w)

    @property
    def ending(self) -> str:
        """The outcome as it is told; empty while the event is open."""
        return ending(self.outcome, self.deal_w)

    @property
    def delivered_wh(self) -> int:
        """Of the slots that are summed up."""
        return sum(slot.delivered_wh for slot in self.slots.values())

    @property
    def awarded_wh(self) -> int:
        """Of the deal, in the slots that are summed up."""
        return self.account_wh if self.account_wh is not None else sum(slot.awarded_wh for slot in self.slots.values())

    @property
    def share_pct(self) -> int | None:
        """The deal's share of the request in the worst slot; None without a deal."""
        asked = self.requested_w
        if self.deal_w is None or len(self.deal_w) != len(asked):
            return None
        return share_pct(least(self.deal_w, asked), asked)

    @property
    def disturbed(self) -> int:
        """Children with a deal for which they loosen what their owners agreed to."""
        return sum(edge.loosens for edge in self.children.values())

    def stage_at(self, now: datetime) -> StageOr:
        """A utility does not tell that its first slot begins: the clock does."""
        if self.stage is PartyStage.STANDBY and self.start_at is not None and now >= self.start_at:
            return PartyStage.DELIVERING if now > self.start_at else WhyUnknown.DUE_NOW
        return self.stage

    def standing(self, now: datetime) -> Standing:
        """What every reader has in common."""
        delivered: EnergyOr = WhyUnknown.NOT_NOTED if self.role == DER else self.delivered_wh
        return Standing(self.stage_at(now), self.available_w, self.secured_w, delivered)

    # -- take

    def take(self, note: NoteModel) -> None:
        """A note of this party in this event, in its turn."""
        if note.step[:1] == "S" and note.step not in self.steps:
            self.steps.append(note.step)
        take = TAKES.get(type(note))
        if take is not None:
            take(self, note)

    def _counts(self, note: n.LateAnswerRecorded | n.MessageRefused) -> None:
        if isinstance(note, n.MessageRefused):
            self.refused += 1
        else:
            self.late += 1

    def _metered(self, note: n.SlotMetered) -> None:
        self.slots[note.slot] = MeteredSlot(note.slot, note.delivered_wh, note.awarded_wh, note.reported, note.silent)
        if self.stage is PartyStage.STANDBY:
            self._go(PartyStage.DELIVERING)

    def _accounts(self, note: n.DeliverySummed | n.EventSettled) -> None:
        self.account_wh = note.awarded_wh

    def _lost(self, note: n.ShortfallStated) -> None:
        if self.deal_w is not None:
            self.deal_w = shortfall(self.deal_w, note.shortfall_w)

    def _reduced(self, note: n.EventReduced) -> None:
        """Less is requested of a deal that stands; what was available stays what was offered for it."""
        available_w = self.available_w
        known = available_w if isinstance(available_w, tuple) else None
        self.rounds.append(AskedRound(note.requested_w, answered_w=known))
        self.deal_w = note.power_w

    def _never_issued(self, note: n.PlannedEventCancelled) -> None:
        self.role = UTILITY
        self._go(PartyStage.CLOSED)
        self.outcome, self.reason = "cancelled", note.reason

    def _closed(self, note: n.EventClosed) -> None:
        self._go(PartyStage.CLOSED)
        self.outcome, self.reason = note.outcome, note.reason or ""

    def _owns(self, note: n.AwardsSent | n.OwnStorageReplaces) -> None:
        more = isinstance(note, n.OwnStorageReplaces) and len(self.own_w) == len(note.storage_w)
        self.own_w = add(self.own_w, note.storage_w) if more else note.storage_w

    def _judged(self, note: n.AnswerJudged) -> None:
        self._sum(PartyStage.JUDGING, "answered", note.offered_w)

    def _go(self, stage: PartyStage, doing: str = "", reply_by: datetime | None = None) -> None:
        self.stage, self.doing, self.reply_by = stage, doing, reply_by

    def _asked(self, note: n.EventIssued | n.PlanSent | n.RequestReceived) -> None:
        """A request, or another one: nothing of what came of the one before stands."""
        self.role = ASKED[type(note)]
        self.rounds.append(AskedRound(note.requested_w))
        self.answers, self.offers, self.deal_w, self.own_w, self.slots = CountedAnswers(), {}, None, (), {}
        self.account_wh = None
        self.outcome = self.reason = ""
        self._go(PartyStage.COLLECTING, "", note.reply_by)
        if isinstance(note, n.EventIssued):
            self.start_at = note.start
        elif isinstance(note, n.PlanSent):
            self.answers.asked = len(note.asked)

    def _climbs(self, note: NoteModel) -> None:
        match note:
            case n.RequestValuesSent():
                self.answers.asked, self.reply_by = note.asked, note.reply_by
            case n.SurplusAsked():
                self._go(PartyStage.COLLECTING, "surplus", note.reply_by)
            case n.PlanWanted():
                self._go(PartyStage.COLLECTING, "plan", note.wanted_by)
            case n.ProfilesAsked():
                self._go(PartyStage.COLLECTING, "plan", note.reply_by)
            case n.OwnStorageAdded():
                self.doing = "own storage"
            case n.RelaxAsked():
                self._go(PartyStage.RELAXING, "", note.reply_by)
            case n.SummedUp():
                counted = self.answers
                silent = note.silent if isinstance(note, n.OffersSummed) else counted.silent
                self.answers = CountedAnswers(note.asked, note.yes, note.no, silent)
                self._sum(self.stage, SUMS[note.name], note.available_w)

    def _sum(self, stage: PartyStage, rung: str, available_w: Plan) -> None:
        self.stage, self.reply_by = stage, None
        if self.rounds:
            self.rounds[-1].summed_w = available_w
            self.rounds[-1].rungs.append(ClimbedRung(rung, available_w))

    def _answers_up(self, note: NoteModel) -> None:
        """It answers its parent."""
        last = self.rounds[-1] if self.rounds else AskedRound(())
        match note:
            case n.CanMeet(power_w=power_w):
                last.rungs.append(ClimbedRung("can meet", power_w))
                last.answered_w = power_w
                self._go(PartyStage.OFFERED, "can meet")
            case n.CannotMeet():
                if last.answered_w is not None:  # asked to relax from above: the offer is renewed with what there is
                    last.answered_w = capped(last.summed_w, last.requested_w)
                opts_in = last.answered_w is not None or note.offered_w is not None
                self._go(PartyStage.OFFERED if opts_in else PartyStage.OPTED_OUT, "cannot meet")
            case n.AlternativeProposed(options=options):
                best = best_plan(options.values(), note.requested_w)
                last.rungs.append(ClimbedRung("alternative", best))
                last.answered_w = capped(best, last.requested_w)
                self._go(PartyStage.PROPOSED)
            case n.PlanSecured(secured_w=secured_w) | n.PlanNotSecured(secured_w=secured_w):
                last.rungs.append(ClimbedRung("secured", secured_w))
                last.summed_w, last.answered_w = secured_w, secured_w if any(secured_w) else None
                short = isinstance(note, n.PlanNotSecured)
                nothing = PartyStage.PROPOSED if any(secured_w) else PartyStage.OPTED_OUT
                self._go(nothing if short else PartyStage.OFFERED, "short" if short else "secured")

    def _answers_less(self, note: n.AnswerCorrected) -> None:
        """It tells its parent what is left of its answer."""
        last, left_w = self.rounds[-1] if self.rounds else AskedRound(()), note.available_w
        basis, proposed = (m.OptionBasis.OFFERS,), self.stage is PartyStage.PROPOSED
        options = alternatives(last.requested_w, left_w, basis) if proposed and last.requested_w else ()
        last.summed_w = left_w
        if options:
            last.answered_w = capped(best_plan([one.power_w for one in options], last.requested_w), last.requested_w)
        else:
            last.answered_w = left_w if any(left_w) else None
            self._go(PartyStage.OFFERED if any(left_w) else PartyStage.OPTED_OUT, self.doing)

    def _hears(self, note: NoteModel) -> None:
        """A coordinator hears an aggregator, or asks one again."""
        match note:
            case n.CanMeetReceived(aggregator=name, power_w=power_w):
                self.offers[name] = power_w
            case n.AlternativeReceived(aggregator=name, proposed_w=proposed_w):
                self.offers[name] = proposed_w
            case n.AggregatorOptedOut(aggregator=name):
                self.offers[name] = None
            case n.RerequestSent(aggregator=name):
                self.offers.pop(name, None)
                self.rerequests += 1
                self._go(PartyStage.COLLECTING, "re-requesting", note.reply_by)
        self.answers.yes = sum(plan is not None for plan in self.offers.values())
        self.answers.no = len(self.offers) - self.answers.yes

    def _deal(
        self, note: n.AwardReceived | n.EventAwarded | n.MandateStands | n.EarlierDealStands | n.DeliveryBegins
    ) -> None:
        self.deal_w = note.power_w
        if isinstance(note, n.DeliveryBegins):
            self._go(PartyStage.DELIVERING)
        elif self.stage is not PartyStage.DELIVERING:
            self._go(PartyStage.STANDBY)

    def _device(self, note: NoteModel) -> None:
        """A DER: `offered` and `opted_out` are its answers to what it was asked last."""
        if self.role != DER:
            return
        match note:
            case n.ResidentAsked(answer_by=answer_by):
                self._go(PartyStage.CONSIDERING, "", answer_by)
            case n.DeviceOffered() | n.DeviceOfferedRelaxed():
                self.rounds = [AskedRound(note.asked_w, [], note.power_w, note.power_w)]
                self.deal_w, self.outcome = None, ""
                self._go(PartyStage.OFFERED)
            case n.DeviceOptedOut():
                self.deal_w, self.outcome = None, ""
                self._go(PartyStage.OPTED_OUT)
            case n.DeviceStandingBy():
                self.deal_w = note.power_w
                if self.stage is not PartyStage.DELIVERING:
                    self._go(PartyStage.STANDBY)
            case n.DeviceControlled():
                self._go(PartyStage.DELIVERING)


Take: TypeAlias = Callable[[PartyHistory, Any], None]
P = PartyHistory
TAKES: dict[type[NoteModel], Take] = {
    **dict.fromkeys((n.EventIssued, n.PlanSent, n.RequestReceived), P._asked),
    **dict.fromkeys((n.LateAnswerRecorded, n.MessageRefused), P._counts),
    **dict.fromkeys((n.RequestValuesSent, n.SurplusAsked, n.OwnStorageAdded, n.RelaxAsked), P._climbs),
    **dict.fromkeys((n.OffersSummed, n.SurplusSummed, n.StorageSummed, n.RelaxedOffersSummed), P._climbs),
    **dict.fromkeys((n.CanMeet, n.CannotMeet, n.AlternativeProposed, n.PlanSecured, n.PlanNotSecured), P._answers_up),
    **dict.fromkeys((n.CanMeetReceived, n.AlternativeReceived, n.AggregatorOptedOut, n.RerequestSent), P._hears),
    **dict.fromkeys((n.AwardReceived, n.EventAwarded, n.MandateStands), P._deal),
    **dict.fromkeys((n.EarlierDealStands, n.DeliveryBegins), P._deal),
    **dict.fromkeys((n.ResidentAsked, n.DeviceOffered, n.DeviceOfferedRelaxed, n.DeviceOptedOut), P._device),
    **dict.fromkeys((n.DeviceStandingBy, n.DeviceControlled), P._device),
    **dict.fromkeys((n.AwardsSent, n.OwnStorageReplaces), P._owns),
    n.AnswerCorrected: P._answers_less,
    n.AnswerJudged: P._judged,
    n.ShortfallStated: P._lost,
    n.EventReduced: P._reduced,
    n.PlannedEventCancelled: P._never_issued,
    n.SlotMetered: P._metered,
    **dict.fromkeys((n.DeliverySummed, n.EventSettled), P._accounts),
    n.EventClosed: P._closed,
}
"""What a note changes; the others change nothing."""
