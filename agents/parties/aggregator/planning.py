"""The rung `plan`: which mix of what its members can give meets the request best, as a linear program over members and
slots. In the request itself they are asked for profiles of several shapes; where the best mix does not cover it, they are
asked for better ones in rounds of their own.

The plan is computed outside of the actor: `Solve` asks, `Solved` answers. What comes of it is counted in whole watts here;
no answer in time leaves the rung.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.children import Children
from agents.negotiation.plans.coalition.bound import LevelBound, ToldProfiles, least_bound
from agents.negotiation.plans.coalition.guess import wanted_plans
from agents.negotiation.plans.coalition.master import best_mix
from agents.negotiation.plans.coalition.profiles import (
    CoalitionProblem,
    MemberProfiles,
    first_wanted,
    mix,
    next_wanted,
    problem_with,
)
from agents.settings.members import Members
from protocol import messages as m
from protocol.actor import Solve, Solved
from protocol.plan import Plan, add, shortfall, total
from protocol.rules import worth
from protocol.units import Direction


class Coalition:
    """What the members of one event can give, and the plans made of it."""

    def __init__(self, children: Children, book: Members) -> None:
        self.children = children
        self.book = book
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

    def begin(self, asked_w: Plan) -> m.WantedProfiles | None:
        """A request begins: what is wanted of the members with it."""
        self.waits = self.planned = self.counts = False
        self.asked, self.wanted = 0, []
        return self._want(first_wanted(asked_w))

    def want_more(self, asked_w: Plan, available_w: Plan, weights: tuple[int, ...]) -> m.WantedProfiles | None:
        """What is wanted of them in a round of its own."""
        return self._want(next_wanted(asked_w, available_w, weights))

    def _want(self, shapes: tuple[m.WantedProfile, ...]) -> m.WantedProfiles | None:
        if not shapes:
            return None
        self.asked += 1
        self.wanted = [shape.weights for shape in shapes if not shape.even]
        return m.WantedProfiles(shapes=shapes)

    def members(self) -> tuple[MemberProfiles, ...]:
        """What each member that told more than one profile offers of its own, in the members' order."""
        return tuple(
            MemberProfiles(child.name, child.profiles, answer.mixable)
            for child, _ in self.children.taking_part()
            if (answer := _plannable(child)) is not None
        )

    def _given_w(self, slots: int) -> Plan:
        """What all others give, W."""
        others = [best.power_w for child, best in self.children.taking_part() if _plannable(child) is None]
        return total(others, slots)

    def has_profiles(self) -> bool:
        """Whether anybody told more than one."""
        return any(_plannable(child) is not None for child, _ in self.children.taking_part())

    def ask(self, event_id: str) -> Solve:
        """Ask for a plan of what is known now."""
        self.number, self.waits = self.number + 1, True
        return Solve(event_id, self.number)

    def solving(self, asked: Solve, asked_w: Plan, asks_again: bool) -> Callable[[], Solved] | None:
        """How the answer is computed; None where it is not waited for any more. `asks_again`: whether members may be asked
        once more."""
        if not self.waits or asked.number != self.number:
            return None
        problem = CoalitionProblem(asked_w, self._given_w(len(asked_w)), self.members())

        def solve() -> Solved:
            found = best_mix(problem)
            wanted = wanted_plans(problem) if asks_again else {}
            return Solved(asked.event_id, asked.number, found.parts, found.weights, wanted)

        return solve

    def is_awaited(self, solved: Solved) -> bool:
        """Whether an answer is the one that is waited for."""
        return self.waits and solved.number == self.number

    def take(self, solved: Solved, asked_w: Plan) -> str:
        """Let members give what the plan says, if that meets more of what is asked than what they give now; why it cannot
        be, empty when it can."""
        self.waits = False
        members = self.members()
        problem = problem_with(members, solved.parts)
        if problem:
            return problem
        nothing = (0,) * len(asked_w)
        plans = {
            member.name: mix(member, solved.parts[member.name]) if member.name in solved.parts else nothing
            for member in members
        }
        now_w = self.children.offered_w or nothing
        then_w = add(self._given_w(len(asked_w)), total(plans.values(), len(asked_w)))
        if worth(then_w, asked_w) > worth(now_w, asked_w):
            self.counts = True
            for name, power_w in plans.items():
                self.children.mix(self.children[name], power_w)
        return ""

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
        """Whether a member told its best profiles in the shapes that were wanted last."""
        asked, own = child.request, child.own
        return asked is not None and asked.profiles is not None and own is not None and own.mixable

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
            if worth(self.children.offered_w, asked_w) <= worth(before_w, asked_w):
                self.children.store(child, child.own, None)


def _plannable(child: Child) -> ChildAnswer | None:
    """What a member offers of its own, where it told more than one profile; else None."""
    answer = child.own or child.locked
    if answer is None or answer.basis is m.Basis.RELAXED or answer.alternative or not answer.profiles:
        return None
    return answer
