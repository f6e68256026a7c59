"""What an aggregator asks of its own members once more, of what they said that they could give at most.

First everybody keeps its offer, and the rest is shared over those with something over in its slots. Where that does not
cover it, energy may still be in the wrong slots: who can give in few slots only (it leaves early) gives there for those
who could give later. What a member said at most, added up over the slots, then counts as the energy that it has, up to
its contract's power in each slot where it said anything. That is a guess: what comes of it counts only if it is better.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.negotiation.plans.energies import ProbableEnergy, split_by_energies
from agents.negotiation.plans.residual import share_residual
from protocol.plan import Plan, add, excess, shortfall, total

MOST_PLANNED = 2_000
"""Members that differ: more are not planned anew one by one."""


class SurplusMember(NamedTuple):
    """A member that takes part, W a slot: its firm offer, what it said at most, and its contract's power."""

    name: str
    firm_w: Plan
    available_w: Plan
    most_w: int


def surplus_values(asked_w: Plan, members: Sequence[SurplusMember]) -> dict[str, Plan]:
    """What each of those that are asked once more is asked for now, in the members' order, W; nobody where nothing is to
    be had."""
    missing_w = shortfall(asked_w, total([member.firm_w for member in members], len(asked_w)))
    over = {member.name: excess(member.available_w, member.firm_w) for member in members}
    parts = share_residual(missing_w, over)
    left_w = shortfall(missing_w, total(parts.values(), len(asked_w)))
    simple = {member.name: add(member.firm_w, parts[member.name]) for member in members if member.name in parts}
    if not any(left_w) or len(members) > MOST_PLANNED:
        return simple
    planned = _planned(asked_w, members)
    still_w = shortfall(asked_w, total(planned.values(), len(asked_w)))
    if sum(still_w) >= sum(left_w):
        return simple
    return {m.name: planned[m.name] for m in members if planned[m.name] != m.firm_w and any(planned[m.name])}


def _planned(asked_w: Plan, members: Sequence[SurplusMember]) -> Mapping[str, Plan]:
    """A plan for each: those with the fewest slots first, each where the most is missing."""
    return split_by_energies(asked_w, {m.name: ProbableEnergy(m.available_w, m.most_w) for m in members})
