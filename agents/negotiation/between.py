"""A party between a parent and children, for one event: to its parent it behaves like a DER, to its children like a
utility (design.md section 1). Coordinator and aggregator differ in what happens between request and answer.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.negotiation.asking import Stage
from agents.negotiation.delivery import Delivery
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.parent import ParentParty
from protocol import messages as m
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, energy_wh, least, shortfall
from protocol.units import step_instant

HOP_PCT = 25
"""Each tier keeps a quarter of the time between the last decision above it and the first slot for its own last
decision, so that deadlines nest over any number of tiers."""

WITHDRAW_REPEATS = 10
"""How often a withdrawal that is not answered is said in the length of a slot."""


class Between(Negotiation):
    """The state of one event at a coordinator or aggregator."""

    def __init__(
        self, party: ParentParty, edge: Edge, request: m.Request, claims: Mapping[str, str], grace: timedelta
    ) -> None:
        super().__init__(party, request.event_id, tuple(party._children), claims)
        self.up = edge
        self.answer: m.Offer | m.Alternative | None = None
        self.award: m.Award | None = None
        self.standing: dict[str, Plan] = {}
        """What an award may accept: offers by message_id, options by option_id, W."""
        self.answers_sent = 0
        self.superseded: list[str] = []
        """Earlier requests of this event."""
        self.delivery = Delivery(self, grace)
        self.withdrawal: m.Withdraw | None = None
        self.on_timer |= {
            "report": self.delivery.due,
            "start": self._start_delivering,
            "withdraw": self._withdraw_again,
        }
        self._take(request)

    def _take(self, request: m.Request) -> None:
        self.request = request
        self.direction, self.period = request.direction, request.interval_period
        self.asked_w, self.revision = request.power_w, request.revision

    # -- for the roles

    def begin(self, now: datetime) -> None:
        """A request (or re-request) is to be worked on: S1 or S20."""
        raise NotImplementedError

    def conclude(self, power_w: Plan, now: datetime) -> None:
        """The parent bought so much: award it downward (S7, S35)."""
        raise NotImplementedError

    def relaxed_from_above(self, relax: m.Relax, now: datetime) -> None:
        """The parent asks to loosen; by default there is nothing to add: the standing offer is repeated as relaxed."""
        power_w = next(iter(self.standing.values()))
        self.offer_up(power_w, power_w, now, basis=m.Basis.RELAXED)

    # -- request, re-request, change

    @property
    def decide_by(self) -> datetime:
        """The last decision of this tier: what children offer has to stay valid until then."""
        return step_instant(self.request.decide_by, self.period.start, HOP_PCT)

    def on_request(self, request: m.Request, now: datetime) -> None:
        key, known = (request.revision, request.round), (self.request.revision, self.request.round)
        if key == known:
            raise RefusedMessage(RejectReason.CONFLICT, f"{request.request_id} stands with another id")
        if key < known:
            raise RefusedMessage(RejectReason.STALE, f"revision {key} of the request; {known} is known")
        before = [child.name for child in self.children.asked() if child.owed or child.holds is not None]
        self.timers.clear()
        self._supersede(now)
        self.children.forget_answers()
        self.superseded.append(self.request.request_id)
        self._take(request)
        self.answer, self.award, self.deal_w, self.outcome = None, None, None, None
        self.standing = {}
        self.go(Stage.COLLECTING)
        self.begin(now)
        children = [self.children[name] for name in before]
        superseded = [
            c for c in children if c.owed or (c.request is not None and c.request.revision != request.revision)
        ]
        self.release([(child, m.Outcome.CANCELLED, "superseded by a later request") for child in superseded], now)

    def _supersede(self, now: datetime) -> None:
        """Free what is the party's own (storage) before the event starts anew."""

    # -- the answer upward (S36, S33)

    def offer_up(self, power_w: Plan, available_w: Plan, now: datetime, basis: m.Basis = m.Basis.OWN) -> None:
        """S36: tell the parent that the plan can be met; an offer of nothing opts out."""
        yes = any(power_w)
        self.answers_sent += 1
        self.answer = m.Offer(
            **self._answer_ids("offer", now),
            opt=m.Opt.IN if yes else m.Opt.OUT,
            opt_reason=m.OptReason.PARTICIPATING if yes else m.OptReason.NOT_PARTICIPATING,
            power_w=power_w,
            available_w=available_w,
            basis=basis,
            valid_until=self.decide_by,
            resources=self.resources(power_w),
        )
        self._sent_up(Stage.OFFERED, now)

    def resources(self, power_w: Plan) -> tuple[m.Resource, ...]:
        return ()

    def propose_up(self, options: tuple[m.Option, ...], now: datetime) -> None:
        """S33: propose the plans that can be met instead."""
        self.answers_sent += 1
        self.answer = m.Alternative(**self._answer_ids("alternative", now), options=options, valid_until=self.decide_by)
        self._sent_up(Stage.PROPOSED, now)

    def _answer_ids(self, kind: str, now: datetime) -> dict[str, Any]:
        request = self.request
        return {
            "message_id": f"{self.party.name}.{kind}.{request.request_id}.{self.answers_sent}",
            "sent_at": now,
            "event_id": self.event_id,
            "request_id": request.request_id,
            "round": request.round,
            "revision": self.answers_sent,
        }

    def _sent_up(self, stage: Stage, now: datetime) -> None:
        match self.answer:
            case m.Offer(message_id=ref, power_w=power_w):
                self.standing[ref] = power_w
            case m.Alternative(options=options):
                self.standing |= {option.option_id: option.power_w for option in options}
        assert self.answer is not None
        self.go(stage, self.answer.valid_until)
        self.party._send(self.up, self.answer)

    def on_relax(self, relax: m.Relax, now: datetime) -> None:
        if relax.request_id != self.request.request_id:
            raise RefusedMessage(RejectReason.STALE, f"{relax.request_id} is superseded")
        if self.stage in (Stage.OFFERED, Stage.PROPOSED) and self.standing and now <= relax.reply_by:
            self.relaxed_from_above(relax, now)

    # -- the award from above (S34)

    def on_award(self, award: m.Award, now: datetime) -> None:
        # the request that superseded ours may have been lost; but what was said before ours is about an earlier one
        cancels = award.outcome is m.Outcome.CANCELLED and award.request_id not in self.superseded
        cancels = cancels and award.sent_at > self.request.sent_at
        if award.request_id != self.request.request_id and not cancels:
            raise RefusedMessage(RejectReason.STALE, f"{award.request_id} is superseded by {self.request.request_id}")
        if self.award is not None and award.award_id == self.award.award_id and award.revision <= self.award.revision:
            raise RefusedMessage(RejectReason.STALE, f"revision {award.revision} of {award.award_id} is not the latest")
        if len(award.power_w) != len(self.asked_w) and not cancels:
            raise RefusedMessage(RejectReason.WRONG_SLOTS, f"{len(award.power_w)} slots in the award")
        self.timers.pop("withdraw", None)
        if award.outcome is m.Outcome.CONCLUDED:
            self._on_concluded(award, now)
            return
        self.award = award
        self._confirm(award, True, "", now)
        if self.stage is not Stage.CLOSED:
            self.close(award.outcome, now, release=award.outcome, reason=award.reason)

    def _on_concluded(self, award: m.Award, now: datetime) -> None:
        offered = self.standing.get(award.accepts or "")
        problem = ""
        if self.stage is Stage.CLOSED or self.answer is None:
            problem = f"the event is {self.outcome or self.stage}"
        elif offered is None:
            problem = f"{award.accepts} is not what stands"
        elif any(given > most for given, most in zip(award.power_w, offered, strict=True)):
            problem = "the award is above what was offered"
        elif self.deal_w is None and now > self.answer.valid_until:
            problem = "the offer has expired"
        if problem:
            self._confirm(award, False, problem, now)
            return
        again = self.deal_w is not None
        self.award = award
        self._confirm(award, True, "", now)
        self.tell("award_received", "S34", power_w=award.power_w, accepts=award.accepts)
        if again:
            self._changed_award(award.power_w, now)
            return
        self.deal_w = award.power_w
        self.go(Stage.STANDBY)
        self.timers["start"] = self.period.start
        self.conclude(award.power_w, now)

    def _changed_award(self, power_w: Plan, now: datetime) -> None:
        """The parent changed a standing award: less is given back, more is looked for."""
        before, self.deal_w = self.deal_w, power_w
        assert before is not None
        if any(shortfall(power_w, before)):
            self.repair("the parent raised the award", now)
        else:
            self.reduce(power_w, now)

    def reduce(self, power_w: Plan, now: datetime) -> None:
        """Cut the children's awards to a smaller deal, last members first."""
        over = shortfall(self.held_w(), power_w)
        for child, plan in reversed(self.children.held()):
            less = least(plan, over)
            if any(less) and child.accepted is not None:
                over = shortfall(over, less)
                self.give([(child, child.accepted, shortfall(plan, less))], now)

    def _confirm(self, award: m.Award, accepted: bool, reason: str, now: datetime) -> None:
        self.party._send(
            self.up,
            m.Confirm(
                message_id=f"{self.party.name}.confirm.{award.award_id}.{award.revision}",
                sent_at=now,
                event_id=self.event_id,
                request_id=award.request_id,
                round=award.round,
                revision=award.revision,
                award_id=award.award_id,
                accepted=accepted,
                reason=reason,
            ),
        )

    def resumed(self, now: datetime) -> None:
        super().resumed(now)
        if self.stage in (Stage.OFFERED, Stage.PROPOSED) and self.answer is not None:
            self.party._send(self.up, self.answer)
        self.delivery.resumed(now)

    # -- delivery

    def _start_delivering(self, now: datetime) -> None:
        self.go(Stage.DELIVERING)
        self.tell("delivering", power_w=self.deal_w)
        self.delivery.start()

    def metered(self, reading: m.Reading, now: datetime) -> None:
        """A slot is summed up: report it to the parent."""
        request = self.request
        self.party._send(
            self.up,
            m.Report(
                message_id=f"{self.party.name}.report.{request.request_id}.{reading.slot}",
                sent_at=now,
                event_id=self.event_id,
                request_id=request.request_id,
                round=request.round,
                revision=reading.slot + 1,
                resource_id=self.party.name,
                readings=(reading,),
            ),
        )

    def finished(self, delivered_wh: int, now: datetime) -> None:
        assert self.deal_w is not None
        awarded_wh = energy_wh(self.deal_w, self.period.duration)
        self.tell("delivered", "meter", delivered_wh=delivered_wh, awarded_wh=awarded_wh)
        self.close("concluded", now)

    def state_shortfall(self, missing_w: Plan, cause: str, now: datetime) -> None:
        """What could not be replaced is withdrawn upward: the parent may ask another."""
        assert self.deal_w is not None
        if self.award is None:
            return  # concluded by mandate, and the parent has not bought it yet: nothing of its is lost
        slot = next(index for index, power in enumerate(missing_w) if power)
        self.answers_sent += 1
        request = self.request
        self.withdrawal = m.Withdraw(
            message_id=f"{self.party.name}.withdraw.{request.request_id}.{self.answers_sent}",
            sent_at=now,
            event_id=self.event_id,
            request_id=request.request_id,
            round=request.round,
            revision=self.answers_sent,
            award_id=self.award.award_id,
            from_slot=slot,
            power_w=self.deal_w,
            cause=cause[:500],
        )
        self._withdraw_again(now)

    def _withdraw_again(self, now: datetime) -> None:
        """Say it until the parent's next award answers it, or the event is over."""
        assert self.withdrawal is not None
        self.party._send(self.up, self.withdrawal)
        again = now + self.period.duration / WITHDRAW_REPEATS
        if again < self.end_at:
            self.timers["withdraw"] = again


class BetweenParty(ParentParty):
    """A party with a parent and children."""

    def __init__(self, name: str, parent: str, children: Mapping[str, object]) -> None:
        super().__init__(name, (parent,), children)
        self._handlers |= {
            m.Request: self._on_request,
            m.Relax: self._on_relax,
            m.Award: self._on_award,
            m.Report: self._on_report,
            m.Dispatch: self._on_dispatch,
        }

    def open(self, edge: Edge, request: m.Request) -> Between:
        raise NotImplementedError

    def _between(self, message: m.EventMessage) -> Between:
        event = self._event(message)
        assert isinstance(event, Between)
        return event

    def _on_request(self, edge: Edge, request: m.Request, now: datetime) -> None:
        if now > request.reply_by:
            raise RefusedMessage(RejectReason.EXPIRED, f"heard at {now.isoformat()}, after reply_by")
        if request.event_id in self.events:
            self._between(request).on_request(request, now)
            return
        event = self.events[request.event_id] = self.open(edge, request)
        event.begin(now)
        self._make_room()

    def _on_relax(self, edge: Edge, relax: m.Relax, now: datetime) -> None:
        self._between(relax).on_relax(relax, now)

    def _on_award(self, edge: Edge, award: m.Award, now: datetime) -> None:
        self._between(award).on_award(award, now)

    def _on_report(self, edge: Edge, report: m.Report, now: datetime) -> None:
        self._between(report).delivery.on_report(edge, report, now)

    def _on_dispatch(self, edge: Edge, dispatch: m.Dispatch, now: datetime) -> None:
        """An aggregator acts on its award; a dispatch from above is told and changes nothing."""
        self._between(dispatch).tell("dispatch_noted", slot=dispatch.slot, power_w=dispatch.power_w)
