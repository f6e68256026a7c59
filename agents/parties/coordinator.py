"""The aggregation coordinator (AC, upper aggregator E2): S1-S7.

    collecting -> judging -> [collecting ->] offered | proposed -> standby -> delivering -> closed

S1 plans, S2/S3 collect, S4 judges the alternatives, S5/S6 re-request at most R times, S7 concludes. With a mandate
an aggregator is concluded as soon as nothing more is wanted of it, while others are still being re-requested;
without one the firm offers are locked and the utility is asked first.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.negotiation.asking import Stage
from agents.negotiation.between import Between, BetweenParty
from agents.negotiation.child import Answer, Child
from agents.negotiation.plans.alternative import alternatives
from agents.negotiation.plans.request_values import split_by_scale
from agents.negotiation.plans.residual import reduced, share_residual
from agents.settings.members import Members
from agents.settings.parties import CoordinatorSettings, PlanMode
from protocol import messages as m
from protocol.edges import Edge
from protocol.plan import Plan, add, excess, least, share_pct, shortfall, total, zero
from protocol.units import step_instant

TRANSITIONS: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.COLLECTING: (Stage.JUDGING, Stage.CLOSED),
    Stage.JUDGING: (Stage.COLLECTING, Stage.OFFERED, Stage.PROPOSED, Stage.CLOSED),
    Stage.OFFERED: (Stage.COLLECTING, Stage.STANDBY, Stage.CLOSED),
    Stage.PROPOSED: (Stage.COLLECTING, Stage.STANDBY, Stage.CLOSED),
    Stage.STANDBY: (Stage.COLLECTING, Stage.DELIVERING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: a re-request to the aggregators, or a change from above."""

COLLECT_PCT = 90
"""Share of the time until the utility's reply_by that the rounds may use; the rest is for the answer's way up."""


class CoordinatorEvent(Between):
    """One event at the coordinator."""

    transitions = TRANSITIONS

    def __init__(self, party: "Coordinator", edge: Edge, request: m.Request) -> None:
        self.settings = party.settings
        self.book = party.book
        grace = timedelta(seconds=party.settings.report_grace_s)
        super().__init__(party, edge, request, party.book.claims, grace)
        self.taken: dict[str, Plan] = {}
        """What is wanted of each aggregator, W: locked, accepted or concluded."""
        self.rerequests_left = 0

    # -- S1

    def begin(self, now: datetime) -> None:
        """S1: make the DR request plan and send it to each aggregator, the same or by scale."""
        self.taken, self.rerequests_left = {}, self.settings.max_rerequests
        self.children.waiting.clear()
        names = [member.name for member in self.book.members]
        if self.settings.plan is PlanMode.SAME:
            plans = dict.fromkeys(names, self.asked_w)
        else:
            scales = {member.name: member.capacity_w(self.direction) for member in self.book.members}
            plans = split_by_scale(self.asked_w, scales)
        reply_by = self._round_ends(now)
        for name, power_w in plans.items():
            if any(power_w):
                self._ask(name, power_w, reply_by, now)
        self.tell(
            "plan_sent",
            "S1",
            requested_w=self.asked_w,
            plan=self.settings.plan,
            direction=self.direction,
            asked=list(self.children.waiting),
            reply_by=reply_by,
        )
        self.go(Stage.COLLECTING, reply_by)
        if not self.children.waiting:
            self.stage_over(now)

    def _round_ends(self, now: datetime) -> datetime:
        return step_instant(now, self.request.reply_by, COLLECT_PCT // (self.rerequests_left + 1))

    def _ask(self, name: str, power_w: Plan, reply_by: datetime, now: datetime) -> None:
        request = self.request
        self.ask({name: power_w}, reply_by, self.decide_by, request.terms, request.program_id, now)

    # -- S2, S3

    def answered(self, child: Child, now: datetime) -> None:
        answer = child.best
        if answer is None:
            self.tell("aggregator_opted_out", "S2", aggregator=child.name)
        elif answer.alternative:
            assert child.request is not None
            self.tell(
                "alternative_received",
                "S3",
                aggregator=child.name,
                requested_w=child.request.power_w,
                proposed_w=answer.power_w,
            )
        else:
            self.tell(
                "can_meet_received", "S2", aggregator=child.name, power_w=answer.power_w, available_w=answer.available_w
            )
            nothing_over = not any(excess(answer.available_w, answer.power_w))
            if self.request.terms.mandate and (nothing_over or not self.rerequests_left):
                self._conclude_at_once(child, answer, now)

    def _conclude_at_once(self, child: Child, answer: Answer, now: datetime) -> None:
        """S2 -> S7 under the utility's mandate: this one is concluded while others are still asked."""
        if child.award is None:
            wanted = least(answer.power_w, shortfall(self.asked_w, self._taken_w()))
            if any(wanted):
                self.taken[child.name] = wanted
                self._conclude(child, answer, wanted, now)

    def _conclude(self, child: Child, answer: Answer, power_w: Plan, now: datetime) -> None:
        self.give([(child, answer, power_w)], now)
        self.tell("deal_concluded", "S7", aggregator=child.name, power_w=power_w, accepts=answer.of(child.name))

    def _taken_w(self) -> Plan:
        return total(self.taken.values(), len(self.asked_w))

    def stage_over(self, now: datetime) -> None:
        if self.stage is Stage.COLLECTING:
            self.children.waiting.clear()
            self.go(Stage.JUDGING)
            self._judge(now)
        elif self.request.terms.mandate and self.children.held():
            self.tell("mandate_stands", power_w=self._taken_w())
            self.deal_w = self._taken_w()
            self.go(Stage.STANDBY)
            self.timers["start"] = self.period.start
            self.release_rest(m.Outcome.NOT_NEEDED, "the deal is covered by others", now)
        elif self.stage in (Stage.OFFERED, Stage.PROPOSED):
            self.close("expired", now, release=m.Outcome.NO_DEAL, reason="no answer from the utility")

    # -- S4-S6

    def _judge(self, now: datetime) -> None:
        """Lock the firm offers, judge the alternatives, re-request what is missing; else answer the utility."""
        firm = [(child, answer) for child, answer in self.children.answered() if not answer.alternative]
        proposed = [(child, answer) for child, answer in self.children.answered() if answer.alternative]
        self._lock(firm)
        surplus = self._surplus(firm)
        again: dict[str, Plan] = {}
        for child, answer in proposed:
            if self._acceptable(child, answer, surplus, now):
                self.taken[child.name] = least(answer.power_w, shortfall(self.asked_w, self._taken_w()))
            elif self.rerequests_left:
                again[child.name] = reduced(answer.power_w, self.settings.margin_pct)
        missing = shortfall(self.asked_w, add(self._taken_w(), total(again.values(), len(self.asked_w))))
        more = share_residual(missing, surplus) if self.rerequests_left and any(missing) else {}
        for name, extra in more.items():
            again[name] = add(self.taken[name], extra)
        again = {name: power_w for name, power_w in again.items() if any(power_w)}
        if again:
            self._rerequest(again, missing, now)
        else:
            self._answer_up(now)

    def _lock(self, firm: list[tuple[Child, Answer]]) -> None:
        """Firm offers are locked; never more than what is asked in all (the same plan may have gone to everyone)."""
        concluded = {child.name: plan for child, plan in self.children.held()}
        self.taken = {name: plan for name, plan in self.taken.items() if name in concluded}
        for child, answer in firm:
            if child.name not in concluded:
                self.taken[child.name] = least(answer.power_w, shortfall(self.asked_w, self._taken_w()))

    def _surplus(self, firm: list[tuple[Child, Answer]]) -> dict[str, Plan]:
        """What the aggregators that can meet their request have over it, W; concluded ones are not asked again."""
        open_ones = [(child, answer) for child, answer in firm if child.award is None]
        return {child.name: excess(answer.available_w, self.taken[child.name]) for child, answer in open_ones}

    def _acceptable(self, child: Child, answer: Answer, surplus: Mapping[str, Plan], now: datetime) -> bool:
        """S4: a share in every slot, or what other aggregators have over fills the gap."""
        assert child.request is not None
        asked = child.request.power_w
        share = share_pct(answer.power_w, asked)
        gap = shortfall(asked, answer.power_w)
        over = total(surplus.values(), len(asked))
        fills = self.settings.accept_if_covered and self.rerequests_left > 0 and not any(shortfall(gap, over))
        accepted = share >= max(self.settings.accept_share_pct, self.request.terms.least_share_pct) or fills
        self.tell(
            "alternative_judged",
            "S4",
            aggregator=child.name,
            proposed_w=answer.power_w,
            shortfall_w=gap,
            share_pct=share,
            least_pct=self.settings.accept_share_pct,
            others_have_over_w=over,
            accepted=accepted,
        )
        return accepted

    def _rerequest(self, again: Mapping[str, Plan], missing: Plan, now: datetime) -> None:
        """S5: revise the plan; S6: send the re-request, to the short ones for no more than they proposed, to those
        with a surplus for what is locked with them and their part of the rest."""
        self.tell("plan_revised", "S5", shortfall_w=missing, plans=dict(again))
        reply_by = self._round_ends(now)
        self.rerequests_left -= 1
        for name, power_w in again.items():
            self.taken.pop(name, None)
            self._ask(name, power_w, reply_by, now)
            request = self.children[name].request
            assert request is not None
            self.tell(
                "rerequest_sent", "S6", aggregator=name, requested_w=power_w, round=request.round, reply_by=reply_by
            )
        self.go(Stage.COLLECTING, reply_by)

    # -- the answer to the utility, and S7

    def _answer_up(self, now: datetime) -> None:
        taken = self._taken_w()
        answers = {child.name: answer for child, answer in self.children.answered()}
        if self.request.terms.mandate:
            for name, power_w in self.taken.items():
                child = self.children[name]
                if child.award is None and any(power_w):
                    self._conclude(child, answers[name], power_w, now)
        short = shortfall(self.asked_w, taken)
        if not any(short):
            self.tell("plan_secured", requested_w=self.asked_w, secured_w=taken)
            self.offer_up(taken, taken, now)
            return
        self.tell("plan_not_secured", requested_w=self.asked_w, secured_w=taken, shortfall_w=short)
        options = alternatives(self.asked_w, taken, (m.OptionBasis.OFFERS,)) if any(taken) else ()
        if options:
            self.propose_up(options, now)
        else:
            self.offer_up(zero(len(taken)), zero(len(taken)), now)
            self.release_rest(m.Outcome.NO_DEAL, "nothing acceptable was offered", now)

    def conclude(self, power_w: Plan, now: datetime) -> None:
        """S7: the utility has bought; each aggregator hears its part, the others that they are not needed."""
        left = power_w
        for child, answer in self.children.answered():
            part = least(self.taken.get(child.name, zero(len(power_w))), left)
            if not any(part):
                continue
            left = shortfall(left, part)
            if child.award is None:
                self._conclude(child, answer, part, now)
        self.release_rest(m.Outcome.NOT_NEEDED, "the deal is covered by others", now)

    def _supersede(self, now: datetime) -> None:
        self.taken = {}


class Coordinator(BetweenParty):
    """The actor: its aggregators and its events."""

    def __init__(self, settings: CoordinatorSettings) -> None:
        self.settings = settings
        self.book = Members(members=settings.members)
        super().__init__(settings.name, settings.parent, self.book.by_name)

    def open(self, edge: Edge, request: m.Request) -> Between:
        return CoordinatorEvent(self, edge, request)
