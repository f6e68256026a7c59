"""What an aggregator has to give in one event: its members' answers, and its own storage."""

from collections.abc import Iterable, Mapping

from agents.negotiation.child import ChildAnswer
from agents.negotiation.children import Children
from agents.negotiation.subject import Subject
from agents.parties.aggregator.own_storage import OwnStorage
from protocol.plan import Plan, add, covers, least, most, shortfall, total
from protocol.rules import best_plan


class Supply:
    """The sums over those who take part."""

    def __init__(self, subject: Subject, children: Children, storage: OwnStorage) -> None:
        self.subject, self.children, self.storage = subject, children, storage

    def available_w(self) -> Plan:
        """S24, S26 or S30: the sum over the participating DERs, relaxed answers in place of earlier ones, and the
        own storage once its rung was climbed, W."""
        return add(self.children.offered_w or self.subject.nothing_w, self.storage.available_w())

    def useful_w(self) -> Plan:
        """What is available of what is asked for, W."""
        return least(self.available_w(), self.subject.asked_w)

    def missing_w(self) -> Plan:
        """What is asked for and not available, W."""
        return shortfall(self.subject.asked_w, self.available_w())

    def most_w(self) -> Plan:
        """What it could give at most where it can meet what is asked, W."""
        return most(self.could_w(), self.subject.asked_w)

    def could_w(self) -> Plan:
        """What the DERs could give at most, and its own storage on top, W."""
        could = total([answer.available_w for _, answer in self.children.taking_part()], self.subject.slots)
        return add(could, self.storage.most_w())

    def firm_w(self, earlier: Iterable[Plan]) -> Plan:
        """What an earlier round promised, of what is asked now, as far as it can still be kept, W."""
        nothing_w, asked_w = self.subject.nothing_w, self.subject.asked_w
        firm_w = least(best_plan((nothing_w, *earlier), asked_w), asked_w)
        return firm_w if self.backs(firm_w) else nothing_w

    def backs(self, power_w: Plan) -> bool:
        """Whether so much of an answer to an earlier round can still be kept: what its children gave is locked with them,
        W."""
        return covers(self._counted_w(), power_w) or self._promise_for(power_w) is not None

    def recall(self, power_w: Plan) -> None:
        """So much of an answer was bought, W: where it was one to an earlier round, what was given for that counts again."""
        self.storage.recall()
        number = None if covers(self._counted_w(), power_w) else self._promise_for(power_w)
        if number is not None:
            for child, _ in self.children.taking_part():
                if child.backing(number) is not None:
                    self.children.recall(child, number)

    def promise(self, shown: Iterable[Mapping[str, ChildAnswer]] = ()) -> None:
        """What counts now was told above in an earlier round, and may be awarded still; and so may what members give in shapes
        that were `shown` there. What is locked of a question of our own was promised to nobody."""
        for answers in (None, *shown):
            self._promise(answers)

    def _promise(self, answers: Mapping[str, ChildAnswer] | None) -> None:
        """Unless what was promised before covers it; that stays where it would not be covered."""
        told_w = self._counted_w() if answers is None else self._told_w(answers)
        before_w = [self._promised_w(number) for number in range(self._promises())]
        if any(covers(promised_w, told_w) for promised_w in before_w):
            return
        kept = [number for number, promised_w in enumerate(before_w) if not covers(told_w, promised_w)]
        self.children.promise(kept, answers)
        self.storage.promised_w = (*(self.storage.promised_w[number] for number in kept), self.storage.locked_w())

    def _told_w(self, answers: Mapping[str, ChildAnswer]) -> Plan:
        plans = [answer.power_w for answer in answers.values()]
        return add(total(plans, self.subject.slots), self.storage.locked_w())

    def _promises(self) -> int:
        """To so many earlier answers; members' and own storage's are made at once."""
        return len(self.storage.promised_w)

    def _promise_for(self, power_w: Plan) -> int | None:
        """The newest promise that covers so much, W; 0 where there are none, and what is locked does; None: nothing does."""
        numbers = range(max(1, self._promises()) - 1, -1, -1)
        return next((number for number in numbers if covers(self._promised_w(number), power_w)), None)

    def _promised_w(self, number: int) -> Plan:
        """What stood when the answer of that number was given, and still does, W."""
        plans = [(child.backing(number) or best).power_w for child, best in self.children.taking_part()]
        return add(total(plans, self.subject.slots), self.storage.locked_w())

    def _counted_w(self) -> Plan:
        """The same with newer answers where they are as good, W."""
        return add(self.children.offered_w or self.subject.nothing_w, self.storage.locked_w())
