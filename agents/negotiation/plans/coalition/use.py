"""A plan over members and slots by what a parent can use of it. A level is the highest where the least share of a level request
is; the energy in whichever slots is met by a plan as over one slot."""

from agents.negotiation.plans.coalition.guess import wanted_plans
from agents.negotiation.plans.coalition.master import CoalitionMix, best_mix
from agents.negotiation.plans.coalition.profiles import CoalitionProblem
from agents.settings.parties import Usable
from protocol.messages import MAX_WEIGHT
from protocol.plan import Plan


def best_mix_of(usable: Usable, problem: CoalitionProblem) -> CoalitionMix:
    """The mix of which the most can be used."""
    if usable is not Usable.ENERGY:
        return best_mix(problem)
    alike = tuple(MAX_WEIGHT if power else 0 for power in problem.asked_w)
    return best_mix(_as_one_slot(problem))._replace(weights=alike)


def wanted_plans_of(usable: Usable, problem: CoalitionProblem) -> dict[str, Plan]:
    """The profiles that are wanted for it in the next question; none for the energy: each gives the most of it in one of the
    shapes of the first."""
    return {} if usable is Usable.ENERGY else wanted_plans(problem)


def _as_one_slot(problem: CoalitionProblem) -> CoalitionProblem:
    members = tuple(
        member._replace(profiles=tuple((sum(plan),) for plan in member.profiles)) for member in problem.members
    )
    return CoalitionProblem((sum(problem.asked_w),), (sum(problem.given_w),), members)
