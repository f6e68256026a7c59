"""The rung `plan`: the best mix of all profiles that members told is wanted, and what comes of it is judged."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from agents.negotiation.asking import Conditions
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.usable import is_met
from agents.negotiation.stage import Stage
from agents.negotiation.upward import Upward
from agents.parties.aggregator.climb import Climb
from agents.parties.aggregator.planning import Coalition
from agents.parties.aggregator.supply import Supply
from agents.settings.parties import AggregatorSettings
from protocol.actor import Solve, Solved
from protocol.plan import Plan


class PlanRung:
    """The questions for plans in one event. Where a method says that the rung is over, what there is is summed up."""

    def __init__(
        self,
        settings: AggregatorSettings,
        up: Upward,
        event: Negotiation,
        climb: Climb,
        supply: Supply,
        coalition: Coalition,
    ) -> None:
        self.settings, self.up, self.event, self.climb, self.supply = settings, up, event, climb, supply
        self.coalition = coalition

    def _ends(self, now: datetime) -> datetime:
        return self.climb.surplus_ends(self.up.request.reply_by, self.settings.relax_pct, now)

    def _may_ask_again(self) -> bool:
        return not self.coalition.loosens and self.coalition.asked < self.settings.plan_questions

    def ask(self, now: datetime) -> bool:
        """Whether there is a plan to want, and time for it."""
        return self.coalition.has_profiles() and self._ends(now) > now and not self._want(now)

    def ask_loosened(self, now: datetime) -> bool:
        """The same with what owners loosen."""
        coalition = self.coalition
        return bool(coalition.asked) and self._ends(now) > now and coalition.loosen() and not self._want(now)

    def _want(self, now: datetime) -> bool:
        """The plan is computed elsewhere. Whether the rung is over: it takes too long."""
        event, coalition, ends_at = self.event, self.coalition, self._ends(now)
        if ends_at <= now:
            return self._end("no time is left")
        event.children.waiting.clear()
        event.out.effect(coalition.ask(event.subject.event_id))
        event.out.tell("plan_wanted", members=len(coalition.members()), wanted_by=ends_at, question=coalition.asked)
        coalition.planned, coalition.until = True, ends_at
        event.go(Stage.COLLECTING, ends_at)
        return False

    def go_on(self, now: datetime) -> bool:
        """Members have answered, one of them again, or no plan has come in time. Whether the rung is over."""
        until = self.coalition.until
        if self.coalition.waits and (until is None or now >= until):
            return self._end("it was not computed in time")
        return self._want(now)

    def solving(self, asked: Solve) -> Callable[[], Solved] | None:
        """How the plan that is wanted is computed; None where it is not wanted any more."""
        if self.event.stage is not Stage.COLLECTING:
            return None
        return self.coalition.solving(asked, self.event.subject.asked_w, self._may_ask_again())

    def solved(self, item: Solved, now: datetime) -> bool:
        """The plan is there: what members give by it counts, or they are asked for better profiles. Whether the rung is
        over."""
        coalition, event, subject = self.coalition, self.event, self.event.subject
        if event.stage is not Stage.COLLECTING or not coalition.is_awaited(item):
            return False
        problem = coalition.take(item, subject.asked_w)
        if problem:
            return self._end(problem)
        available, bound = self.supply.available_w(), coalition.bound(subject.asked_w, subject.direction)
        proof: dict[str, Any] = {}
        if coalition.loosens:
            proof = {"loosened": coalition.disturbed()}
        elif bound is not None:
            proof = {"bound_pm": bound.level_pm, "weights": bound.weights, "slots": bound.slots}
        members, question = len(item.parts), coalition.asked
        event.out.tell("plan_found", available_w=available, members=members, question=question, **proof)
        short = self.supply.missing_w()
        enough = is_met(self.settings.can_use, available, subject.asked_w)
        return not (any(short) and not enough and self._ask_for_profiles(item, short, now)) and self._end()

    def _ask_for_profiles(self, plan: Solved, short: Plan, now: datetime) -> bool:
        """Ask for better profiles, and for what the plan wants now, in a round of its own; whether anybody is asked."""
        event, request, reply_by = self.event, self.up.request, self._ends(now)
        asked = self.coalition.asked_again(plan.wanted)
        if not self._may_ask_again() or not asked or reply_by <= now:
            return False
        wanted = self.coalition.want_more(event.subject.asked_w, self.supply.available_w(), plan.weights)
        event.ask(asked, Conditions(request.program_id, reply_by, self.up.decide_by, self.up.terms_below, wanted), now)
        event.out.tell("profiles_asked", shortfall_w=short, asked=len(asked), weights=plan.weights, reply_by=reply_by)
        event.go(Stage.COLLECTING, reply_by)
        return True

    def _end(self, problem: str = "") -> bool:
        self.coalition.waits = self.coalition.planned = False
        if problem:
            self.event.out.tell("plan_missed", reason=problem)
        return True
