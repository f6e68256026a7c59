"""What each member could probably give in the best plan, beyond the mixes of what it told: the profile that is wanted of it
in the next question.

The best profiles for weights that fall and rise in time say how much a member can move until the end of any slot, and from
the beginning of any slot on; the greatest power that it tells anywhere is taken for that of its charger. The best plan within
these bounds is a linear program (HiGHS). It is a guess: whoever is asked answers with what it can.
"""

from collections.abc import Sequence

import numpy as np

from agents.negotiation.plans.coalition.profiles import CoalitionProblem, MemberProfiles
from agents.negotiation.plans.coalition.program import add_giver, add_row, level_program
from protocol.plan import Plan

MOST_GUESSED = 400
"""Members: more are not planned one by one."""
MOST_ENTRIES = 1_000_000
"""Of the program, which has members x slots x slots of them: that of 100 members and 96 slots takes some ten seconds, one of
400 and 336 would not end in time for anything, and take gigabytes."""


def wanted_plans(problem: CoalitionProblem) -> dict[str, Plan]:
    """By member the profile that is wanted of it, W; nobody's where they, or the slots, are too many."""
    slots = [slot for slot, power in enumerate(problem.asked_w) if power]
    members = problem.members
    if not slots or not members or len(members) > MOST_GUESSED or len(members) * len(slots) ** 2 > MOST_ENTRIES:
        return {}
    asked = np.array([problem.asked_w[slot] for slot in slots], dtype=np.float64)
    given = np.array([problem.given_w[slot] for slot in slots], dtype=np.float64)
    highs, count = level_program(asked, given / asked), len(slots)
    for member in members:
        for place, slot in enumerate(slots):
            add_giver(highs, place, asked, float(_power_w(member, slot)))
    for number, member in enumerate(members):
        first = 1 + count + number * count
        for at in range(count):
            for some in (range(at + 1), range(at, count)):
                most = max(sum(profile[slots[place]] for place in some) for profile in member.profiles)
                add_row(highs, -np.inf, float(most), [first + place for place in some], [1.0] * len(some))
    highs.run()
    found = np.array(highs.getSolution().col_value)[1 + count :].reshape(len(members), count)
    return {
        member.name: _spread(row, slots, len(problem.asked_w))
        for member, row in zip(members, found.tolist(), strict=True)
    }


def _spread(powers: Sequence[float], slots: Sequence[int], of: int) -> Plan:
    plan = [0] * of
    for slot, power in zip(slots, powers, strict=True):
        plan[slot] = int(power + 0.5)
    return tuple(plan)


def _power_w(member: MemberProfiles, slot: int) -> int:
    """The most that a member may give in a slot, W: nothing before and after what it told."""
    told = [at for profile in member.profiles for at, power in enumerate(profile) if power]
    if not told or not min(told) <= slot <= max(told):
        return 0
    return max(power for profile in member.profiles for power in profile)
