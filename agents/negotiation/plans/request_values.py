"""S21: a request value (W per slot) for every contracted member from its features and capability.

`fair`: everyone in proportion to its capacity. `merit_order`: the lowest merit up to its capacity, then the next.

Over-request: so much is asked for that those who say yes cover the request. Each yes is one independent draw: member
i, asked for v_i watts, gives v_i with probability p_i (its reliability), else nothing. So the yes-sum has the mean
sum(v_i p_i) and the variance sum(v_i^2 p_i (1 - p_i)), and what is asked for is the least such that

    sum(v_i p_i) - Z sqrt(sum(v_i^2 p_i (1 - p_i))) >= asked            (Z = 2: covered in about 98 of 100 cases)

For n equal members under `fair` the factor is 1 / (p - Z sqrt(p (1 - p) / n)). Above the 1 / p of the expectation that
is, at p = 0.8, 46 / 11 / 3.3 / 1.0 % for 10 / 100 / 1,000 / 10,000 members (facts.md: 39 / 10.5 / 3.3 / 1.0 %).
The safety ends at `MOST_FACTOR` times what is asked, because a handful of members can never be made sure; the
expectation is covered all the same, as far as the capacities reach. All in whole numbers: the same on every machine.
"""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.negotiation.plans.least_power import Bounds, moved
from agents.negotiation.plans.shares import Watts, exact, in_order, plans, proportional, slot_by_slot, table
from protocol.plan import Plan

Z = 2
MOST_FACTOR = 3


class MemberCapability(NamedTuple):
    """One member as S21 sees it: capability in W per slot, reliability, place in the merit order (lowest first)."""

    name: str
    capacity_w: Plan
    reliability_pct: int = 100
    merit: int = 0
    least_w: int = 0
    """It is asked for nothing, or for at least so much."""


class RequestValuePolicy(Protocol):
    """How much of a request each member is asked for (S21). Pure: the same arguments always give the same values."""

    def values(self, asked_w: Plan, members: Sequence[MemberCapability], over_request: bool) -> Mapping[str, Plan]:
        """A value per member, W: 0 to its capacity in every slot. Who is left out is asked for nothing.

        With `over_request` more may be asked for than `asked_w`, so that those who say yes cover it."""
        ...


class FairValues:
    """Everyone in proportion to its capacity."""

    def values(self, asked_w: Plan, members: Sequence[MemberCapability], over_request: bool) -> dict[str, Plan]:
        return _values(asked_w, members, None, over_request)


class MeritOrderValues:
    """The lowest merit up to its capacity, then the next."""

    def values(self, asked_w: Plan, members: Sequence[MemberCapability], over_request: bool) -> dict[str, Plan]:
        merits = np.array([member.merit for member in members], dtype=np.int64)
        return _values(asked_w, members, np.argsort(merits, kind="stable"), over_request)


def runnable(values: Mapping[str, Plan], members: Sequence[MemberCapability]) -> Mapping[str, Plan]:
    """The values, moved so that nobody is asked for less than its least power. The sum stays the same, but where nobody
    can run at what is left: that is asked of nobody."""
    if not any(member.least_w for member in members) or not values:
        return values
    asked = [member for member in members if member.name in values]
    slots = len(next(iter(values.values())))
    caps = table([member.capacity_w for member in asked], slots)
    least_w = np.array([member.least_w for member in asked], dtype=np.int64)
    found = []
    for row, cap in zip(table([values[member.name] for member in asked], slots), caps, strict=True):
        bounds = Bounds(cap, least_w, whole=False)
        better = moved(row, bounds)
        found.append(bounds.below(row) if better is None else better)
    return {member.name: plan for member, plan in zip(asked, plans(found, len(asked)), strict=True)}


def _values(
    asked_w: Plan, members: Sequence[MemberCapability], order: NDArray[np.intp] | None, over_request: bool
) -> dict[str, Plan]:
    """A value per member, W, in the members' order; `order`: None for equal shares.

    Per slot the values sum to exactly min(all capacities, what is asked, over-request included). Raises ValueError
    when a capacity has another number of slots than `asked_w`.
    """
    reliability_pct = np.array([member.reliability_pct for member in members], dtype=np.int64)

    def split(power_w: int, caps: Watts) -> Watts:
        wanted = _wanted(power_w, caps, reliability_pct, order) if over_request else power_w
        return proportional(wanted, caps) if order is None else in_order(wanted, caps, order)

    slots = slot_by_slot(asked_w, table([member.capacity_w for member in members], len(asked_w)), split)
    return {member.name: values for member, values in zip(members, plans(slots, len(members)), strict=True)}


def _wanted(asked_w: int, caps: Watts, reliability_pct: Watts, order: NDArray[np.intp] | None) -> int:
    """What is asked for in one slot, W: at least the request, at most all capacities; `order`: None for equal shares."""
    if not asked_w:
        return 0
    if order is not None:
        caps, reliability_pct = caps[order], reliability_pct[order]
    everything, largest = int(caps.sum()), int(caps.max(initial=0))
    sizes = exact(caps, max(1, largest) ** 2 * 2_500 * max(1, len(caps)))
    if order is None:
        expected, safe = (_wanted_fair(asked_w, sizes, reliability_pct, z, everything) for z in (0, Z))
    else:
        expected, safe = (_wanted_in_order(asked_w, sizes, reliability_pct, z, everything) for z in (0, Z))
    return min(everything, max(asked_w, expected, min(safe, MOST_FACTOR * asked_w)))


def _wanted_fair(asked_w: int, caps: NDArray[Any], pct: Watts, z: int, everything: int) -> int:
    """The yes-sum of equal shares of the capacities grows with what is asked for: the formula, solved for it."""
    sure = int((caps * pct).sum()) - _deviation(int((caps * caps * (pct * (100 - pct))).sum()), z)
    return -(-asked_w * everything * 100 // sure) if sure > 0 else everything


def _wanted_in_order(asked_w: int, caps: NDArray[Any], pct: Watts, z: int, everything: int) -> int:
    """Member after member at its capacity until the formula holds; of the last one as much as that takes."""
    mean, variance = np.cumsum(caps * pct), np.cumsum(caps * caps * (pct * (100 - pct)))
    surely = mean.astype(np.float64) - z * np.sqrt(variance.astype(np.float64))
    near = asked_w * 100 - 1 - 1e-9 * everything * 100  # floats may be off: whoever is near is looked at exactly
    for i in np.flatnonzero(surely >= near).tolist():
        cap, share = int(caps[i]), int(pct[i])
        spread = share * (100 - share)
        mean_before, variance_before = int(mean[i]) - cap * share, int(variance[i]) - cap * cap * spread

        def enough(part: int, m: int = mean_before, v: int = variance_before, p: int = share, s: int = spread) -> bool:
            return m + part * p - _deviation(v + part * part * s, z) >= asked_w * 100

        if not cap or not enough(cap):
            continue
        low, high = 0, cap
        while low < high:
            part = (low + high) // 2
            low, high = (low, part) if enough(part) else (part + 1, high)
        return int(caps[:i].sum()) + low
    return everything


def _deviation(variance: int, z: int) -> int:
    """z standard deviations, rounded up."""
    return isqrt(z * z * variance - 1) + 1 if z * variance else 0


def by_weight(wanted_w: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Water-filling: shares in proportion to the weights, none above its cap; whole watts, the sum is exactly
    min(wanted, all caps). A weight below 1 counts as 1. Remainders go to the largest fractions, ties to the first."""
    shares = [0] * len(caps)
    left = min(wanted_w, sum(caps))
    open_ones = [i for i, cap in enumerate(caps) if cap > 0]
    weight_of = [max(1, weight) for weight in weights]
    while left > 0 and open_ones:
        weight = sum(weight_of[i] for i in open_ones)
        full = [i for i in open_ones if left * weight_of[i] >= caps[i] * weight]
        if not full:
            _largest_remainder(left, weight, open_ones, weight_of, shares)
            break
        for i in full:
            shares[i] = caps[i]
        left -= sum(caps[i] for i in full)
        open_ones = [i for i in open_ones if not shares[i]]
    return shares


def _largest_remainder(
    left: int, weight: int, open_ones: Sequence[int], weight_of: Sequence[int], shares: list[int]
) -> None:
    remainders = []
    for i in open_ones:
        shares[i], remainder = divmod(left * weight_of[i], weight)
        remainders.append((-remainder, i))
    rest = left - sum(shares[i] for i in open_ones)
    for _, i in sorted(remainders)[:rest]:
        shares[i] += 1


def split_by_scale(asked_w: Plan, scales: Mapping[str, int]) -> dict[str, Plan]:
    """S1 by scale: each aggregator's part in proportion to its scale, W; the parts sum exactly to what is asked.
    A scale of 0 gets nothing, unless all are 0: then they share alike."""
    weights = list(scales.values())
    if not any(weights):
        weights = [1] * len(weights)
    slots = [by_weight(power_w, weights, [power_w if w else 0 for w in weights]) for power_w in asked_w]
    parts: list[Plan] = list(zip(*slots, strict=True)) if slots else [()] * len(scales)
    return dict(zip(scales, parts, strict=True))


def split_by_ability(asked_w: Plan, could_w: Mapping[str, Plan], scales: Mapping[str, int]) -> dict[str, Plan]:
    """S1 by ability: each aggregator's part of a slot in proportion to what it could probably give there, W; of a slot in
    which nobody could give anything, to its scale. The parts sum exactly to what is asked."""
    slots = []
    for slot, power_w in enumerate(asked_w):
        able = {name: plan[slot] for name, plan in could_w.items()}
        parts = split_by_scale((power_w,), able if any(able.values()) else scales)
        slots.append([parts[name][0] for name in could_w])
    plans: list[Plan] = list(zip(*slots, strict=True)) if slots else [()] * len(could_w)
    return dict(zip(could_w, plans, strict=True))
