"""S4 and S5: the alternatives are judged, and what each aggregator is asked for in another round."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.acceptance import Judged
from agents.negotiation.plans.request_values import split_by_scale
from agents.negotiation.plans.residual import exchanged, reduced, share_residual
from agents.negotiation.plans.usable import judged_by, left_of
from agents.negotiation.policies import Policies
from agents.negotiation.upward import Upward
from agents.parties.coordinator.taken import Answered, TakenPlans
from agents.settings.members import Members
from agents.settings.parties import CoordinatorSettings
from protocol.plan import Plan, add, share_pct, shortfall, total, zero


class Revised(NamedTuple):
    """The plan of another round; nobody is in it where none is needed, or may follow."""

    plans: Mapping[str, Plan]
    missing_w: Plan


class Judging:
    """The judgement of all answers of a round."""

    def __init__(
        self,
        settings: CoordinatorSettings,
        policies: Policies,
        book: Members,
        up: Upward,
        event: Negotiation,
        taken: TakenPlans,
    ) -> None:
        self.settings, self.policies, self.book = settings, policies, book
        self.up, self.event, self.taken = up, event, taken

    def judge(self, may_ask_again: bool, now: datetime) -> Revised:
        """Lock the firm offers, judge the alternatives, plan what is missing anew."""
        taken, slots = self.taken, self.event.subject.slots
        answers = self.event.children.taking_part()
        # a proposal that covers what was firm before is as good as that
        firm = [(child, answer) for child, answer in answers if not answer.alternative or child.locked is not None]
        proposed = [(child, answer) for child, answer in answers if answer.alternative and child.locked is None]
        taken.lock(firm)
        surplus = taken.surplus(firm)
        over = total(surplus.values(), slots)
        again: dict[str, Plan] = {}
        for child, answer in proposed:
            if child.award is not None:
                continue  # concluded in an earlier round
            if self._acceptable(child, answer, over, may_ask_again):
                over = self._accept(child, answer, over, now)
            elif may_ask_again:
                again[child.name] = reduced(answer.power_w, self.settings.margin_pct)
        found_w = add(taken.total_w(), total(again.values(), slots))
        missing = left_of(self.settings.can_use, self.event.subject.asked_w, found_w)
        beside = taken.beside(one for one in proposed if one[0].name in again)
        more = share_residual(missing, surplus | beside) if may_ask_again and any(missing) else {}
        for name, extra in more.items():
            again[name] = add(again.get(name) or taken.by_name[name], extra)
        if may_ask_again:
            left_w = shortfall(missing, total(more.values(), slots))
            again |= self._exchanged(left_w, surplus | beside, more, taken.by_name | again, firm)
        return Revised({name: power_w for name, power_w in again.items() if any(power_w)}, missing)

    def spared(self) -> Revised:
        """The same of a round in which no owner was asked to loosen anything: those with something over are asked for what
        is missing, and what they have not is asked for of all others on top of what they proposed."""
        taken, slots = self.taken, self.event.subject.slots
        answers = self.event.children.taking_part()
        firm = [(child, answer) for child, answer in answers if not answer.alternative]
        proposed = {child.name: answer.power_w for child, answer in answers if answer.alternative}
        taken.lock(firm)
        missing = left_of(
            self.settings.can_use, self.event.subject.asked_w, add(taken.total_w(), total(proposed.values(), slots))
        )
        beside = taken.beside(one for one in answers if one[1].alternative)
        more = share_residual(missing, taken.surplus(firm) | beside) if any(missing) else {}
        proposed |= {name: add(proposed[name], extra) for name, extra in more.items() if name in proposed}
        again = {name: add(taken.by_name[name], extra) for name, extra in more.items() if name not in proposed}
        rest_w = shortfall(missing, total(more.values(), slots))
        parts = taken.by_name | proposed | again
        changed = self._exchanged(rest_w, taken.surplus(firm) | beside, more, parts, firm)
        rest_w = shortfall(rest_w, shortfall(total({**parts, **changed}.values(), slots), total(parts.values(), slots)))
        proposed |= {name: plan for name, plan in changed.items() if name in proposed}
        again |= {name: plan for name, plan in changed.items() if name not in proposed}
        others = proposed or {name: plan for name, plan in taken.by_name.items() if name not in again}
        for name, part in split_by_scale(rest_w, {name: sum(plan) for name, plan in others.items()}).items():
            if name in proposed or any(part):
                again[name] = add(others[name], part)
        return Revised({name: power_w for name, power_w in again.items() if any(power_w)}, missing)

    def _exchanged(
        self, missing_w: Plan, over: Mapping[str, Plan], more: Mapping[str, Plan], parts: Mapping[str, Plan], firm: Answered
    ) -> Mapping[str, Plan]:  # fmt: skip
        """What those with something over in other slots than the missing ones can take over of what firm ones were to give
        there, so that these give it where it is missing; of those only who plan over slots."""
        book, nothing = self.book.by_name, self.event.subject.nothing_w
        left = {name: shortfall(plan, more.get(name, nothing)) for name, plan in over.items() if book[name].profiles}
        takers = [child.name for child, _ in firm if child.award is None and any(parts.get(child.name, ()))]
        return exchanged(missing_w, {name: plan for name, plan in left.items() if name in parts}, parts, takers)

    def _accept(self, child: Child, answer: ChildAnswer, over: Plan, now: datetime) -> Plan:
        """An alternative is taken, and concluded at once under a mandate. Returns what others have over beside what
        fills its gap: a surplus is counted once, W."""
        assert child.request is not None
        if child.name not in self.taken.accepted:
            self.taken.accepted[child.name] = None
            over = shortfall(over, shortfall(child.request.power_w, answer.power_w))
        wanted = self.taken.by_name[child.name] = self.taken.wanted(answer)
        if self.up.request.terms.mandate and any(wanted):
            self.taken.conclude(child, answer, wanted, now)
        return over

    def _acceptable(self, child: Child, answer: ChildAnswer, over: Plan, may_ask_again: bool) -> bool:
        """S4: a share in every slot, or what other aggregators have over (W) fills the gap; once accepted, always."""
        assert child.request is not None
        asked = child.request.power_w
        gap = shortfall(asked, answer.power_w)
        may_fill = self.settings.accept_if_covered and may_ask_again
        least_pct = max(self.settings.accept_share_pct, self.up.request.terms.least_share_pct)
        judged = Judged(asked, answer.power_w, over if may_fill else zero(len(asked)), least_pct)
        judged = judged_by(self.settings.can_use, judged)
        accepted = child.name in self.taken.accepted or self.policies.acceptance.accepts(judged)
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
