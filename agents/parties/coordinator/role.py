"""What the coordinator decides in one event: S1 plans, S2/S3 collect, S4 judges the alternatives, S5/S6 re-request, S7
concludes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from agents.negotiation.asking import Conditions
from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.hurried import hurried_members, tell_too_slow
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.acceptance import Judged
from agents.negotiation.plans.alternative import alternatives
from agents.negotiation.plans.request_values import split_by_ability, split_by_scale
from agents.negotiation.plans.residual import reduced, share_residual
from agents.negotiation.plans.timing import stage_end
from agents.negotiation.plans.usable import bought_of, judged_by, left_of
from agents.negotiation.policies import Policies
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.upward import Upward
from agents.settings.members import Members
from agents.settings.parties import CoordinatorSettings, PlanMode
from protocol import messages as m
from protocol.actor import Foreseen
from protocol.plan import Plan, add, excess, least, scaled, share_pct, shortfall, total, zero
from protocol.units import step_instant

COLLECT_PCT = 90
"""Share of the time until the utility's reply_by that the rounds may use; the rest is for the answer's way up."""

COVERED = "the deal is covered by others"


class CoordinatorRole:
    """What the coordinator decides in one event."""

    def __init__(
        self,
        settings: CoordinatorSettings,
        policies: Policies,
        book: Members,
        up: Upward,
        foreseen: Callable[[m.Request], Foreseen | None],
        event: Negotiation,
    ) -> None:
        """`foreseen`: what aggregators could probably give in the slots of a request, where they told it."""
        self.settings = settings
        self.policies = policies
        self.book = book
        self.up = up
        self.foreseen = foreseen
        self.event = event
        self.taken: dict[str, Plan] = {}
        """What is wanted of each aggregator, W: locked, accepted or concluded."""
        self.accepted: dict[str, None] = {}
        """Whose alternative S4 accepted: that stands in every later round."""
        self.rerequests_left = 0

    @property
    def asked_w(self) -> Plan:
        """What the utility asks for, W."""
        return self.event.subject.asked_w

    @property
    def mandate(self) -> bool:
        """Whether the utility buys what is secured without being asked again."""
        return self.up.request.terms.mandate

    # -- S1

    def begin(self, now: datetime) -> None:
        """S1: make the DR request plan and send it to each aggregator, the same or by scale."""
        event = self.event
        self.taken, self.accepted, self.rerequests_left = {}, {}, self.settings.max_rerequests
        event.children.waiting.clear()
        plans = {name: power_w for name, power_w in self._plans().items() if any(power_w)}
        latest = step_instant(now, self.up.request.reply_by, COLLECT_PCT)
        slow = [member for member in self.book.slow if member.name in plans]
        reply_by = stage_end(now, self._round_ends(now), latest, slow)
        for name, power_w in plans.items():
            self._ask(name, power_w, reply_by, now)
        event.out.tell(
            "plan_sent",
            "S1",
            requested_w=self.asked_w,
            plan=self.settings.plan,
            direction=event.subject.direction,
            asked=list(event.children.waiting),
            reply_by=reply_by,
        )
        tell_too_slow(event, self.book, reply_by - now)
        event.go(Stage.COLLECTING, reply_by)
        if event.asking.complete:
            self.all_in(now)

    def _plans(self) -> Mapping[str, Plan]:
        direction, left = self.event.subject.direction, self.event.children.left
        members = [member for member in self.book.members if member.name not in left]
        if self.settings.plan is PlanMode.SAME:
            return dict.fromkeys((member.name for member in members), self.asked_w)
        scales = {member.name: member.capacity_w(direction) for member in members}
        foreseen = self.foreseen(self.up.request) if self.settings.plan is PlanMode.BY_ABILITY else None
        if foreseen is None or not all(name in foreseen.power_w for name in scales):
            return split_by_scale(self.asked_w, scales)
        could_w = {name: scaled(foreseen.power_w[name], foreseen.sure_pct[name], 100) for name in scales}
        power_w = total(could_w.values(), len(self.asked_w))
        self.event.out.tell("capability_used", "S1", told=len(could_w), power_w=power_w)
        return split_by_ability(self.asked_w, could_w, scales)

    def _round_ends(self, now: datetime) -> datetime:
        return step_instant(now, self.up.request.reply_by, COLLECT_PCT // (self.rerequests_left + 1))

    def _ask(self, name: str, power_w: Plan, reply_by: datetime, now: datetime) -> None:
        request = self.up.request
        self.event.ask({name: power_w}, Conditions(request.program_id, reply_by, self.up.decide_by, request.terms), now)

    # -- S2, S3

    def answered(self, child: Child, now: datetime) -> None:
        """S2: it can meet its part, or takes none; S3: it proposes an alternative."""
        answer, best, tell = child.newest, child.best, self.event.out.tell
        if answer is None or best is None:
            tell("aggregator_opted_out", "S2", aggregator=child.name)
            return
        if answer.alternative:
            assert child.request is not None
            asked_w = child.request.power_w
            tell("alternative_received", "S3", aggregator=child.name, requested_w=asked_w, proposed_w=answer.power_w)
            return
        tell("can_meet_received", "S2", aggregator=child.name, power_w=answer.power_w, available_w=answer.available_w)
        nothing_over = not any(excess(best.available_w, best.power_w))
        if self.mandate and (nothing_over or not self.rerequests_left):
            self._conclude_at_once(child, best, now)

    def _conclude_at_once(self, child: Child, answer: ChildAnswer, now: datetime) -> None:
        """S2 -> S7 under the utility's mandate: this one is concluded while others are still asked."""
        if child.award is None:
            wanted = self._wanted(answer)
            if any(wanted):
                self.taken[child.name] = wanted
                self._conclude(child, answer, wanted, now)

    def _conclude(self, child: Child, answer: ChildAnswer, power_w: Plan, now: datetime) -> None:
        self.event.give([(child, answer, power_w)], now)
        accepts = answer.of(child.name)
        self.event.out.tell("deal_concluded", "S7", aggregator=child.name, power_w=power_w, accepts=accepts)

    def taken_back(self, child: Child, now: datetime) -> None:
        """What is not there any more is not wanted of it; the utility is told what is left."""
        if (wanted := self.taken.pop(child.name, None)) is None:
            return
        if child.best is not None:
            self.taken[child.name] = least(wanted, child.best.power_w)
        if self.event.stage in (Stage.OFFERED, Stage.PROPOSED):
            self._answer_up(now)

    def _taken_w(self) -> Plan:
        """What is wanted of all; of those that are concluded what stands, which a withdrawal may have cut, W."""
        children, nothing = self.event.children, self.event.subject.nothing_w
        stands = [
            wanted if children[name].award is None else children[name].awarded_w or nothing
            for name, wanted in self.taken.items()
        ]
        return total(stands, len(self.asked_w))

    def _wanted(self, answer: ChildAnswer) -> Plan:
        """What is taken of an answer, by what is still wanted, W."""
        left_w = left_of(self.settings.can_use, self.asked_w, self._taken_w())
        return bought_of(self.settings.can_use, answer.power_w, left_w)

    def all_in(self, now: datetime) -> None:
        """Judge what has come in; or nobody above has answered, and what a mandate bought stands."""
        event = self.event
        if event.stage is Stage.COLLECTING:
            event.children.waiting.clear()
            event.go(Stage.JUDGING)
            self._judge(now)
        elif self.mandate and event.children.awarded():
            event.out.tell("mandate_stands", power_w=self._taken_w())
            event.stand_by(self._taken_w())
            event.awards.release_rest(m.Outcome.NOT_NEEDED, COVERED, now)
        elif event.stage in (Stage.OFFERED, Stage.PROPOSED):
            event.close("expired", now, release=m.Outcome.NO_DEAL, reason="no answer from the utility")

    # -- S4-S6

    def _judge(self, now: datetime) -> None:
        """Lock the firm offers, judge the alternatives, re-request what is missing; else answer the utility."""
        answers = self.event.children.taking_part()
        # a proposal that covers what was firm before is as good as that
        firm = [(child, answer) for child, answer in answers if not answer.alternative or child.locked is not None]
        proposed = [(child, answer) for child, answer in answers if answer.alternative and child.locked is None]
        self._lock(firm)
        surplus = self._surplus(firm)
        over = total(surplus.values(), len(self.asked_w))
        again: dict[str, Plan] = {}
        for child, answer in proposed:
            if child.award is not None:
                continue  # concluded in an earlier round
            if self._acceptable(child, answer, over):
                over = self._accept(child, answer, over, now)
            elif self.rerequests_left:
                again[child.name] = reduced(answer.power_w, self.settings.margin_pct)
        found_w = add(self._taken_w(), total(again.values(), len(self.asked_w)))
        missing = left_of(self.settings.can_use, self.asked_w, found_w)
        more = share_residual(missing, surplus) if self.rerequests_left and any(missing) else {}
        for name, extra in more.items():
            again[name] = add(self.taken[name], extra)
        again = {name: power_w for name, power_w in again.items() if any(power_w)}
        if again:
            self._rerequest(again, missing, now)
        else:
            self._answer_up(now)

    def _lock(self, firm: Iterable[tuple[Child, ChildAnswer]]) -> None:
        """Firm offers are locked; never more than what is asked in all (the same plan may have gone to everyone)."""
        concluded = {child.name for child, _ in self.event.children.awarded()}
        self.taken = {name: plan for name, plan in self.taken.items() if name in concluded}
        for child, answer in firm:
            if child.name not in concluded:
                self.taken[child.name] = self._wanted(answer)

    def _surplus(self, firm: Iterable[tuple[Child, ChildAnswer]]) -> dict[str, Plan]:
        """What the aggregators that can meet their request have over it, W; concluded ones are not asked again."""
        open_ones = [(child, answer) for child, answer in firm if child.award is None]
        return {child.name: excess(answer.available_w, self.taken[child.name]) for child, answer in open_ones}

    def _accept(self, child: Child, answer: ChildAnswer, over: Plan, now: datetime) -> Plan:
        """An alternative is taken, and concluded at once under a mandate. Returns what others have over beside what
        fills its gap: a surplus is counted once, W."""
        assert child.request is not None
        if child.name not in self.accepted:
            self.accepted[child.name] = None
            over = shortfall(over, shortfall(child.request.power_w, answer.power_w))
        wanted = self.taken[child.name] = self._wanted(answer)
        if self.mandate and any(wanted):
            self._conclude(child, answer, wanted, now)
        return over

    def _acceptable(self, child: Child, answer: ChildAnswer, over: Plan) -> bool:
        """S4: a share in every slot, or what other aggregators have over (W) fills the gap; once accepted, always."""
        assert child.request is not None
        asked = child.request.power_w
        gap = shortfall(asked, answer.power_w)
        may_fill = self.settings.accept_if_covered and self.rerequests_left > 0
        least_pct = max(self.settings.accept_share_pct, self.up.request.terms.least_share_pct)
        judged = Judged(asked, answer.power_w, over if may_fill else zero(len(asked)), least_pct)
        judged = judged_by(self.settings.can_use, judged)
        accepted = child.name in self.accepted or self.policies.acceptance.accepts(judged)
        self.event.out.tell(
            "alternative_judged",
            "S4",
            aggregator=child.name,
            proposed_w=answer.power_w,
            shortfall_w=gap,
            share_pct=share_pct(judged.offered_w, judged.asked_w),
            least_pct=self.settings.accept_share_pct,
            others_have_over_w=over,
            accepted=accepted,
        )
        return accepted

    def _rerequest(self, again: Mapping[str, Plan], missing: Plan, now: datetime) -> None:
        """S5: revise the plan; S6: send the re-request, to the short ones for no more than they proposed, to those
        with a surplus for what is locked with them and their part of the rest."""
        event = self.event
        event.out.tell("plan_revised", "S5", shortfall_w=missing, plans=dict(again))
        reply_by = self._round_ends(now)
        self.rerequests_left -= 1
        for name, power_w in again.items():
            self.taken.pop(name, None)
            self._ask(name, power_w, reply_by, now)
            event.children.cap_locked(name)
            request = event.children[name].request
            assert request is not None
            event.out.tell(
                "rerequest_sent", "S6", aggregator=name, requested_w=power_w, round=request.round, reply_by=reply_by
            )
        event.go(Stage.COLLECTING, reply_by)

    # -- the answer to the utility, and S7

    def _answer_up(self, now: datetime) -> None:
        event, taken = self.event, self._taken_w()
        if self.mandate:
            self._conclude_taken(now)
        short = shortfall(self.asked_w, taken)
        if not any(short):
            event.out.tell("plan_secured", requested_w=self.asked_w, secured_w=taken)
            event.offer_up(taken, taken, now)
            return
        event.out.tell("plan_not_secured", requested_w=self.asked_w, secured_w=taken, shortfall_w=short)
        basis, round_ = (m.OptionBasis.OFFERS,), self.up.request.round
        options = alternatives(self.asked_w, taken, basis, round_) if any(taken) else ()
        if self.up.request.terms.obliged and any(taken):
            event.offer_up(taken, taken, now)
        elif options:
            event.propose_up(options, now)
        else:
            event.offer_up(zero(len(taken)), zero(len(taken)), now)
            event.awards.release_rest(m.Outcome.NO_DEAL, "nothing acceptable was offered", now)

    def _conclude_taken(self, now: datetime) -> None:
        """S7 under the utility's mandate: what is taken is concluded before the utility is answered."""
        answers = {child.name: answer for child, answer in self.event.children.taking_part()}
        for name, power_w in self.taken.items():
            child = self.event.children[name]
            if child.award is None and any(power_w):
                self._conclude(child, answers[name], power_w, now)

    def bought(self, power_w: Plan, now: datetime) -> None:
        """S7: the utility has bought; each aggregator hears its part, the others that they are not needed."""
        left = power_w
        for child, answer in self.event.children.taking_part():
            part = least(self.taken.get(child.name, zero(len(power_w))), left)
            if not any(part):
                continue
            left = shortfall(left, part)
            if child.award is None:
                self._conclude(child, answer, part, now)
        self.event.awards.release_rest(m.Outcome.NOT_NEEDED, COVERED, now)

    def backs(self, power_w: Plan) -> bool:
        """It plans anew for every request, and keeps no answer to an earlier one."""
        return False

    def relax_asked(self, relax: m.Relax, now: datetime) -> None:
        """It has nothing to loosen: what stands is repeated."""
        self.event.repeat_relaxed((), now)

    # -- delivery

    def bound(self, child: Child, now: datetime) -> None:
        """Nothing follows: it dispatches nobody."""

    def mended(self, now: datetime) -> None:
        """It has no power of its own."""

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """Note what was delivered beside what was awarded, Wh."""
        self.event.note_delivered(delivered_wh)

    def rang(self, timer: Timer, now: datetime) -> None:
        """It has no timers of its own."""

    def stop(self, now: datetime) -> None:
        """It has no power of its own."""

    def available_w(self) -> Plan:
        """What its children have answered to what they were asked last, W: it has no power of its own."""
        slots = self.event.subject.slots
        answers = [child.newest for child, _ in self.event.children.taking_part()]
        return total([one.power_w for one in answers if one is not None and len(one.power_w) == slots], slots)

    def status(self) -> dict[str, object]:
        """Who was asked with less time than it needs."""
        hurried = hurried_members(self.event, self.book)
        return {"not_in_time": hurried} if hurried else {}
