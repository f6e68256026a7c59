"""Who could probably give how much energy, and in which slots: a request shared out so that those who can give in few slots
only give there, and the others elsewhere. A guess of what each could do; what it answers counts."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from agents.negotiation.plans.shares import Watts
from protocol.plan import Plan, add, covers, shortfall, total


class ProbableEnergy(NamedTuple):
    """What one could probably give."""

    could_w: Plan
    """One profile, W: its sum over the slots is all the energy that it has."""
    most_w: int
    """In any slot in which it could give something."""

    @property
    def caps(self) -> Plan:
        """The most in each slot, W."""
        return tuple(max(self.most_w, power) if power else 0 for power in self.could_w)


def split_by_energies(asked_w: Plan, members: Mapping[str, ProbableEnergy]) -> dict[str, Plan]:
    """What each gives of a request, W: those with the fewest slots first, each where the most is missing."""
    missing_w, plans = asked_w, {}
    for name, member in sorted(members.items(), key=lambda one: sum(map(bool, one[1].could_w))):
        plans[name] = plan = level_filled(missing_w, member.caps, sum(member.could_w))
        missing_w = shortfall(missing_w, plan)
    return {name: plans[name] for name in members}


def better_by_energies(
    asked_w: Plan, parts: Mapping[str, Plan], members: Mapping[str, ProbableEnergy]
) -> dict[str, Plan]:
    """The parts, or where somebody is probably asked for more than it could give in a slot, what is shared out by slots and
    energy: the rest of it on top in proportion to the parts, so that as much is asked for."""
    could_w = total([member.could_w for member in members.values()], len(asked_w))
    if covers(could_w, asked_w):
        return dict(parts)
    planned = split_by_energies(asked_w, members)
    left_w = shortfall(asked_w, total(planned.values(), len(asked_w)))
    if sum(left_w) >= sum(shortfall(asked_w, could_w)):
        return dict(parts)
    rest = _in_proportion(left_w, parts)
    return {name: add(plan, rest[name]) for name, plan in planned.items()}


def _in_proportion(left_w: Plan, parts: Mapping[str, Plan]) -> dict[str, Plan]:
    """Of what is left in each slot as large a part as each has of the request; the last one takes what does not divide."""
    slots = []
    for power, row in zip(left_w, zip(*parts.values(), strict=True), strict=True):
        whole = sum(row) or 1
        shares = [power * part // whole for part in row]
        shares[-1] += power - sum(shares)
        slots.append(shares)
    return dict(zip(parts, zip(*slots, strict=True), strict=True))


def level_filled(missing_w: Plan, caps: Plan, energy: int) -> Plan:
    """So much (W x slots) where the most is missing, down to one level, none above its cap."""
    missing, most_w = np.array(missing_w, dtype=np.int64), np.array(caps, dtype=np.int64)

    def down_to(level: int) -> Watts:
        return np.minimum(most_w, np.maximum(missing - level, 0))

    low, high = 0, max(missing_w, default=0)
    while low < high:
        level = (low + high) // 2
        low, high = (low, level) if int(down_to(level).sum()) <= energy else (level + 1, high)
    return tuple(down_to(low).tolist())
