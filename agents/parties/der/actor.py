"""A distributed energy resource (DER): a home's HEMS, a vehicle that answers by itself, a plant. S50-S54.

    considering -> offered | opted_out -> [offered] -> awarded -> active -> completed

`offered -> considering` on a re-request; an event also ends as not_needed, no_deal, cancelled, withdrawn, expired.
Its own safety wins always: without a valid award and a dispatch that has not run out it follows its own schedule.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from agents.parties.der.control import Controlled
from agents.parties.der.event import DerEvent, Stage
from agents.parties.der.held import Held
from agents.parties.der.home import HomeFlexibility
from agents.settings.parties import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Decided, Question
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, add, covers, zero
from protocol.units import step_instant

ANSWER_PCT = 50
"""A resident has half of the time until reply_by to decide; then the stored rule does."""


class Der(Controlled):
    """The actor: decides, offers, loosens, takes the award."""

    def __init__(self, settings: DerSettings) -> None:
        super().__init__(settings)
        self._handlers |= {m.Request: self._on_request, m.Relax: self._on_relax, m.Award: self._on_award}

    def _timer(self, name: str, event: DerEvent, now: datetime) -> None:
        match name:
            case "answer":
                self._decide(event, self.settings.stored_rule, "the stored rule", now)
            case "valid":
                self._close(event, "expired", now)
            case "slot":
                self._slot_over(event, now)
            case "withdraw":
                self._withdraw_again(event, now)

    def _resumed(self, now: datetime) -> None:
        for event in self.events.values():
            if event.stage is Stage.OFFERED:
                for offer in event.offers.values():
                    self._send(event.edge, offer)
            elif event.stage is Stage.CONSIDERING and event.timers.get("answer", now) > now:
                self._ask_resident(event)

    # -- S50, S51

    def _on_request(self, edge: Edge, request: m.Request, now: datetime) -> None:
        event = self.events.get(request.event_id)
        if event is not None:
            key, known = (request.revision, request.round), (event.request.revision, event.request.round)
            if key <= known:
                raise RefusedMessage(RejectReason.STALE, f"revision {key} of the request; {known} is known")
            self._release(event, now)
            event.go(Stage.CONSIDERING)
            fresh = DerEvent(edge, request, superseded=(*event.superseded, event.request.request_id))
            self.events[request.event_id] = event = fresh
        else:
            event = self.events[request.event_id] = DerEvent(edge, request)
            self._make_room(now)
        if now > request.reply_by:
            self._close(event, "expired", now)
            raise RefusedMessage(RejectReason.EXPIRED, f"heard at {now.isoformat()}, after reply_by")
        match self.settings.consent:
            case Consent.NEVER:
                self._opt_out(event, m.OptReason.NOT_PARTICIPATING, now)
            case Consent.ALWAYS:
                self._answer(event, now)
            case Consent.ASK:
                event.timers["answer"] = step_instant(now, request.reply_by, ANSWER_PCT)
                self._ask_resident(event)

    def _ask_resident(self, event: DerEvent) -> None:
        request = event.request
        text = f"{request.direction} from {request.interval_period.start.isoformat()}, {event.slots} slots: take part?"
        self._effect(Question(request.event_id, text, event.timers["answer"]))

    def _decided(self, item: Decided, now: datetime) -> None:
        event = self.events.get(item.event_id)
        if event is not None and event.stage in (Stage.AWARDED, Stage.ACTIVE) and not item.take_part:
            self.withdraw(item.event_id, "the resident's override", now)
            return
        if event is None or event.stage is not Stage.CONSIDERING:
            self._tell("decision_too_late", item.event_id)
            return
        self._decide(event, item.take_part, "the resident", now)

    def _decide(self, event: DerEvent, take_part: bool, who: str, now: datetime) -> None:
        event.timers.pop("answer", None)
        self._tell("consent_decided", event.request.event_id, "S50", {"take_part": take_part, "by": who})
        if take_part:
            self._answer(event, now)
        else:
            self._opt_out(event, m.OptReason.OVERRIDE_STATUS, now)

    def _answer(self, event: DerEvent, now: datetime) -> None:
        answer = self._compute(event, event.request.power_w, ())
        if any(answer.joint.power_w):
            self._offer(event, answer, m.Basis.OWN, now)
        else:
            self._opt_out(event, m.OptReason.MUST_RUN, now, answer)

    def _compute(self, event: DerEvent, asked_w: Plan, relaxed: tuple[m.Restriction, ...]) -> HomeFlexibility:
        """S50 (S52 when something is relaxed): what is held in other events is not offered again."""
        request = event.request
        held = self.ledger.but(request.event_id)
        return self.home.flexibility(request.direction, request.interval_period, asked_w, held, relaxed)

    def _offer(self, event: DerEvent, answer: HomeFlexibility, basis: m.Basis, now: datetime) -> None:
        request = event.request
        valid_until = step_instant(request.decide_by, request.interval_period.start, 50)
        offer = m.Offer(
            message_id=f"{self.name}.offer.{basis}.{request.request_id}",
            sent_at=now,
            event_id=request.event_id,
            request_id=request.request_id,
            round=request.round,
            revision=1,
            opt=m.Opt.IN,
            power_w=answer.joint.power_w,
            available_w=answer.joint.available_w,
            binding=answer.joint.binding,
            basis=basis,
            resources=answer.resources(),
            valid_until=valid_until,
        )
        event.go(Stage.OFFERED)
        held = Held(request.event_id, request.direction, request.interval_period, answer, self.ledger)
        event.answers[basis], event.offers[basis] = held, offer
        event.timers["valid"] = valid_until
        parts = [standing.answer.apportion(standing.answer.joint.power_w) for standing in event.answers.values()]
        self.ledger.hold(request.event_id, request.direction, request.interval_period, _larger(parts))
        self._send(event.edge, offer)
        step = "S51" if basis is m.Basis.OWN else "S53"
        data = {"power_w": offer.power_w, "asked_w": request.power_w, "binding": offer.binding}
        self._tell("offered", request.event_id, step, data)

    def _opt_out(
        self, event: DerEvent, reason: m.OptReason, now: datetime, answer: HomeFlexibility | None = None
    ) -> None:
        request, nothing = event.request, zero(event.slots)
        event.go(Stage.OPTED_OUT)
        binding = answer.joint.binding if answer is not None else ()
        self._send(
            event.edge,
            m.Offer(
                message_id=f"{self.name}.offer.own.{request.request_id}",
                sent_at=now,
                event_id=request.event_id,
                request_id=request.request_id,
                round=request.round,
                revision=1,
                opt=m.Opt.OUT,
                opt_reason=reason,
                power_w=nothing,
                available_w=nothing,
                binding=binding,
                valid_until=request.decide_by,
            ),
        )
        self._tell("opted_out", request.event_id, "S51", {"reason": reason, "binding": binding})

    # -- S52, S53

    def _on_relax(self, edge: Edge, relax: m.Relax, now: datetime) -> None:
        event = self._event(relax)
        own = event.offers.get(m.Basis.OWN)
        if event.stage is not Stage.OFFERED or own is None or m.Basis.RELAXED in event.offers:
            raise RefusedMessage(RejectReason.UNKNOWN_OFFER, f"no own offer stands in {relax.event_id}")
        if now > relax.reply_by:
            raise RefusedMessage(RejectReason.EXPIRED, f"heard at {now.isoformat()}, after reply_by")
        if len(relax.shortfall_w) != event.slots:
            raise RefusedMessage(RejectReason.WRONG_SLOTS, f"{len(relax.shortfall_w)} slots")
        answer = self._compute(event, add(own.power_w, relax.shortfall_w), relax.restrictions)
        if not covers(answer.joint.power_w, own.power_w):
            answer = event.answers[m.Basis.OWN].answer  # loosening may reshape; it never takes back what is firm
        self._offer(event, answer, m.Basis.RELAXED, now)

    # -- S54

    def _on_award(self, edge: Edge, award: m.Award, now: datetime) -> None:
        event = self._cancelled(award) or self._event(award)
        known = event.award
        if known is not None and known.award_id == award.award_id and award.revision <= known.revision:
            raise RefusedMessage(RejectReason.STALE, f"revision {award.revision}; {known.revision} is known")
        event.timers.pop("withdraw", None)
        if award.outcome is not m.Outcome.CONCLUDED:
            event.award = award
            self._confirm(event, award, "", now)
            if event.stage is not Stage.CLOSED:
                self._release(event, now)
                self._close(event, award.outcome, now)
            return
        problem = self._problem(event, award, now)
        self._confirm(event, award, problem, now)
        if not problem:
            self._stand_by(event, award, now)

    def _cancelled(self, award: m.Award) -> DerEvent | None:
        """The event that a cancellation ends, even if the request that superseded ours was lost on its way."""
        event = self.events.get(award.event_id)
        if event is None or award.outcome is not m.Outcome.CANCELLED or award.request_id in event.superseded:
            return None
        if award.sent_at <= event.request.sent_at:
            return None  # said before our request: it is about an earlier one that never came
        return event

    def _problem(self, event: DerEvent, award: m.Award, now: datetime) -> str:
        """Why an award cannot be kept; empty when it can."""
        basis = next((basis for basis, offer in event.offers.items() if offer.message_id == award.accepts), None)
        if event.stage is Stage.CLOSED:
            return f"the event is {event.outcome}"
        if basis is None:
            return f"{award.accepts} does not stand"
        offer = event.offers[basis]
        if len(award.power_w) != event.slots or not covers(offer.power_w, award.power_w):
            return "the award is above the offer"
        if event.award is None and now > offer.valid_until:
            return "the offer has expired"
        return ""

    def _stand_by(self, event: DerEvent, award: m.Award, now: datetime) -> None:
        """S54: note the contract and stand by for control."""
        basis = next(basis for basis, offer in event.offers.items() if offer.message_id == award.accepts)
        event.accepted, event.award = event.answers[basis], award
        event.accepted.hold(award.power_w)
        request = event.request
        event.timers.pop("valid", None)
        if event.stage is Stage.OFFERED:
            event.go(Stage.AWARDED)
            event.timers["slot"] = event.slot_start(1)
        data = {"power_w": award.power_w, "basis": basis}
        self._tell("standing_by", request.event_id, "S54", data)

    def _confirm(self, event: DerEvent, award: m.Award, problem: str, now: datetime) -> None:
        self._send(
            event.edge,
            m.Confirm(
                message_id=f"{self.name}.confirm.{award.award_id}.{award.revision}",
                sent_at=now,
                event_id=award.event_id,
                request_id=award.request_id,
                round=award.round,
                revision=award.revision,
                award_id=award.award_id,
                accepted=not problem,
                reason=problem,
            ),
        )


def _larger(parts: Sequence[Mapping[str, Plan]]) -> dict[str, Plan]:
    """Per device and slot the larger of the standing offers: either may be awarded."""
    result: dict[str, Plan] = {}
    for part in parts:
        for name, plan in part.items():
            before = result.get(name, plan)
            result[name] = tuple(max(a, b) for a, b in zip(before, plan, strict=True))
    return result
