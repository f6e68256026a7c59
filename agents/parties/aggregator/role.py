"""What the aggregator decides in one event: S20-S36. Between collecting and the answer the rungs of the ladder are
climbed in their order, one at a time, until the request is covered in every slot."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from agents.negotiation.asking import Conditions
from agents.negotiation.child import Child, ChildAnswer, RelaxRecord
from agents.negotiation.hurried import hurried_members, tell_too_slow
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.alternative import alternatives
from agents.negotiation.plans.apportion import Apportioned, Candidate, apportion
from agents.negotiation.plans.request_values import MemberCapability, runnable
from agents.negotiation.plans.surplus import SurplusMember, surplus_values
from agents.negotiation.plans.timing import most_collecting_pct, stage_end
from agents.negotiation.policies import Policies
from agents.negotiation.stage import ASKING, Stage, Timer
from agents.negotiation.upward import Upward
from agents.parties.aggregator.climb import Climb
from agents.parties.aggregator.dispatch import Dispatching
from agents.parties.aggregator.own_storage import OwnStorage
from agents.parties.aggregator.planning import Coalition
from agents.settings.members import Member, Members
from agents.settings.parties import AggregatorSettings, Rung
from protocol import messages as m
from protocol.actor import Foreseen, Solve, Solved
from protocol.plan import Plan, add, covers, least, shortfall, total, zero
from protocol.rules import best_plan, worth
from protocol.units import step_instant

RELAX_MOST_PCT = 60
"""Share of what is left that relaxing may use where collecting took longer than it was planned to."""


class AggregatorRole:
    """The decisions of one event."""

    def __init__(
        self,
        settings: AggregatorSettings,
        policies: Policies,
        book: Members,
        up: Upward,
        storage: OwnStorage,
        foreseen: Callable[[m.Request], Foreseen | None],
        expected_pct: Callable[[Member, datetime], int],
        event: Negotiation,
    ) -> None:
        """`foreseen`: what members could probably give in the slots of a request, where they told it; `expected_pct`: how
        much of what a member is asked for is to be expected of it."""
        self.settings = settings
        self.policies = policies
        self.book = book
        self.up = up
        self.storage = storage
        self.foreseen = foreseen
        self.expected_pct = expected_pct
        self.event = event
        self.dispatching = Dispatching(event, book, settings.dispatch_lead_s, storage, settings.meter_to)
        self.climb = Climb(up.request.sent_at, [])
        self.coalition = Coalition(event.children, book)

    @property
    def asked_w(self) -> Plan:
        """What the parent asks for, W."""
        return self.event.subject.asked_w

    # -- S20-S22

    def begin(self, now: datetime) -> None:
        """S20: a request plan (or a re-request) has come; S21: a value per DER; S22: send it."""
        event, request = self.event, self.up.request
        self.storage.lock()
        self.climb = Climb(now, list(self.settings.ladder))
        event.out.tell(
            "request_received",
            "S20",
            requested_w=self.asked_w,
            round=request.round,
            direction=event.subject.direction,
            reply_by=request.reply_by,
        )
        values = self._request_values(now)
        event.children.waiting.clear()
        asked = {name: power_w for name, power_w in values.items() if any(power_w)}
        reply_by = self._collect_by(asked, now)
        profiles = self.coalition.begin(self.asked_w) if Rung.PLAN in self.settings.ladder else None
        event.ask(asked, Conditions(request.program_id, reply_by, self.up.decide_by, request.terms, profiles), now)
        event.out.tell(
            "request_values_sent",
            "S22",
            asked=len(event.children.waiting),
            power_w=total(values.values(), len(self.asked_w)),
            reply_by=reply_by,
        )
        tell_too_slow(event, self.book, reply_by - now)
        event.go(Stage.COLLECTING, reply_by)
        if event.asking.complete:
            self.all_in(now)

    def _collect_by(self, asked: Mapping[str, Plan], now: datetime) -> datetime:
        """As set, or later where members are slow by contract and the other rungs keep what they need."""
        last = self.up.request.reply_by
        planned = step_instant(now, last, self.settings.collect_pct)
        latest = step_instant(now, last, most_collecting_pct(self.settings))
        return stage_end(now, planned, latest, [member for member in self.book.slow if member.name in asked])

    def _request_values(self, now: datetime) -> Mapping[str, Plan]:
        """S21. In a re-request what a member said it could give at most stands for its capability; else what it has told
        that it could probably give; else its contract, and what it did."""
        slots, direction, before_w = len(self.asked_w), self.event.subject.direction, self.event.asking.before_w
        foreseen = self.foreseen(self.up.request)
        could_w: Mapping[str, Plan] = {} if foreseen is None else foreseen.power_w
        members = [
            MemberCapability(member.name, before_w[member.name], 100, member.merit, member.least_w)
            if member.name in before_w
            else MemberCapability(
                member.name, could_w[member.name], foreseen.sure_pct[member.name], member.merit, member.least_w
            )
            if foreseen is not None and member.name in could_w
            else MemberCapability(
                member.name,
                (member.capacity_w(direction),) * slots,
                self.expected_pct(member, now),
                member.merit,
                member.least_w,
            )
            for member in self.book.members
            if member.name not in self.event.children.left
        ]
        if foreseen is not None:
            told = len(could_w)
            self.event.out.tell("capability_used", "S21", told=told, power_w=total(could_w.values(), slots))
        values = self.policies.request_values.values(self.asked_w, members, self.settings.over_request)
        return runnable(values, members)

    # -- S23-S31

    def answered(self, child: Child, now: datetime) -> None:
        """A setting: the rung is left as soon as the request is covered."""
        if not self.settings.leave_early or self.event.stage not in ASKING or self.coalition.waits:
            return
        if covers(self.available_w(), self.asked_w) and not self.event.asking.complete:
            self.all_in(now)

    def available_w(self) -> Plan:
        """S24, S26 or S30: the sum over the participating DERs, relaxed answers in place of earlier ones, and the
        own storage once its rung was climbed, W."""
        return add(self.event.children.offered_w or self.event.subject.nothing_w, self.storage.available_w())

    def all_in(self, now: datetime) -> None:
        """S23, S29: sum up; or nobody above has answered."""
        if self.event.stage is Stage.COLLECTING and self.coalition.waits:
            self._without_plan(now)
        elif self.event.stage is Stage.COLLECTING and self.coalition.planned:
            self._want_plan(now)
        elif self.event.stage is Stage.COLLECTING and self.climb.surplus:
            self._sum_up_surplus(now)
        elif self.event.stage is Stage.COLLECTING:
            self._sum_up("offers_summed", "S24", m.OptionBasis.OFFERS, now)
        elif self.event.stage is Stage.RELAXING:
            if self.coalition.counts:
                self.coalition.keep_own(shortfall(self.asked_w, self.storage.available_w()))
            self._sum_up("relaxed_offers_summed", "S30", m.OptionBasis.RELAXED, now)
        elif self.event.stage in (Stage.OFFERED, Stage.PROPOSED):
            self.event.close("expired", now, release=m.Outcome.NO_DEAL, reason="no answer from above")

    def _sum_up(self, name: str, step: str, basis: m.OptionBasis, now: datetime) -> None:
        available = self.available_w()
        self.climb.sum_up(basis, available)
        short = shortfall(self.asked_w, available)
        self.event.out.tell(
            name,
            step,
            requested_w=self.asked_w,
            available_w=available,
            shortfall_w=short,
            enough=not any(short),
            **self.event.children.count(),
        )
        self.event.children.waiting.clear()
        if any(short):
            self._next_rung(short, now)
        else:
            self.event.out.tell("can_meet", "S36", power_w=self.asked_w)
            self._answer(self.asked_w, self._at_most_w(), now)

    @property
    def _obliged(self) -> bool:
        """Whether reserved capacity is asked for: what there is is offered, and no alternative."""
        return bool(self.up.request.terms.obliged)

    def _next_rung(self, short: Plan, now: datetime) -> None:
        """The next rung; when none is left the answer is that this cannot be met."""
        if not self.climb.rungs:
            self.event.out.tell("cannot_meet", shortfall_w=short)
            firm_w = least(self.available_w(), self.asked_w) if self._obliged else self._firm_before_w()
            self._answer(firm_w, firm_w, now)
            return
        match self.climb.rungs.pop(0):
            case Rung.SURPLUS:
                self._ask_surplus(short, now)
            case Rung.PLAN:
                self._plan(short, now)
            case Rung.OWN_STORAGE:
                self._add_storage(short, now)
            case Rung.RELAX:
                self._relax(short, now)
            case Rung.ALTERNATIVE if self._obliged:
                self._next_rung(short, now)
            case Rung.ALTERNATIVE:
                self._propose(now)

    def _ask_surplus(self, short: Plan, now: datetime) -> None:
        """Ask those who said that they could give more for the rest, in a round of their own: what they offered stays
        locked."""
        values, reply_by = self._surplus_values(), self._surplus_ends(now)
        if not values or reply_by <= now:
            self._next_rung(short, now)
            return
        event, request = self.event, self.up.request
        self.climb.surplus, self.climb.before_w = True, self.available_w()
        event.ask(values, Conditions(request.program_id, reply_by, self.up.decide_by, request.terms), now)
        power_w = total(values.values(), len(self.asked_w))
        event.out.tell("surplus_asked", shortfall_w=short, power_w=power_w, asked=len(values), reply_by=reply_by)
        event.go(Stage.COLLECTING, reply_by)

    def _surplus_values(self) -> Mapping[str, Plan]:
        direction, contracts = self.event.subject.direction, self.book.by_name
        asked_w = shortfall(self.asked_w, self.storage.available_w())
        members = [
            SurplusMember(child.name, best.power_w, best.available_w, contracts[child.name].capacity_w(direction))
            for child, best in self.event.children.taking_part()
        ]
        wanted = surplus_values(asked_w, members)
        capable = [
            MemberCapability(one.name, (one.most_w,) * len(asked_w), least_w=contracts[one.name].least_w)
            for one in members
        ]
        values = runnable(wanted, capable)
        loosened = {child.name for child, best in self.event.children.taking_part() if best.basis is m.Basis.RELAXED}
        return {name: power_w for name, power_w in values.items() if name not in loosened}

    # -- the plan over members and slots

    def _plan(self, short: Plan, now: datetime) -> None:
        """Want the best mix of all profiles that members told."""
        if not self.coalition.has_profiles() or self._surplus_ends(now) <= now:
            self._next_rung(short, now)
        else:
            self._want_plan(now)

    def _want_plan(self, now: datetime) -> None:
        """The plan is computed elsewhere; the rung is left where it takes too long."""
        event, coalition, ends_at = self.event, self.coalition, self._surplus_ends(now)
        if ends_at <= now:
            self._end_plan("no time is left", now)
            return
        event.children.waiting.clear()
        event.out.effect(coalition.ask(event.subject.event_id))
        event.out.tell("plan_wanted", members=len(coalition.members()), wanted_by=ends_at, question=coalition.asked)
        coalition.planned, coalition.until = True, ends_at
        event.go(Stage.COLLECTING, ends_at)

    def _without_plan(self, now: datetime) -> None:
        """No plan has come in time; or an answer was corrected meanwhile, and another plan is needed."""
        until = self.coalition.until
        if until is not None and now < until:
            self._want_plan(now)
        else:
            self._end_plan("it was not computed in time", now)

    def solving(self, asked: Solve) -> Callable[[], Solved] | None:
        """How the plan that is wanted is computed; None where it is not wanted any more."""
        if self.event.stage is not Stage.COLLECTING:
            return None
        return self.coalition.solving(asked, self.asked_w, self.coalition.asked < self.settings.plan_questions)

    def solved(self, item: Solved, now: datetime) -> None:
        """The plan is there: what members give by it counts, or they are asked for better profiles."""
        coalition, event = self.coalition, self.event
        if event.stage is not Stage.COLLECTING or not coalition.is_awaited(item):
            return
        problem = coalition.take(item, self.asked_w)
        if problem:
            self._end_plan(problem, now)
            return
        available, bound = self.available_w(), coalition.bound(self.asked_w, event.subject.direction)
        proof: dict[str, Any] = {}
        if bound is not None:
            proof = {"bound_pm": bound.level_pm, "weights": bound.weights, "slots": bound.slots}
        members, question = len(item.parts), coalition.asked
        event.out.tell("plan_found", available_w=available, members=members, question=question, **proof)
        short = shortfall(self.asked_w, available)
        if not (any(short) and self._ask_for_profiles(item, short, now)):
            self._end_plan("", now)

    def _ask_for_profiles(self, plan: Solved, short: Plan, now: datetime) -> bool:
        """Ask for better profiles, and for what the plan wants now, in a round of its own; whether anybody is asked."""
        event, request, reply_by = self.event, self.up.request, self._surplus_ends(now)
        asked = self.coalition.asked_again(plan.wanted)
        if self.coalition.asked >= self.settings.plan_questions or not asked or reply_by <= now:
            return False
        wanted = self.coalition.want_more(self.asked_w, self.available_w(), plan.weights)
        event.ask(asked, Conditions(request.program_id, reply_by, self.up.decide_by, request.terms, wanted), now)
        event.out.tell("profiles_asked", shortfall_w=short, asked=len(asked), weights=plan.weights, reply_by=reply_by)
        event.go(Stage.COLLECTING, reply_by)
        return True

    def _end_plan(self, problem: str, now: datetime) -> None:
        self.coalition.waits = self.coalition.planned = False
        if problem:
            self.event.out.tell("plan_missed", reason=problem)
        self._sum_up("plan_summed", "", m.OptionBasis.OFFERS, now)

    def _surplus_ends(self, now: datetime) -> datetime:
        """Half of what is left, less the time for asking to relax where that comes later."""
        last = self.up.request.reply_by
        relaxing = (last - self.climb.began_at) * self.settings.relax_pct / 100
        return step_instant(now, max(now, last - relaxing) if Rung.RELAX in self.climb.rungs else last, 50)

    def _sum_up_surplus(self, now: datetime) -> None:
        """What came of it counts where it is no worse; else what is locked does."""
        before_w, self.climb.surplus, self.climb.before_w = self.climb.before_w, False, None
        assert before_w is not None
        if worth(self.available_w(), self.asked_w) < worth(before_w, self.asked_w):
            for child, _ in self.event.children.taking_part():
                if child.locked is not None:
                    self.event.children.set_aside(child)
        self._sum_up("surplus_summed", "", m.OptionBasis.OFFERS, now)

    def _firm_before_w(self) -> Plan:
        """What an earlier round promised, of what is asked now, as far as it can still be kept, W."""
        nothing_w = self.event.subject.nothing_w
        promised_w = best_plan((nothing_w, *self.up.earlier.values()), self.asked_w)
        firm_w = least(promised_w, self.asked_w)
        return firm_w if self.backs(firm_w) else nothing_w

    def backs(self, power_w: Plan) -> bool:
        """Whether so much of an answer to an earlier round can still be kept: what its children gave is locked with them,
        W."""
        return covers(self._locked_w(), power_w) or covers(self._counted_w(), power_w)

    def _locked_w(self) -> Plan:
        """What stood before the present round, and still does, W."""
        plans = [(child.locked or best).power_w for child, best in self.event.children.taking_part()]
        return add(total(plans, len(self.asked_w)), self.storage.locked_w())

    def _counted_w(self) -> Plan:
        """The same with newer answers where they are as good, W."""
        return add(self.event.children.offered_w or self.event.subject.nothing_w, self.storage.locked_w())

    def _add_storage(self, short: Plan, now: datetime) -> None:
        """S26: own storage adds what it can to the available power (claim 2); S27 judges."""
        if not self.storage:
            self._next_rung(short, now)
            return
        added = self.storage.offer(short)
        self.event.out.tell("own_storage_added", "S26", shortfall_w=short, storage_w=added)
        self._sum_up("storage_summed", "S27", m.OptionBasis.STORAGE, now)

    def _relax(self, short: Plan, now: datetime) -> None:
        """S28: ask those DERs that are in vehicles and participate, and no others, to recompute (claim 3)."""
        targets = [child for child in self._relaxable() if child.relax is None]  # a request is loosened once
        stored_for_above = self.settings.relax_from_above and not self.climb.for_above
        if not targets or stored_for_above:
            self.event.out.tell("nobody_to_relax", shortfall_w=short)
            self._next_rung(short, now)
            return
        last = self.up.request.reply_by
        planned = self.settings.collect_pct + self.settings.relax_pct
        latest = max(step_instant(self.climb.began_at, last, planned), step_instant(now, last, RELAX_MOST_PCT))
        reply_by = min(now + (last - self.climb.began_at) * self.settings.relax_pct / 100, latest, last)
        record = RelaxRecord(short, self.settings.relax_restrictions, now, reply_by)
        self.event.relax(targets, record, now, self.coalition.missing_of if self.coalition.counts else None)
        self.event.out.tell("relax_asked", "S28", shortfall_w=short, asked=len(targets), reply_by=reply_by)

    def _relaxable(self) -> list[Child]:
        """Who is asked: vehicles that take part; an aggregator below, if its contract says that it has a rung for it."""
        return [child for child in self.event.children.asked() if child.relaxable() or self._has_rung(child)]

    def _has_rung(self, child: Child) -> bool:
        contract = self.book[child.name]
        return child.own is not None and contract.kind == "aggregator" and bool(contract.relaxations)

    def relax_asked(self, relax: m.Relax, now: datetime) -> None:
        """The rung that was kept for the parent's `relax` is climbed now; without it the offer is repeated."""
        if self.settings.relax_from_above and self._relaxable():
            most_w = add(self.up.first_w(), relax.shortfall_w)
            self.climb = Climb(self.climb.began_at, [], self.climb.sums, most_w)
            self._relax(relax.shortfall_w, now)
        else:
            self.event.repeat_relaxed(self._resources(self.up.first_w()), now)

    # -- the answer (S36, S32, S33)

    def _answer(self, power_w: Plan, available_w: Plan, now: datetime) -> None:
        """S36; behind a climb for above a relaxed answer of what is available now."""
        basis, most_w = m.Basis.OWN, self.climb.most_w
        if most_w is not None:
            power_w = available_w = least(self.available_w(), most_w)
            basis = m.Basis.RELAXED
            self.climb = Climb(self.climb.began_at, [], self.climb.sums)
        self.event.offer_up(power_w, available_w, now, basis, self._resources(power_w))
        if not any(power_w) and basis is m.Basis.OWN and not self.settings.relax_from_above:
            self.storage.free(now)
            self.event.awards.release_rest(m.Outcome.NO_DEAL, "the request cannot be met", now)

    def _resources(self, power_w: Plan) -> tuple[m.Resource, ...]:
        relaxable = self.settings.relax_from_above and bool(self._relaxable())
        name, kind = self.event.out.name, m.ResourceKind.AGGREGATE
        return (m.Resource(resource_id=name, kind=kind, power_w=power_w, relaxable=relaxable),)

    def _at_most_w(self) -> Plan:
        """What it could give at most: what the DERs could, and its own storage on top, W."""
        most = total([answer.available_w for _, answer in self.event.children.taking_part()], len(self.asked_w))
        return tuple(max(a, b) for a, b in zip(add(most, self.storage.most_w()), self.asked_w, strict=True))

    def _propose(self, now: datetime) -> None:
        """S32: make the plans that can be met instead; S33: propose them."""
        basis, firm = self.climb.sum_of(self.settings.alternative_basis)
        options = alternatives(self.asked_w, firm, basis, self.up.request.round)
        if not options:
            self._next_rung(shortfall(self.asked_w, firm), now)
            return
        self.event.out.tell(
            "alternative_proposed",
            "S33",
            requested_w=self.asked_w,
            options={o.shape.value: o.power_w for o in options},
            basis=basis,
        )
        self.event.propose_up(options, now)

    def taken_back(self, child: Child, now: datetime) -> None:
        """What was told upward is corrected where it does not hold any more; own storage fills what it can first."""
        event, answer = self.event, self.up.answer
        if event.stage not in (Stage.OFFERED, Stage.PROPOSED) or answer is None:
            return
        told_w = _told_w(answer)
        if self.storage and Rung.OWN_STORAGE in self.settings.ladder:
            self.storage.offer_more(shortfall(told_w, self.available_w()))
        firm_w = least(told_w, self.available_w())
        if firm_w == told_w:
            return
        event.out.tell("answer_corrected", told_w=told_w, available_w=firm_w)
        if event.stage is Stage.OFFERED:
            self._offer_less(answer, firm_w, now)
        elif options := alternatives(self.asked_w, firm_w, self.climb.sums[-1][0]):
            event.propose_up(options, now)
        else:
            self._answer(firm_w, firm_w, now)

    def _offer_less(self, answer: m.Offer | m.Alternative, firm_w: Plan, now: datetime) -> None:
        if isinstance(answer, m.Offer) and answer.basis is m.Basis.RELAXED:
            self.event.offer_up(firm_w, firm_w, now, m.Basis.RELAXED, self._resources(firm_w))
        else:
            self._answer(firm_w, firm_w, now)

    # -- S34, S35, claim 1

    def bought(self, power_w: Plan, now: datetime) -> None:
        """S35: share the deal out and tell every DER that answered yes."""
        event = self.event
        self.storage.recall()
        self._count_locked(power_w)
        power_w = least(power_w, self.available_w())  # what was taken back since is replaced, or stated
        shared = self._shared_out(power_w)
        self.storage.commit(shared.storage_w)
        event.give(self._parts(shared), now)
        awarded, storage_w = len(shared.shares), shared.storage_w
        event.out.tell("awards_sent", "S35", awarded=awarded, power_w=power_w, storage_w=storage_w)
        event.awards.release_rest(m.Outcome.NOT_NEEDED, "the deal is covered by others", now)
        self.dispatching.start(now)

    def _parts(self, shared: Apportioned) -> Iterator[tuple[Child, ChildAnswer, Plan]]:
        for name, (basis, power_w) in shared.shares.items():
            child = self.event.children[name]
            answer = child.answer(basis)
            assert answer is not None
            yield child, answer, power_w

    def _count_locked(self, power_w: Plan) -> None:
        """Where an answer to an earlier round was bought, what was given for that counts again, W."""
        if not covers(self._counted_w(), power_w) and covers(self._locked_w(), power_w):
            for child, _ in self.event.children.taking_part():
                if child.locked is not None:
                    self.event.children.recall(child)

    def _shared_out(self, power_w: Plan) -> Apportioned:
        nothing, contracts = zero(len(power_w)), self.book.by_name
        candidates = [
            Candidate(
                child.name,
                own.power_w if (own := child.unrelaxed) is not None else nothing,
                best.power_w if best is not own else None,
                contracts[child.name].merit,
                contracts[child.name].least_w,
            )
            for child, best in self.event.children.taking_part()
        ]
        direction, sharing = self.event.subject.direction, self.policies.sharing
        return apportion(power_w, candidates, self.storage.available_w(), sharing, direction)

    # -- delivery, the end

    def rang(self, timer: Timer, now: datetime) -> None:
        """Command a slot, or measure one."""
        match timer:
            case Timer.DISPATCH:
                self.dispatching.due(now)
            case Timer.MEASURE:
                self.dispatching.measure_due(now)
            case _:
                raise RuntimeError(f"nobody knows the timer {timer}")

    def bound(self, child: Child, now: datetime) -> None:
        """What was dispatched before it was bound is dispatched to it now."""
        self.dispatching.bound(child, now)

    def mended(self, now: datetime) -> None:
        """Own storage gives its new part at once, also in the slot under way."""
        self.dispatching.storage_follows(now)

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """Note what was delivered beside what was awarded, Wh."""
        self.event.note_delivered(delivered_wh)

    def stop(self, now: datetime) -> None:
        """Own storage is free and returns to its schedule; nothing more is commanded."""
        self.storage.free(now, metered_still=self.dispatching.stop(now))

    def status(self) -> dict[str, object]:
        """What is available, W, and the rungs that are left."""
        hurried = hurried_members(self.event, self.book)
        more: dict[str, object] = {"not_in_time": hurried} if hurried else {}
        return {"available_w": list(self.available_w()), "rungs_left": list(self.climb.rungs), **more}


def _told_w(answer: m.Offer | m.Alternative) -> Plan:
    """The most that an answer upward lets the parent award, W."""
    if isinstance(answer, m.Offer):
        return answer.power_w
    return tuple(max(powers) for powers in zip(*(option.power_w for option in answer.options), strict=True))
