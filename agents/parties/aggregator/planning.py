"""The rung `plan`: which mix of what its members can give meets the request best, as a linear program over members and
slots. In the request itself they are asked for profiles of several shapes; where the best mix does not cover it, they are
asked for better ones in rounds of their own.

Where owners are asked to loosen something, they tell profiles as well, and the best mix of all is found once more: what a plan
gives disturbs as few of them as it takes.

The plan is computed outside of the actor: `Solve` asks, `Solved` answers. What comes of it is counted in whole watts here;
no answer in time leaves the rung.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.children import Children
from agents.negotiation.plans.coalition.bound import LevelBound, ToldProfiles, least_bound
from agents.negotiation.plans.coalition.profiles import (
    CoalitionProblem,
    MemberProfiles,
    first_wanted,
    loosened_wanted,
    mix,
    next_wanted,
    problem_with,
)
from agents.negotiation.plans.coalition.use import best_mix_of, wanted_plans_of
from agents.negotiation.plans.usable import worth_of
from agents.settings.members import Members
from agents.settings.parties import Usable
from protocol import messages as m
from protocol.actor import Solve, Solved
from protocol.plan import Plan, add, covers, scaled, shortfall, total
from protocol.units import Direction

NEARLY_PCT = 97
"""A plan with what owners loosen is taken where it meets nearly all of what would be met if all of it counted."""


class Coalition:
    """What the members of one event can give, and the plans made of it."""

    def __init__(
        self,
        children: Children,
        book: Members,
        beside_w: Callable[[], Plan],
        lately: Callable[[str], int],
        can_use: Usable = Usable.EVERY_SLOT,
    ) -> None:
        """`beside_w`: what own storage gives; `lately`: how much more it counts to disturb a member's owner, thousandths."""
        self.children = children
        self.book = book
        self.beside_w = beside_w
        self.lately = lately
        self.can_use = can_use
        self.by = worth_of(can_use if can_use is Usable.ENERGY else Usable.EVERY_SLOT)
        self.number = 0
        """Of the last question for a plan."""
        self.waits = False
        """Whether that is not answered yet."""
        self.asked = 0
        """How often members were asked for profiles in this round."""
        self.planned = False
        """Whether the rung is being climbed."""
        self.until: datetime | None = None
        """Until when a plan is waited for."""
        self.counts = False
        """Whether members give what a plan says."""
        self.wanted: list[tuple[int, ...]] = []
        """The weights that they were asked their best profiles for last."""
        self.worths: tuple[int, ...] = ()
        """What a watt more would be worth in each slot by the last plan."""
        self.loosens = self.loosened = False
        """Whether what owners loosen is planned with, and whether such a plan was taken."""
        self.shown: m.WantedProfiles | None = None
        """The shapes in which the last answer above told what all give."""

    def begin(self, asked_w: Plan, above: m.WantedProfiles | None = None) -> m.WantedProfiles | None:
        """A request begins: what is wanted of the members with it; `above`: what the parent wants."""
        self.waits = self.planned = self.counts = self.loosens = self.loosened = False
        self.asked, self.wanted, self.worths = 0, [], ()
        return self._want(first_wanted(asked_w) if above is None else above.shapes)

    def want_more(self, asked_w: Plan, available_w: Plan, weights: tuple[int, ...]) -> m.WantedProfiles | None:
        """What is wanted of them in a round of its own."""
        return self._want(next_wanted(asked_w, available_w, weights))

    def _want(self, shapes: tuple[m.WantedProfile, ...]) -> m.WantedProfiles | None:
        if not shapes:
            return None
        self.asked += 1
        self.wanted = [shape.weights for shape in shapes if not shape.even]
        return m.WantedProfiles(shapes=shapes)

    def told(self, wanted: m.WantedProfiles) -> tuple[Plan, ...]:
        """What all that members told come to in each shape, each giving the best of it for that, and own storage, W."""
        return tuple(
            total([*self._in_shape(shape).values(), self.beside_w()], len(shape.weights)) for shape in wanted.shapes
        )

    def shown_before(self) -> list[Mapping[str, ChildAnswer]]:
        """What each member gives in each shape that the last answer above told: any of these may be awarded still."""
        shapes = () if self.shown is None else self.shown.shapes
        self.shown = None
        return [
            {
                name: best._replace(power_w=power_w, offered_w=best.offered_w or best.power_w)
                for name, power_w in self._in_shape(shape).items()
                if (best := self.children[name].best) is not None
            }
            for shape in shapes
        ]

    def _in_shape(self, shape: m.WantedProfile) -> Mapping[str, Plan]:
        """What each member gives in a shape, W."""
        return {
            child.name: best.power_w
            if _plannable(child) is None or best.basis is m.Basis.RELAXED
            else max((best.power_w, *child.profiles), key=partial(_in_weights, shape))
            for child, best in self.children.taking_part()
        }

    def give(self, power_w: Plan, wanted: m.WantedProfiles) -> None:
        """One of the shapes that were told above is bought, W: let members give it."""
        for shape, told_w in zip(wanted.shapes, self.told(wanted), strict=True):
            if covers(told_w, power_w):
                for name, plan in self._in_shape(shape).items():
                    child = self.children[name]
                    if _plannable(child) is not None and child.relaxed is None:
                        self.children.mix(child, plan)
                return

    def want_loosened(self, asked_w: Plan) -> m.WantedProfiles | None:
        """What is wanted of owners with what they loosen; nothing where nobody is asked for profiles."""
        shapes = loosened_wanted(asked_w, self.worths or (0,) * len(asked_w)) if self.asked else ()
        return m.WantedProfiles(shapes=shapes) if shapes else None

    def members(self) -> tuple[MemberProfiles, ...]:
        """What each member that told more than one profile offers, in the members' order."""
        found = (self._member(child) for child, _ in self.children.taking_part())
        return tuple(member for member in found if member is not None)

    def _parted(self, slots: int) -> tuple[tuple[MemberProfiles, ...], Plan]:
        """The same, and what all others give, and own storage, W."""
        members, given_w = list[MemberProfiles](), [self.beside_w()]
        for child, best in self.children.taking_part():
            member = self._member(child)
            if member is None:
                given_w.append(best.power_w)
            else:
                members.append(member)
        return tuple(members), total(given_w, slots)

    def _member(self, child: Child) -> MemberProfiles | None:
        answer, relaxed, unrelaxed = _plannable(child), child.relaxed, child.unrelaxed
        own = child.profiles if answer is not None else () if unrelaxed is None else (unrelaxed.power_w,)
        more: tuple[Plan, ...] = ()
        if self.loosens and relaxed is not None:
            told = dict.fromkeys((relaxed.power_w, *relaxed.profiles))
            more = tuple(plan for plan in told if plan not in own)
        if answer is None and not more:
            return None
        mixable = answer is not None and answer.mixable and (not more or (relaxed is not None and relaxed.mixable))
        return MemberProfiles(child.name, own + more, mixable, len(more), self.lately(child.name) if more else 0)

    def has_profiles(self) -> bool:
        """Whether anybody told more than one."""
        return any(_plannable(child) is not None for child, _ in self.children.taking_part())

    def loosen(self) -> bool:
        """Plan with what owners loosen from now on; whether any of them gives more by that."""
        self.loosens = True
        return any(member.loosened for member in self.members())

    def ask(self, event_id: str) -> Solve:
        """Ask for a plan of what is known now."""
        self.number, self.waits = self.number + 1, True
        return Solve(event_id, self.number)

    def solving(self, asked: Solve, asked_w: Plan, asks_again: bool) -> Callable[[], Solved] | None:
        """How the answer is computed; None where it is not waited for any more. `asks_again`: whether members may be asked
        once more."""
        if not self.waits or asked.number != self.number:
            return None
        members, given_w = self._parted(len(asked_w))
        problem, can_use = CoalitionProblem(asked_w, given_w, members), self.can_use

        def solve() -> Solved:
            found = best_mix_of(can_use, problem)
            wanted = wanted_plans_of(can_use, problem) if asks_again else {}
            return Solved(asked.event_id, asked.number, found.parts, found.weights, wanted)

        return solve

    def is_awaited(self, solved: Solved) -> bool:
        """Whether an answer is the one that is waited for."""
        return self.waits and solved.number == self.number

    def take(self, solved: Solved, asked_w: Plan) -> str:
        """Let members give what the plan says, if that meets more of what is asked than what they give now; why it cannot
        be, empty when it can."""
        self.waits, self.worths = False, solved.weights
        members, given_w = self._parted(len(asked_w))
        problem = problem_with(members, solved.parts)
        if problem:
            return problem
        nothing = (0,) * len(asked_w)
        plans = {
            member.name: mix(member, solved.parts[member.name]) if member.name in solved.parts else nothing
            for member in members
        }
        now_w = add(self.children.offered_w or nothing, self.beside_w())
        then_w = add(given_w, total(plans.values(), len(asked_w)))
        if self.loosens:
            if self.by(scaled(then_w, 100, NEARLY_PCT), asked_w) < self.by(now_w, asked_w):
                return "it meets less than all that was loosened"
            self._take_loosened(members, solved.parts, plans)
        elif self.by(then_w, asked_w) > self.by(now_w, asked_w):
            self.counts = True
            for name, power_w in plans.items():
                self.children.mix(self.children[name], power_w)
        return ""

    def _take_loosened(
        self, members: Iterable[MemberProfiles], parts: Mapping[str, tuple[int, ...]], plans: Mapping[str, Plan]
    ) -> None:
        self.counts = self.loosened = True
        for member in members:
            child, shares = self.children[member.name], parts.get(member.name, ())
            if member.loosened and any(shares[-member.loosened :]):
                self.children.mix_loosened(child, plans[member.name])
            elif _plannable(child) is not None:
                self.children.mix(child, plans[member.name], () if child.relaxed is None else child.relaxed.available_w)
            else:
                self.children.store(child, child.own, None)

    def disturbed(self) -> int:
        """Members that count with what their owners loosen."""
        return sum(best.basis is m.Basis.RELAXED for _, best in self.children.taking_part())

    def asked_again(self, wanted: Mapping[str, Plan]) -> Mapping[str, Plan]:
        """What each member that can be asked for more profiles is asked for in a round of its own: what it could probably
        give, or what it gives by the plan, W."""
        book, asked = self.book.by_name, {}
        for child, best in self.children.taking_part():
            if book[child.name].profiles and best.basis is m.Basis.OWN and child.request is not None:
                power_w = wanted.get(child.name, best.power_w)
                asked[child.name] = power_w if any(power_w) else child.request.power_w
        return asked

    def bound(self, asked_w: Plan, direction: Direction) -> LevelBound | None:
        """What no plan of the own offers of those who take part could exceed, by what they were asked last."""
        told = [
            ToldProfiles(child.profiles, self._is_best(child), self.book[child.name].most_w(direction))
            for child, _ in self.children.taking_part()
        ]
        return least_bound(asked_w, told, self.wanted)

    @staticmethod
    def _is_best(child: Child) -> bool:
        """Whether a member told its best profiles in the shapes that were wanted last: who was not heard since may give by a
        plan what it told before."""
        asked, own, (answered, *_) = child.request, child.own, child.revisions
        return asked is not None and asked.profiles is not None and own is not None and own.mixable and bool(answered)

    def missing_of(self, child: Child, short_w: Plan) -> Plan:
        """What one member is told of what is missing, where it gives something else than it offered last: so that what it
        is asked for is what it gives by the plan and what is missing above, W."""
        own = child.own
        return short_w if own is None or not own.offered_w else shortfall(add(own.power_w, short_w), own.offered_w)

    def keep_own(self, asked_w: Plan) -> None:
        """Count what was loosened only where it meets more of what is asked than what the member gives by the plan: nobody
        is disturbed for less, W."""
        loosened = [child for child in self.children.asked() if child.relaxed is not None and child.own is not None]
        relaxed = {child.name: child.relaxed for child in loosened}
        for child in loosened:
            self.children.store(child, child.own, None)
        for child in loosened:
            before_w = self.children.offered_w
            self.children.store(child, child.own, relaxed[child.name])
            if self.by(self.children.offered_w, asked_w) <= self.by(before_w, asked_w):
                self.children.store(child, child.own, None)


def _plannable(child: Child) -> ChildAnswer | None:
    """What a member offers of its own, where it told more than one profile; else None."""
    answer = child.own or child.locked
    if answer is None or answer.basis is m.Basis.RELAXED or answer.alternative or not answer.profiles:
        return None
    return answer


def _in_weights(shape: m.WantedProfile, power_w: Plan) -> tuple[int, int]:
    """What a profile is worth in a shape."""
    weighed = [(power, weight) for power, weight in zip(power_w, shape.weights, strict=True) if weight]
    if shape.even:
        return min(power * 1_000 // weight for power, weight in weighed), sum(power for power, _ in weighed)
    return sum(power * weight for power, weight in weighed), 0
