"""How good any plan could be. With any weights on the slots, what all members together give of weighted power at best bounds
every plan of them, whatever it is: the level (the least share of what is asked) cannot exceed it over the weighted power
that is asked. For members whose profiles can be mixed the best plan reaches the least of these bounds.

A member's best profile for these weights is its answer where it was asked for it and tells that its profiles can be mixed;
of all others the contract says what they could give at most.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

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


def least_bound(
    asked_w: Plan, told: Sequence[ToldProfiles], weights: Iterable[tuple[int, ...]]
) -> LevelBound | None:  # fmt: skip
    """The least of the bounds that some weights give, of equal ones the first; None where a member's contract bounds
    nothing, or they weigh nothing asked."""
    others = [one.most_w for one in told if not one.is_best]
    if None in others:
        return None
    contracts_w = sum(most_w for most_w in others if most_w is not None)
    best = _Best([one.profiles for one in told if one.is_best])
    found = []
    for each in weights:
        asked = _weighed(asked_w, each)
        usable = sum(weight for weight, power in zip(each, asked_w, strict=True) if power)
        if asked:
            most = best.weighed(each) + contracts_w * usable
            found.append(LevelBound(-(-most * 1_000 // asked), each))
    return min(found, key=lambda bound: bound.level_pm, default=None)


class _Best:
    """What members give at best of the profiles that they told; whole numbers, far within 64 bits each."""

    def __init__(self, profiles: Sequence[Sequence[Plan]]) -> None:
        plans = [plan for own in profiles for plan in own]
        width = len(plans[0]) if plans else 0
        flat = np.fromiter(chain.from_iterable(plans), dtype=np.int64, count=len(plans) * width)
        self._rows = flat.reshape(len(plans), width)
        counts = np.fromiter(map(len, profiles), np.int64, len(profiles))
        self._first = np.cumsum(counts) - counts

    def weighed(self, weights: tuple[int, ...]) -> int:
        """Weighted power of all together."""
        if not len(self._first):
            return 0
        worth = self._rows @ np.array(weights, dtype=np.int64)
        return sum(np.maximum.reduceat(worth, self._first).tolist())


def _weighed(plan: Plan, weights: Sequence[int]) -> int:
    return sum(power * weight for power, weight in zip(plan, weights, strict=True))
