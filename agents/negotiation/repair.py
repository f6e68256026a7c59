"""Part of an event: what was lost of the deal is replaced by those who offered more than they were awarded, then by
own power; a smaller deal is cut from what stands."""

from datetime import datetime

from agents.negotiation import taking_back
from agents.negotiation.awards import Awards
from agents.negotiation.child import Child
from agents.negotiation.children import Children
from agents.negotiation.out import Out
from agents.negotiation.own import OwnPower
from agents.negotiation.plans.least_power import allowed
from agents.negotiation.plans.level import levelled
from agents.negotiation.subject import Subject
from agents.negotiation.watch import DeliveryWatch
from agents.settings.members import Members
from protocol import messages as m
from protocol.plan import Plan, add, excess, least, scaled, shortfall, total


class Repair:
    """Keeps what stands with the children and the party itself as large as the deal."""

    def __init__(
        self,
        out: Out,
        subject: Subject,
        children: Children,
        awards: Awards,
        own: OwnPower,
        watch: DeliveryWatch,
        book: Members | None,
    ) -> None:
        """`book`: the contracts with the children; None: they have none."""
        self.out = out
        self.subject = subject
        self.children = children
        self.awards = awards
        self.own = own
        self.watch = watch
        self.book = book

    def standing_w(self) -> Plan:
        """What stands with the children as far as it can be expected of them, and own power, less what those take back
        that have withdrawn, W."""
        return shortfall(self._given_w(), self._taken_back_w())

    def missing_w(self, deal_w: Plan) -> Plan:
        """What a deal lacks in its slots, W: more than the deal where more is taken back than anybody gives."""
        lacks_w = shortfall(add(deal_w, self._taken_back_w()), self._given_w())
        return tuple(lacks if deal else 0 for lacks, deal in zip(lacks_w, deal_w, strict=True))

    def _given_w(self) -> Plan:
        awarded_w = shortfall(self.children.awarded_w or self.subject.nothing_w, self.watch.doubtful_w())
        return add(awarded_w, self.own.power_w())

    def _taken_back_w(self) -> Plan:
        slots = self.subject.slots
        return total((plan for plan in self.children.taking_back.values() if len(plan) == slots), slots)

    def note_taking_back(self, name: str, message: m.Withdraw) -> None:
        """A home that gives nothing any more says what its devices will take back by themselves: that is missing, too."""
        if self.children[name].awarded_w is None and self.book is not None and self.watch.is_der(name):
            back_w = taking_back.told(message, self.subject.slots, self.book[name].swing_w)
            if back_w:
                self.children.taking_back[name] = back_w
                self.out.tell("taking_back", child=name, power_w=back_w)

    def replace(self, missing_w: Plan, cause: str, now: datetime) -> Plan:
        """Replace what is missing, W; returns what still is. The offer of who holds an award stays usable after its
        `valid_until`: the child is bound and may be given more of it."""
        missing = missing_w
        doubtful = []
        for child, awarded_w in self.children.with_spare():
            if not any(missing):
                return missing
            if self.watch.pct(child.name) < 100:
                doubtful.append((child, awarded_w))
            else:
                missing = self._raise(child, awarded_w, missing, cause, now)
        missing = shortfall(missing, self.own.add(missing, now))
        for child, awarded_w in sorted(doubtful, key=lambda one: -self.watch.pct(one[0].name)):
            if any(missing) and self.watch.pct(child.name):
                missing = self._raise(child, awarded_w, missing, cause, now)
        return missing

    def _raise(self, child: Child, awarded_w: Plan, missing_w: Plan, cause: str, now: datetime) -> Plan:
        """Award a child more of its offer, so that what is expected of it fills the gap; returns what still is
        missing, W. Who gives little is raised by so much more: cancelled, it would take back what it gave."""
        answer, pct = child.accepted, self.watch.pct(child.name)
        if answer is None:
            return missing_w
        wanted = tuple(-(-power * 100 // pct) for power in missing_w)
        more = least(excess(answer.power_w, awarded_w), wanted)
        if not any(more):
            return missing_w  # of many children most have nothing over where it is missing
        given = allowed(add(awarded_w, more), answer.power_w, self._least_w(child), self.subject.direction)
        more = excess(given, awarded_w)
        if not any(more):
            return missing_w
        self.out.tell("replaced", child=child.name, power_w=more, cause=cause)
        self.awards.give([(child, answer, add(awarded_w, more))], now)
        return shortfall(missing_w, scaled(more, pct, 100))

    def lower(self, deal_w: Plan | None, now: datetime) -> bool:
        """Take back what was raised too much, in the slots to come: who gave less gives more again. Whether own power
        gives less now."""
        if deal_w is None:
            return False
        over = self.subject.to_come(excess(self.standing_w(), deal_w), now)
        own = least(over, self.own.power_w())
        if any(own):
            self.own.cut(own)
        over = shortfall(over, own)
        if any(over):
            self._lower(over, now)
        return any(own)

    def _lower(self, over_w: Plan, now: datetime) -> None:
        """Take so much of what is expected of the children, W, from those first who are to give the greatest share of their
        offers: they were raised, and who is left with nothing takes back what it gave."""
        members = [
            (child, awarded_w, child.accepted.power_w, self.watch.pct(child.name))
            for child, awarded_w in self.children.awarded()
            if child.accepted is not None and self.watch.pct(child.name)
        ]
        cuts = [
            levelled([(awarded_w[slot], offered_w[slot], pct) for _, awarded_w, offered_w, pct in members], over)
            for slot, over in enumerate(over_w)
        ]
        for (child, awarded_w, offered_w, _), less in zip(members, zip(*cuts, strict=True), strict=True):
            if any(less) and child.accepted is not None:
                left = shortfall(awarded_w, less)
                left = allowed(left, offered_w, self._least_w(child), self.subject.direction, up=True)
                if left != awarded_w:
                    self.awards.give([(child, child.accepted, least(left, awarded_w))], now)

    def _least_w(self, child: Child) -> int:
        """The least change that a child can make, W, by its contract."""
        return self.book[child.name].least_w if self.book is not None and child.name in self.book else 0

    def reduce(self, deal_w: Plan, now: datetime) -> None:
        """Cut what stands to a smaller deal, W: own power first, then the last members, but of an event under way all of
        them. Who gives less than its award is cut by so much more: only what is expected of it stands."""
        own = least(excess(self.standing_w(), deal_w), self.own.power_w())
        if any(own):
            self.own.cut(own)
        over = shortfall(self.standing_w(), deal_w)
        if any(over) and now > self.subject.period.start:
            self._lower(self.subject.to_come(over, now), now)
            over = shortfall(self.standing_w(), deal_w)
        ends = tuple(not deal and bool(less) for deal, less in zip(deal_w, over, strict=True))
        for child, awarded_w in reversed(self.children.awarded()):
            pct = self.watch.pct(child.name)
            less = least(awarded_w, _to_cut(awarded_w, over, pct, ends))
            if child.accepted is not None and any(less):
                offered_w, direction = child.accepted.power_w, self.subject.direction
                left = allowed(shortfall(awarded_w, less), offered_w, self._least_w(child), direction, up=True)
                less = excess(awarded_w, left)
            if any(less) and child.accepted is not None:
                left = shortfall(awarded_w, less)
                over = shortfall(over, shortfall(scaled(awarded_w, pct, 100), scaled(left, pct, 100)))
                self.awards.give([(child, child.accepted, left)], now)


def _to_cut(awarded_w: Plan, over_w: Plan, pct: int, ends: tuple[bool, ...]) -> Plan:
    """By how much an award is cut, W, so that `over_w` less is expected of one that gives so many percent of it. Of whom
    nothing is expected so much is taken back, too; all of it where the deal ends."""
    if pct == 100:
        return over_w
    return tuple(
        had if end else _one_cut(had, over, pct) for had, over, end in zip(awarded_w, over_w, ends, strict=True)
    )


def _one_cut(had_w: int, over_w: int, pct: int) -> int:
    """The same in one slot that goes on."""
    if not over_w or not pct:
        return over_w
    return had_w - -(-max(0, had_w * pct // 100 - over_w) * 100 // pct)
