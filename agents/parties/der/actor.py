"""A distributed energy resource (DER): a home's HEMS, a vehicle that answers by itself, a plant. S50-S54.

    considering -> offered | opted_out -> [offered] -> awarded -> active -> completed

`offered -> considering` on a re-request, `offered <-> opted_out` when the resident changes its mind; an event also ends
as not_needed, no_deal, cancelled, withdrawn, expired.
Its own safety wins always: without a valid award and a dispatch that has not run out it follows its own schedule.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agents.negotiation.cause import OUTAGE, OVERRIDE
from agents.negotiation.life import TRIES, next_life
from agents.negotiation.lost_memory import FORGOTTEN, ends_withdrawal, is_of_no_award
from agents.parties.der import messages
from agents.parties.der.capability import home_capability
from agents.parties.der.checks import award_problem, keeps_firm, kept_by, relax_refusal, relaxed_ask_w, though_unheard
from agents.parties.der.control import Controlled
from agents.parties.der.deals import HomeDeals
from agents.parties.der.event import DerEvent, DerStage, DerTimer
from agents.parties.der.home import Home
from agents.parties.der.offers import HomeOffers
from agents.parties.der.question import most_of, question_words
from agents.parties.der.resident import Resident
from agents.settings.at_once import with_owners_settings
from agents.settings.parties import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Decided, Outage, Reconfigured
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import covers, most
from protocol.rules import order_of

RESIDENT = "the resident"


class Der(Controlled):
    """The actor: decides, offers, loosens, takes the award."""

    def __init__(self, settings: DerSettings, home: Home | None = None) -> None:
        super().__init__(settings, home)
        self.resident = Resident(self, settings)
        self.offers = HomeOffers(self, self.home, self.ledger)
        self.deals = HomeDeals(self, self.home, self.ledger, self.offers, self.withdrawals)
        self._handlers |= {m.Request: self._on_request, m.Relax: self._on_relax, m.Award: self._on_award}
        self._takers |= {Decided: self._decided, Outage: self._outage, Reconfigured: self._reconfigured}
        self._timers |= {DerTimer.ANSWER: self._unanswered, DerTimer.VALID: self._expired}

    def _resumed(self, now: datetime) -> None:
        for event in self.events.values():
            if event.stage is DerStage.OFFERED:
                for offer in event.offers.values():
                    self.send(event.edge, offer)
            elif event.stage is DerStage.CONSIDERING and event.timers.get(DerTimer.ANSWER, now) > now:
                self.resident.ask(event)

    # -- S50, S51

    def _on_request(self, edge: Edge, request: m.Request, now: datetime) -> None:
        event = self.events.get(request.event_id)
        if event is not None:
            key, known = order_of(request), order_of(event.request)
            if key <= known:
                raise RefusedMessage(RejectReason.STALE, f"revision {key} of the request; {known} is known")
            if now > request.reply_by:  # what stands goes on to stand
                raise RefusedMessage(RejectReason.EXPIRED, f"heard at {now.isoformat()}, after reply_by")
            earlier, kept = event.standing() if event.asks_again(request) else {}, event.kept_for(request)
            if not earlier and kept is None:
                self._release(event, now)
            fresh = self._asked_anew(event, edge, request)
            if kept is not event:
                event.go(DerStage.CONSIDERING)
            event = self.events[request.event_id] = fresh
            event.earlier, event.kept = earlier, kept
        else:
            event = self.events[request.event_id] = DerEvent(edge, request)
            self._make_room(now)
            if len(self.events) > self.MOST_OPEN:
                del self.events[request.event_id]
                raise RefusedMessage(RejectReason.OVERLOAD, f"{self.MOST_OPEN} events are open")
        if now > request.reply_by:
            self._close(event, "expired", now)
            raise RefusedMessage(RejectReason.EXPIRED, f"heard at {now.isoformat()}, after reply_by")
        if self.outage:
            self.offers.opt_out(event, m.OptReason.OUTAGE_RUN_STATUS, now)
            return
        match event.consent, self.settings.consent:
            case (False, _):
                self.offers.opt_out(event, m.OptReason.OVERRIDE_STATUS, now)
            case (None, Consent.NEVER):
                self.offers.opt_out(event, m.OptReason.NOT_PARTICIPATING, now)
            case (None, Consent.ASK):
                self.resident.open(event, now)
            case _:
                self._answer(event, now)

    def _asked_anew(self, before: DerEvent, edge: Edge, request: m.Request) -> DerEvent:
        """The event of a later request. What was decided stands, as long as it is about the same slots; where everybody
        takes part unasked, a no stands whatever the slots."""
        fresh = DerEvent(edge, request, superseded=(*before.superseded, before.request.request_id))
        if before.asks_the_same(request):
            fresh.consent, fresh.timers = before.consent, _only(DerTimer.ANSWER, before.timers)
        elif before.consent is False and self.settings.consent is not Consent.ASK:
            fresh.consent = False
        return fresh

    # -- without the grid

    def _outage(self, item: Outage, now: datetime) -> None:
        """What was promised is withdrawn at once, what was offered taken back; nothing is offered until the grid is back."""
        self.outage = item.is_out
        self.tell("grid_lost" if item.is_out else "grid_back")
        for event in list(self.events.values()) if item.is_out else ():
            if event.stage in (DerStage.AWARDED, DerStage.ACTIVE):
                self.withdraw(event.request.event_id, OUTAGE, now)
            elif event.stage in (DerStage.CONSIDERING, DerStage.OFFERED):
                self._take_back(event, now)
                event.timers.pop(DerTimer.ANSWER, None)
                self.offers.opt_out(event, m.OptReason.OUTAGE_RUN_STATUS, now)

    # -- by hand

    def question(self, event_id: str) -> str | None:
        """What the resident is asked about an event, in words, as things stand; None where it is not known."""
        event = self.events.get(event_id)
        return None if event is None else question_words(event.request, most_of(self.home, self.ledger, event.request))

    @property
    def capability_every_s(self) -> int | None:
        """How often it tells its parent what it could probably give."""
        return self.settings.capability_every_s

    def capability(self, told: Mapping[str, m.Capability], now: datetime) -> m.Capability:
        """What it could probably give over the next day."""
        settings = self.settings.model_copy(update={"consent": Consent.NEVER}) if self.outage else self.settings
        return home_capability(settings, self.home, self.ledger, now, self.capability_every_s or 0)

    def _decided(self, item: Decided, now: datetime) -> None:
        """An answer, or a change of mind: a no before the award takes the offer back, a no behind it withdraws; a late
        yes is a late offer. Whatever is too late now stands for later rounds."""
        event = self.events.get(item.event_id)
        if event is None:
            self.tell("decision_too_late", item.event_id)
            return
        event.consent = item.take_part
        match event.stage, item.take_part:
            case (DerStage.AWARDED | DerStage.ACTIVE, False):
                self.withdraw(item.event_id, OVERRIDE, now)
            case (DerStage.OFFERED, False):
                self._take_back(event, now)
                self._decide(event, False, RESIDENT, now)
            case (DerStage.CONSIDERING, take_part):
                self._decide(event, take_part, RESIDENT, now)
            case (DerStage.OPTED_OUT, True) if now <= event.terms.decide_by:
                self._decide(event, True, RESIDENT, now)
            case (DerStage.OFFERED | DerStage.AWARDED | DerStage.ACTIVE, True) | (DerStage.OPTED_OUT, False):
                self.resident.note(event, RESIDENT)
            case _:
                self.tell("decision_too_late", item.event_id)

    def _reconfigured(self, item: Reconfigured, now: datetime) -> None:
        """What the owner agrees to holds at once: who takes part in nothing any more takes back what it gave."""
        self.owner_agrees_to(item.settings or {})
        self.tell("owner_agrees", data={"changed": list(item.settings or ())})
        for event_id, event in list(self.events.items()) if self.settings.consent is Consent.NEVER else ():
            if event.stage in (DerStage.CONSIDERING, DerStage.OFFERED, DerStage.AWARDED, DerStage.ACTIVE):
                self._decided(Decided(event_id, False), now)

    def owner_agrees_to(self, settings: Mapping[str, object]) -> None:
        """Let these settings hold from now on."""
        self.owners |= settings
        self.settings = with_owners_settings(self.settings, dict(settings))

    def _take_back(self, event: DerEvent, now: datetime) -> None:
        """Nothing is offered any more: an award of it is refused."""
        self._release(event, now)
        self.second_look.without(event, self.events, now)
        event.timers.pop(DerTimer.VALID, None)
        event.answers.clear()
        event.offers.clear()
        event.earlier, event.kept = {}, None

    def _unanswered(self, event: DerEvent, now: datetime) -> None:
        self._decide(event, self.settings.stored_rule, "the stored rule", now)

    def _expired(self, event: DerEvent, now: datetime) -> None:
        if event.kept is not None:
            self._stands_again(event.kept, now)
        else:
            self._close(event, "expired", now)

    def _stands_again(self, event: DerEvent, now: datetime) -> None:
        """Nothing came of a change: what was awarded before it stands again, as far as it is still there."""
        assert event.award is not None
        self.events[event.request.event_id] = event
        self.tell("earlier_deal_stands", event.request.event_id, data={"power_w": event.award.power_w})
        self.deals.stand_again(event, now)

    def _decide(self, event: DerEvent, take_part: bool, who: str, now: datetime) -> None:
        self.resident.decided(event, take_part, who)
        if take_part:
            self._answer(event, now)
        else:
            self.offers.opt_out(event, m.OptReason.OVERRIDE_STATUS, now)

    def _answer(self, event: DerEvent, now: datetime) -> None:
        if self.outage:
            self.offers.opt_out(event, m.OptReason.OUTAGE_RUN_STATUS, now)
            return
        answer = self.offers.compute(event, event.request.power_w, (), now)
        for name, why in self.home.troubled.items():
            self.tell("device_not_counted_on", event.request.event_id, "S50", {"resource_id": name, "why": why})
        told = self.offers.profiles(event, event.request.profiles)
        if any(answer.joint.power_w) or (told is not None and any(map(any, told.offered.power_w))):
            self.offers.offer(event, answer, m.Basis.OWN, now, told)
        else:
            troubled = len(self.home.troubled) == len(self.home.devices)
            reason = m.OptReason.OUTAGE_RUN_STATUS if troubled else m.OptReason.MUST_RUN
            self.offers.opt_out(event, reason, now, answer)

    # -- S52, S53

    def _on_relax(self, edge: Edge, relax: m.Relax, now: datetime) -> None:
        event = self._event(relax)
        refusal = relax_refusal(event.stage, event.terms, event.offered_w, relax, now)
        if refusal is not None:
            raise refusal
        own_w = event.offered_w[m.Basis.OWN]
        answer = self.offers.compute(event, relaxed_ask_w(own_w, relax), relax.restrictions, now)
        if not keeps_firm(answer.joint.power_w, own_w):
            answer = replace(event.answers[m.Basis.OWN].answer, loosened=relax.restrictions)
        event.loosened = relax.restrictions if relax.profiles is not None else ()
        self.offers.offer(event, answer, m.Basis.RELAXED, now, self.offers.profiles(event, relax.profiles))

    # -- lost memory

    def _refused_above(self, edge: Edge, sent: m.EventMessage, reject: m.Reject, now: datetime) -> None:
        """The parent knows nothing of the event any more, and nothing is promised to it; or an earlier life of ours has
        sent it another message under the same id."""
        event = self.events.get(sent.event_id)
        if event is None or edge != event.edge or sent.request_id != event.request.request_id:
            return
        if is_of_no_award(sent, reject):
            return
        if ends_withdrawal(sent, reject):
            event.timers.pop(DerTimer.WITHDRAW, None)
        number = 0
        if reject.reason in FORGOTTEN and event.stage is not DerStage.CLOSED:
            self.tell("peer_lost_memory", sent.event_id, data={"peer": edge.parent, "kind": sent.kind})
            if isinstance(sent, m.Confirm) and reject.reason is RejectReason.UNKNOWN_AWARD:
                for offer in event.offers.values() if event.said_again < TRIES else ():
                    self.send(edge, offer)  # it knows what it asked, and perhaps not our answer
                event.said_again += 1
                return
            self._release(event, now)
            self._close(event, m.Outcome.CANCELLED, now)
        elif reject.reason is not RejectReason.CONFLICT:
            return
        elif isinstance(sent, m.Offer):
            number = self.offers.anew(event, sent, next_life(sent.revision), now)
        elif isinstance(sent, m.Confirm) and not sent.accepted:
            number = self.withdrawals.unknown(event, sent, now)
        elif isinstance(sent, m.Report) and sent.readings and sent.revision <= event.slots:
            number = self.meter.anew(event, sent.readings[0].slot, now)
        if number:
            told = {"peer": edge.parent, "kind": sent.kind, "number": number}
            self.tell("own_memory_lost", sent.event_id, data=told)

    # -- S54

    def _on_award(self, edge: Edge, award: m.Award, now: datetime) -> None:
        kept = kept_by(self.events.get(award.event_id), award)
        if kept is not None:
            self._stands_again(kept, now)
        event = though_unheard(self.events.get(award.event_id), award) or self._event(award)
        known = event.award
        if known is not None and known.award_id == award.award_id and award.revision <= known.revision:
            raise RefusedMessage(RejectReason.STALE, f"revision {award.revision}; {known.revision} is known")
        event.timers.pop(DerTimer.WITHDRAW, None)
        if award.outcome is not m.Outcome.CONCLUDED:
            event.award = award
            self._confirm(event, award, "", now)
            if event.stage is not DerStage.CLOSED:
                self._release(event, now)
                self.meter.cancelled(event, now)
                self._close(event, award.outcome, now)
            elif event.withdrawal is not None and award.reason != event.withdrawal.cause:
                self.meter.cancelled_behind(event, now)
            return
        accepted = event.standing().get(award.accepts or "")
        accepted_w = None if accepted is None else event.most_w(accepted)
        if accepted_w is not None and event.accepted is not None and known is not None:
            accepted_w = most(accepted_w, known.power_w)  # what stands may be a mix with earlier offers
        mixed = [] if accepted is None else event.mixed_with(accepted)
        problem = award_problem(
            event.stage, event.outcome, event.terms, accepted_w, award, now, first=event.award is None
        )  # fmt: skip
        self._confirm(event, award, problem, now)
        if accepted is not None and not problem:
            event.recall(accepted)
            basis = accepted.offer.basis
            other = not covers(event.answers[basis].answer.joint.power_w, award.power_w)
            if other:
                self.deals.give_instead(event, award, basis, mixed, now)
            raised = event.accepted is not None
            self.deals.stand_by(event, award, basis, now, other=other)
            self.second_look.when_awarded(event, now, raised=raised)
            self.second_look.without(event, self.events, now)

    def _confirm(self, event: DerEvent, award: m.Award, problem: str, now: datetime) -> None:
        self.send(event.edge, messages.confirm(self.name, award, problem, now))


def _only(timer: DerTimer, timers: Mapping[DerTimer, datetime]) -> dict[DerTimer, datetime]:
    return {timer: timers[timer]} if timer in timers else {}
