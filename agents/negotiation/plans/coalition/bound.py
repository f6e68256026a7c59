"""How good any plan could be. With any weights on the slots, what all members together give of weighted power at best bounds
every plan of them, whatever it is: the level (the least share of what is asked) cannot exceed it over the weighted power
that is asked. For members whose profiles can be mixed the best plan reaches the least of these bounds.

A member's best profile for these weights is its answer where it was asked for it and tells that its profiles can be mixed;
of all others the contract says what they could give at most.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from protocol.plan import Plan

NOTABLE = 10
"""A slot binds where its weight is a tenth of the most, or more."""


class ToldProfiles(NamedTuple):
    """What one member told of its own, W, and what bounds it otherwise."""

    profiles: Sequence[Plan]
    is_best: bool
    """Whether its best profile for the weights is one of them."""
    most_w: int | None
    """By its contract, in each slot; None: nobody knows."""


class LevelBound(NamedTuple):
    """What no plan can exceed."""

    level_pm: int
    """The least share of what is asked over all slots, in thousandths, rounded up."""
    weights: tuple[int, ...]

    @property
    def slots(self) -> tuple[int, ...]:
        """Those that bind."""
        most = max(self.weights)
        return tuple(slot for slot, weight in enumerate(self.weights) if weight * NOTABLE >= most)


def level_bound(asked_w: Plan, told: Iterable[ToldProfiles], weights: tuple[int, ...]) -> LevelBound | None:
    """The bound that some weights give; None where a member's contract bounds nothing, or they weigh nothing asked."""
    asked, most = _weighed(asked_w, weights), 0
    if not asked:
        return None
    usable = sum(weight for weight, power in zip(weights, asked_w, strict=True) if power)
    for one in told:
        if one.is_best:
            most += max(_weighed(profile, weights) for profile in one.profiles)
        elif one.most_w is None:
            return None
        else:
            most += one.most_w * usable
    return LevelBound(-(-most * 1_000 // asked), weights)


def least_bound(
    asked_w: Plan, told: Sequence[ToldProfiles], weights: Iterable[tuple[int, ...]]
) -> LevelBound | None:  # fmt: skip
    """The least of the bounds; of equal ones the first."""
    found = [bound for each in weights if (bound := level_bound(asked_w, told, each)) is not None]
    return min(found, key=lambda bound: bound.level_pm, default=None)


def _weighed(plan: Plan, weights: Sequence[int]) -> int:
    return sum(power * weight for power, weight in zip(plan, weights, strict=True))
