"""What the coordinator takes of each aggregator in one event: locked, accepted or concluded (S7)."""

from collections.abc import Iterable
from datetime import datetime

from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.usable import bought_of, left_of
from agents.settings.parties import Usable
from protocol.plan import Plan, excess, least, total

Answered = Iterable[tuple[Child, ChildAnswer]]


class TakenPlans:
    """By aggregator, W."""

    def __init__(self, event: Negotiation, can_use: Usable) -> None:
        self.event, self.can_use = event, can_use
        self.by_name: dict[str, Plan] = {}
        self.accepted: dict[str, None] = {}
        """Whose alternative S4 accepted: that stands in every later round."""

    def clear(self) -> None:
        """A request begins: nothing is taken."""
        self.by_name, self.accepted = {}, {}

    def total_w(self) -> Plan:
        """What is wanted of all; of those that are concluded what stands, which a withdrawal may have cut, W."""
        children, nothing = self.event.children, self.event.subject.nothing_w
        stands = [
            wanted if children[name].award is None else children[name].awarded_w or nothing
            for name, wanted in self.by_name.items()
        ]
        return total(stands, self.event.subject.slots)

    def wanted(self, answer: ChildAnswer) -> Plan:
        """What is taken of an answer, by what is still wanted, W."""
        left_w = left_of(self.can_use, self.event.subject.asked_w, self.total_w())
        return bought_of(self.can_use, answer.power_w, left_w)

    def lock(self, firm: Answered) -> None:
        """Firm offers are locked; never more than what is asked in all (the same plan may have gone to everyone)."""
        concluded = {child.name for child, _ in self.event.children.awarded()}
        self.by_name = {name: plan for name, plan in self.by_name.items() if name in concluded}
        for child, answer in firm:
            if child.name not in concluded:
                self.by_name[child.name] = self.wanted(answer)

    def surplus(self, firm: Answered) -> dict[str, Plan]:
        """What the aggregators that can meet their request have over it, W; concluded ones are not asked again."""
        open_ones = [(child, answer) for child, answer in firm if child.award is None]
        return {child.name: excess(answer.available_w, self.by_name[child.name]) for child, answer in open_ones}

    def beside(self, proposed: Answered) -> dict[str, Plan]:
        """What those that cannot meet their request have over what they propose, in other slots, W."""
        return {
            child.name: excess(answer.available_w, answer.power_w) for child, answer in proposed if child.award is None
        }

    def cut(self, child: Child) -> bool:
        """What is not there any more is not wanted of a child; whether anything was."""
        if (wanted := self.by_name.pop(child.name, None)) is None:
            return False
        if child.best is not None:
            self.by_name[child.name] = least(wanted, child.best.power_w)
        return True

    def conclude(self, child: Child, answer: ChildAnswer, power_w: Plan, now: datetime) -> None:
        """S7: award an aggregator so much of its answer, W."""
        self.event.awards.give([(child, answer, power_w)], now)
        accepts = answer.of(child.name)
        self.event.out.tell("deal_concluded", "S7", aggregator=child.name, power_w=power_w, accepts=accepts)

    def conclude_all(self, now: datetime) -> None:
        """S7 under the utility's mandate: what is taken is concluded before the utility is answered."""
        answers = {child.name: answer for child, answer in self.event.children.taking_part()}
        for name, power_w in self.by_name.items():
            child = self.event.children[name]
            if child.award is None and any(power_w):
                self.conclude(child, answers[name], power_w, now)
