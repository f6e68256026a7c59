"""What the coordinator decides in one event: S1 plans, S2/S3 collect, S4 judges the alternatives, S5/S6 re-request, S7
concludes."""

from collections.abc import Callable, Mapping
from datetime import datetime

from agents.negotiation.asking import Conditions
from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.from_above import keeps_what_stood
from agents.negotiation.hurried import hurried_members, tell_too_slow
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.alternative import alternatives
from agents.negotiation.plans.energies import ProbableEnergy, better_by_energies
from agents.negotiation.plans.request_values import split_by_ability, split_by_scale
from agents.negotiation.plans.timing import stage_end
from agents.negotiation.policies import Policies
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.upward import Upward
from agents.parties.coordinator.judging import Judging
from agents.parties.coordinator.taken import TakenPlans
from agents.settings.members import Member, Members
from agents.settings.parties import CoordinatorSettings, PlanMode
from protocol import messages as m
from protocol.actor import Foreseen
from protocol.plan import Plan, excess, least, scaled, shortfall, total, zero
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
        counted_on_pct: Callable[[Member, datetime], tuple[int, int]],
        event: Negotiation,
    ) -> None:
        """`foreseen`: what aggregators could probably give in the slots of a request, where they told it;
        `counted_on_pct`: how much of what one is asked for, and of what it offers, is to be expected."""
        self.settings = settings
        self.policies = policies
        self.book = book
        self.up = up
        self.foreseen = foreseen
        self.counted_on_pct = counted_on_pct
        self.event = event
        self.taken = TakenPlans(event, settings.can_use)
        self.judging = Judging(settings, policies, book, up, event, self.taken)
        self.rerequests_left = 0
        self.sparing = False
        """Whether no owner was asked to loosen anything in this round."""

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
        self.taken.clear()
        self.rerequests_left = self.settings.max_rerequests
        event.children.waiting.clear()
        plans = {name: power_w for name, power_w in self._plans(now).items() if any(power_w)}
        latest = step_instant(now, self.up.request.reply_by, COLLECT_PCT)
        slow = [member for member in self.book.slow if member.name in plans]
        reply_by = stage_end(now, self._round_ends(now), latest, slow)
        self.sparing = self.settings.spare_owners and self.rerequests_left > 0 and not self.mandate
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

    def _plans(self, now: datetime) -> Mapping[str, Plan]:
        direction, left = self.event.subject.direction, self.event.children.left
        members = [member for member in self.book.members if member.name not in left]
        if self.settings.plan is PlanMode.SAME:
            return dict.fromkeys((member.name for member in members), self.asked_w)
        counted_on = {member.name: self.counted_on_pct(member, now) for member in members}
        scales = {member.name: member.capacity_w(direction) * counted_on[member.name][0] // 100 for member in members}
        foreseen = self.foreseen(self.up.request) if self.settings.plan is PlanMode.BY_ABILITY else None
        if foreseen is None or not all(name in foreseen.power_w for name in scales):
            return split_by_scale(self.asked_w, scales)
        sure_pct = {name: foreseen.sure_pct[name] * counted_on[name][1] // 100 for name in scales}
        could_w = {name: scaled(foreseen.power_w[name], sure_pct[name], 100) for name in scales}
        power_w = total(could_w.values(), len(self.asked_w))
        self.event.out.tell("capability_used", "S1", told=len(could_w), power_w=power_w)
        parts = split_by_ability(self.asked_w, could_w, scales)
        energies = {name: ProbableEnergy(could_w[name], scales[name]) for name in scales}
        return better_by_energies(self.asked_w, parts, energies)

    def _round_ends(self, now: datetime) -> datetime:
        return step_instant(now, self.up.request.reply_by, COLLECT_PCT // (self.rerequests_left + 1))

    def _ask(self, name: str, power_w: Plan, reply_by: datetime, now: datetime) -> None:
        request = self.up.request
        terms = request.terms.model_copy(update={"spares_owners": True}) if self.sparing else request.terms
        self.event.ask({name: power_w}, Conditions(request.program_id, reply_by, self.up.decide_by, terms), now)

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
        if self.mandate and (nothing_over or not self.rerequests_left) and not self.event.asking.still_hears(now):
            self._conclude_at_once(child, best, now)

    def _conclude_at_once(self, child: Child, answer: ChildAnswer, now: datetime) -> None:
        """S2 -> S7 under the utility's mandate: this one is concluded while others are still asked."""
        if child.award is None:
            wanted = self.taken.wanted(answer)
            if any(wanted):
                self.taken.by_name[child.name] = wanted
                self.taken.conclude(child, answer, wanted, now)

    def taken_back(self, child: Child, now: datetime) -> None:
        """What is not there any more is not wanted of it; the utility is told what is left."""
        if self.taken.cut(child) and self.event.stage in (Stage.OFFERED, Stage.PROPOSED):
            self._answer_up(now)

    def all_in(self, now: datetime) -> None:
        """Judge what has come in; or nobody above has answered, and what a mandate bought stands."""
        event = self.event
        if event.stage is Stage.COLLECTING:
            event.children.waiting.clear()
            event.go(Stage.JUDGING)
            self._judge(now)
        elif self.mandate and event.children.awarded():
            event.out.tell("mandate_stands", power_w=self.taken.total_w())
            event.stand_by(self.taken.total_w(), now)
            event.awards.release_rest(m.Outcome.NOT_NEEDED, COVERED, now)
        elif event.stage in (Stage.OFFERED, Stage.PROPOSED) and not keeps_what_stood(event, now):
            event.close("expired", now, release=m.Outcome.NO_DEAL, reason="no answer from the utility")

    # -- S4-S6

    def _judge(self, now: datetime) -> None:
        """Another round where one is needed and may follow; else the utility is answered."""
        if self.event.out.counts_waited and self._round_ends(now) <= now:
            self.rerequests_left, self.sparing = 0, False  # it was away for so long that nobody can answer any more
        spared = self.sparing
        self.sparing = False
        revised = self.judging.spared() if spared else self.judging.judge(self.rerequests_left > 0, now)
        if revised.plans:
            self._rerequest(revised.plans, revised.missing_w, now)
        else:
            self._answer_up(now)

    def _rerequest(self, again: Mapping[str, Plan], missing: Plan, now: datetime) -> None:
        """S5: revise the plan; S6: send the re-request, to the short ones for no more than they proposed, to those
        with a surplus for what is locked with them and their part of the rest."""
        event = self.event
        event.out.tell("plan_revised", "S5", shortfall_w=missing, plans=dict(again))
        reply_by = self._round_ends(now)
        self.rerequests_left -= 1
        for name, power_w in again.items():
            self.taken.by_name.pop(name, None)
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
        event, taken = self.event, self.taken.total_w()
        if self.mandate:
            self.taken.conclude_all(now)
        short = shortfall(self.asked_w, taken)
        if not any(short):
            event.out.tell("plan_secured", requested_w=self.asked_w, secured_w=taken)
            self.up.offer(taken, taken, now)
            return
        event.out.tell("plan_not_secured", requested_w=self.asked_w, secured_w=taken, shortfall_w=short)
        basis, round_ = (m.OptionBasis.OFFERS,), self.up.request.round
        options = alternatives(self.asked_w, taken, basis, round_) if any(taken) else ()
        if self.up.request.terms.obliged and any(taken):
            self.up.offer(taken, taken, now)
        elif options:
            self.up.propose(options, now)
        else:
            self.up.offer(zero(len(taken)), zero(len(taken)), now)
            event.awards.release_rest(m.Outcome.NO_DEAL, "nothing acceptable was offered", now)

    def bought(self, power_w: Plan, now: datetime) -> None:
        """S7: the utility has bought; each aggregator hears its part, the others that they are not needed."""
        left = power_w
        for child, answer in self.event.children.taking_part():
            part = least(self.taken.by_name.get(child.name, zero(len(power_w))), left)
            if not any(part):
                continue
            left = shortfall(left, part)
            if child.award is None:
                self.taken.conclude(child, answer, part, now)
        self.event.awards.release_rest(m.Outcome.NOT_NEEDED, COVERED, now)
        if any(excess(self.event.mending.standing_w(), power_w)):
            self.event.mending.reduce(power_w, now)  # by a mandate more was concluded than can be used

    def recount(self) -> None:
        """All that is firm, or was proposed, is taken."""
        self.taken.lock(self.event.children.taking_part())

    def given_before(self, now: datetime) -> None:
        """What stood before goes on, here as well."""
        keeps_what_stood(self.event, now)

    def backs(self, power_w: Plan) -> bool:
        """It plans anew for every request, and keeps no answer to an earlier one."""
        return False

    def relax_asked(self, relax: m.Relax, now: datetime) -> None:
        """It has nothing to loosen: what stands is repeated."""
        self.up.repeat_relaxed((), now)

    # -- delivery

    def bound(self, child: Child, now: datetime) -> None:
        """Nothing follows: it dispatches nobody."""

    def mended(self, now: datetime) -> None:
        """It has no power of its own."""

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """Note what was delivered beside what was awarded, Wh."""
        self.event.settlement.note(delivered_wh)

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
