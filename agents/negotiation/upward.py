"""Part of an event: the side that faces the parent above. To it the party behaves like a DER: it answers a request,
confirms an award, withdraws what it cannot keep, reports what was metered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.children import same_slots
from agents.negotiation.kept_above import KeptAbove
from agents.negotiation.out import Out
from agents.negotiation.over import extension
from agents.negotiation.stage import ANSWERED, Stage, Timer
from agents.negotiation.standing import EventStanding
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.negotiation.upward_withdrawal import UpwardWithdrawal
from protocol import messages as m
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan
from protocol.rules import order_of, slots_of
from protocol.units import step_instant

HOP_PCT = 25
"""Each tier keeps a quarter of the time between the last decision above it and the first slot for its own last
decision, so that deadlines nest over any number of tiers."""


@dataclass(frozen=True, slots=True)
class Bought:
    """The parent bought so much of an answer, W."""

    power_w: Plan


@dataclass(frozen=True, slots=True)
class EndedAbove:
    """The parent wants nothing (more), and says why."""

    outcome: m.Outcome
    reason: str


Awarded: TypeAlias = Bought | EndedAbove | None
"""What follows from an award; None: it was refused, with a confirm that says why."""


class Upward:
    """The parent's request, the answers to it, and the award."""

    def __init__(self, out: Out, timers: Timers, standing: EventStanding, edge: Edge, request: m.Request) -> None:
        self.out = out
        self.timers = timers
        self.standing = standing
        self.edge = edge
        self.request = request
        self.subject = Subject(
            request.event_id, request.direction, request.interval_period, request.power_w, request.revision
        )
        self.answer: m.Offer | m.Alternative | None = None
        self.award: m.Award | None = None
        self.acceptable: dict[str, Plan] = {}
        """What an award may accept: offers by message_id, options by option_id, W."""
        self.earlier: dict[str, Plan] = {}
        """The same of earlier rounds of this revision: it stands until a better answer is firm, and may be kept still."""
        self.earlier_most: dict[str, Plan] = {}
        """By those of them that told profiles: the most in each slot of these, W."""
        self.earlier_until: datetime | None = None
        """Until when that is valid."""
        self.kept = KeptAbove(standing)
        self.answers_sent = 0
        self.said_again = 0
        """How often the parent has said to know no award of what it had awarded."""
        self.superseded: list[str] = []
        """Earlier requests of this event."""
        self.withdrawal = UpwardWithdrawal(out, timers, self.subject, edge)

    # -- the request

    @property
    def terms_below(self) -> m.Terms:
        """What the parent lays down for the children as well."""
        terms = self.request.terms
        return terms.model_copy(update={"spares_owners": None}) if terms.spares_owners else terms

    @property
    def decide_by(self) -> datetime:
        """The last decision of this tier: what children offer has to stay valid until then."""
        return step_instant(self.request.decide_by, self.subject.period.start, HOP_PCT)

    def check(self, request: m.Request) -> None:
        """Whether a request is newer than the one known, and of the same slots where it is of the same revision: those who
        are not asked again would answer to others. Raises RefusedMessage."""
        key, known = order_of(request), order_of(self.request)
        if key == known:
            raise RefusedMessage(RejectReason.CONFLICT, f"{request.request_id} stands with another id")
        if key < known:
            raise RefusedMessage(RejectReason.STALE, f"revision {key} of the request; {known} is known")
        if request.revision == self.request.revision and not self.asks_the_same(request):
            text = f"round {request.round} of revision {request.revision} is about other slots, or the other direction"
            raise RefusedMessage(RejectReason.WRONG_SLOTS, text)

    def check_relax(self, relax: m.Relax) -> None:
        """Whether a relax is about the request known. Raises RefusedMessage."""
        if relax.request_id != self.request.request_id:
            raise RefusedMessage(RejectReason.STALE, f"{relax.request_id} is superseded")
        same_slots(relax.shortfall_w, self.subject.slots)

    def is_later_round(self, request: m.Request) -> bool:
        """Whether a newer request, which was checked, asks once more in the same revision, and so in the same slots."""
        return self.request.revision == request.revision

    def take(self, request: m.Request) -> bool:
        """Let a newer request stand, and no answer to an earlier one but of the same revision; whether it is of that."""
        later_round, subject = self.is_later_round(request), self.subject
        self.kept.at_change(self.asks_the_same(request), self.award)
        if later_round and self.answer is not None:
            self.earlier |= self.acceptable
            if isinstance(self.answer, m.Offer) and self.answer.profiles is not None:
                self.earlier_most[self.answer.message_id] = _most(self.answer)
            self.earlier_until = min(self.earlier_until or self.answer.valid_until, self.answer.valid_until)
        elif not later_round:
            self.earlier, self.earlier_most, self.earlier_until = {}, {}, None
        self.superseded.append(self.request.request_id)
        self.request = request
        subject.direction, subject.period = request.direction, request.interval_period
        subject.asked_w, subject.revision = request.power_w, request.revision
        self.answer, self.award, self.acceptable = None, None, {}
        return later_round

    def asks_the_same(self, request: m.Request) -> bool:
        """Whether another request is about the same slots and direction."""
        return slots_of(self.request) == slots_of(request)

    def recall_kept(self) -> Plan | None:
        """Nothing came of a change: what stood before it stands, W; None: nothing did, or the parent has decided."""
        if self.kept.award is None or self.award is not None:
            return None
        self.award = self.kept.award
        return self.award.power_w

    # -- the answer (S36, S33)

    def offer(
        self,
        power_w: Plan,
        available_w: Plan,
        now: datetime,
        basis: m.Basis = m.Basis.OWN,
        resources: tuple[m.Resource, ...] = (),
        profiles: m.OfferedProfiles | None = None,
    ) -> None:
        """S36: tell the parent that so much can be met, W, or one of these profiles; an offer of nothing opts out."""
        yes = any(power_w) or profiles is not None
        offer = m.Offer(
            **self._answer_ids("offer", now),
            opt=m.Opt.IN if yes else m.Opt.OUT,
            opt_reason=m.OptReason.PARTICIPATING if yes else m.OptReason.NOT_PARTICIPATING,
            power_w=power_w,
            available_w=available_w,
            basis=basis,
            valid_until=self.decide_by,
            resources=resources,
            profiles=profiles,
        )
        self.acceptable[offer.message_id] = power_w
        self._send(offer)
        self.standing.go(Stage.OFFERED, offer.valid_until)

    def repeat_relaxed(self, resources: tuple[m.Resource, ...], now: datetime) -> None:
        """Nothing can be loosened: what stands is sent again, an offer as a relaxed one."""
        if self.standing.stage is Stage.PROPOSED:
            self.send_again()
        else:
            power_w = self.first_w()
            self.offer(power_w, power_w, now, m.Basis.RELAXED, resources)

    def propose(self, options: tuple[m.Option, ...], now: datetime, available_w: Plan = ()) -> None:
        """S33: propose the plans that can be met instead; `available_w`: what there is in all, where that is told, W."""
        options = tuple(map(self._distinct, options))
        self.acceptable |= {option.option_id: option.power_w for option in options}
        until, ids = self.decide_by, self._answer_ids("alternative", now)
        beside = extension(available_w, options) if available_w else {}
        self._send(m.Alternative(**ids, options=options, valid_until=until, extensions=beside))
        self.standing.go(Stage.PROPOSED, until)

    def _distinct(self, option: m.Option) -> m.Option:
        """An option of another plan than one proposed before under its id has an id of its own, also where that one does
        not stand any more: an award names one, and may be on its way."""
        assert self.request is not None
        number, known_w = self.answers_sent + 1, self.acceptable.get(option.option_id)
        if known_w == option.power_w or (known_w is None and number <= self.request.round):
            return option
        return option.model_copy(update={"option_id": f"{option.option_id}-{number}"})

    def _answer_ids(self, kind: str, now: datetime) -> dict[str, Any]:
        self.answers_sent += 1
        request = self.request
        return {
            "message_id": f"{self.out.name}.{kind}.{request.request_id}.{self.answers_sent}",
            "sent_at": now,
            "event_id": request.event_id,
            "request_id": request.request_id,
            "round": request.round,
            "revision": self.answers_sent,
        }

    def _send(self, answer: m.Offer | m.Alternative) -> None:
        self.answer = answer
        self.out.send(self.edge, answer)

    def send_again(self) -> None:
        """Send the answer that stands once more."""
        if self.answer is not None:
            self.out.send(self.edge, self.answer)

    def answer_anew(self, number: int, now: datetime) -> int:
        """Send the answer that stands under this number, as its id was used before; the number, where it is one."""
        answer = self.answer
        if not number or answer is None:
            return 0
        message_id = f"{self.out.name}.{answer.kind}.{answer.request_id}.{number}"
        again = answer.model_copy(update={"message_id": message_id, "revision": number, "sent_at": now})
        if isinstance(again, m.Offer):
            self.acceptable[message_id] = again.power_w
        self.answers_sent = number
        self._send(again)
        return number

    @property
    def opted_out(self) -> bool:
        """Whether the answer that stands takes no part."""
        return isinstance(self.answer, m.Offer) and self.answer.opt is m.Opt.OUT

    def first_w(self) -> Plan:
        """What the first answer to this request reserves, W."""
        return next(iter(self.acceptable.values()), self.subject.nothing_w)

    # -- the award (S34)

    def on_award(self, award: m.Award, backs: Callable[[Plan], bool], now: datetime) -> Awarded:
        """Judge an award, confirm it, and say what follows; `backs`: whether so much of an earlier answer can be kept, W.
        Raises RefusedMessage."""
        stood = self.kept.is_said_again(award, self.request, self.award)
        if not stood:
            self._check_award(award)
        self.timers.drop(Timer.WITHDRAW)
        if award.outcome is not m.Outcome.CONCLUDED:
            self.award = award
            self._confirm(award, "", now)
            return EndedAbove(award.outcome, award.reason)
        problem = self.kept.problem(award) if stood else self._problem(award, backs, now)
        if not problem:
            self.award = award
        self._confirm(award, problem, now)
        if problem:
            return None
        self.out.tell("award_received", "S34", power_w=award.power_w, accepts=award.accepts)
        return Bought(award.power_w)

    def _check_award(self, award: m.Award) -> None:
        # the request that superseded ours may have been lost; but what was said before ours is about an earlier one
        unheard = award.request_id not in self.superseded and award.sent_at > self.request.sent_at
        ends = unheard and award.outcome is not m.Outcome.CONCLUDED
        newer = unheard and award.round > self.request.round
        stands = newer and (award.accepts in self.acceptable or award.accepts in self.earlier)
        if award.request_id != self.request.request_id and not ends and not stands:
            raise RefusedMessage(RejectReason.STALE, f"{award.request_id} is superseded by {self.request.request_id}")
        if self.award is not None and award.award_id == self.award.award_id and award.revision <= self.award.revision:
            raise RefusedMessage(RejectReason.STALE, f"revision {award.revision} of {award.award_id} is not the latest")
        if len(award.power_w) != self.subject.slots and not ends:
            raise RefusedMessage(RejectReason.WRONG_SLOTS, f"{len(award.power_w)} slots in the award")

    def _problem(self, award: m.Award, backs: Callable[[Plan], bool], now: datetime) -> str:
        """Why an award of something cannot stand; empty when it can."""
        stage, deal_w, ref = self.standing.stage, self.standing.deal_w, award.accepts or ""
        of_earlier = ref in self.earlier and ref not in self.acceptable
        offered = self.earlier_most.get(ref, self.earlier[ref]) if of_earlier else self.acceptable.get(ref)
        answered_until = None if self.answer is None else self.answer.valid_until
        valid_until = self.earlier_until if of_earlier else answered_until
        if offered is not None and isinstance(self.answer, m.Offer) and self.answer.message_id == ref:
            offered = _most(self.answer)
        if stage is Stage.CLOSED or valid_until is None:
            return f"the event is {self.standing.outcome or stage}"
        if offered is None or (of_earlier and deal_w is None and not backs(award.power_w)):
            return f"{award.accepts} is not what stands"
        if any(given > most for given, most in zip(award.power_w, offered, strict=True)):
            return "the award is above what was offered"
        if deal_w is None and now > valid_until:
            return "the offer has expired"
        return ""

    def _confirm(self, award: m.Award, problem: str, now: datetime) -> None:
        confirm = m.Confirm(
            message_id=f"{self.out.name}.confirm.{award.award_id}.{award.revision}",
            sent_at=now,
            event_id=self.subject.event_id,
            request_id=award.request_id,
            round=award.round,
            revision=award.revision,
            award_id=award.award_id,
            accepted=not problem,
            reason=problem,
        )
        self.out.send(self.edge, confirm)

    # -- after the award

    def withdraw(self, missing_w: Plan, deal_w: Plan, cause: WithdrawalCause, now: datetime) -> None:
        """What could not be replaced is withdrawn: the parent may ask another. `deal_w`: what is still given, W."""
        if self.award is None:
            return  # concluded by mandate, and the parent has not bought it yet: nothing of its is lost
        slot = next(index for index, power in enumerate(missing_w) if power)
        self._withdraw(self.award.award_id, slot, deal_w, cause, now)

    def withdraw_unknown(self, refusal: m.Confirm, now: datetime) -> int:
        """Withdraw an award that an earlier life of ours has confirmed and this one knows nothing of; under which number."""
        self._withdraw(refusal.award_id, 0, self.subject.nothing_w, WithdrawalCause.FORGOTTEN, now)
        return self.answers_sent

    def _withdraw(self, award_id: str, slot: int, left_w: Plan, cause: WithdrawalCause, now: datetime) -> None:
        ids = self._answer_ids("withdraw", now)
        self.withdrawal.say(m.Withdraw(**ids, award_id=award_id, from_slot=slot, power_w=left_w, cause=cause), now)

    def resumed(self) -> None:
        """The process was started again: what awaits a decision is sent again."""
        if self.standing.stage in ANSWERED:
            self.send_again()


def _most(offer: m.Offer) -> Plan:
    """The most that may be awarded of an offer in each slot, W."""
    plans = () if offer.profiles is None else offer.profiles.power_w
    return tuple(map(max, zip(offer.power_w, *plans, strict=True))) if plans else offer.power_w
