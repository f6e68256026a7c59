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
from dataclasses import dataclass
from math import isqrt

from agents.settings import ValuePolicy
from protocol.plan import Plan

Z = 2
MOST_FACTOR = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """One member as S21 sees it: capability in W per slot, reliability, place in the merit order (lowest first)."""

    name: str
    capacity_w: Plan
    reliability_pct: int = 100
    merit: int = 0


def request_values(
    asked_w: Plan, members: Sequence[Asked], *, policy: ValuePolicy, over_request: bool
) -> dict[str, Plan]:
    """S21: a value per member, W, in the members' order; nobody's is above its capacity.

    Per slot the values sum to exactly min(all capacities, what is asked, over-request included). Raises ValueError
    when a capacity has another number of slots than `asked_w`.
    """
    if any(len(member.capacity_w) != len(asked_w) for member in members):
        raise ValueError("every capacity needs one entry a slot of the request")
    order = list(range(len(members)))
    if policy is ValuePolicy.MERIT_ORDER:
        order.sort(key=lambda i: members[i].merit)
    known: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    slots = []
    for slot, power_w in enumerate(asked_w):
        caps = tuple(member.capacity_w[slot] for member in members)
        if (power_w, caps) not in known:  # requests and capacities are often level
            wanted = _wanted(power_w, caps, members, order, policy) if over_request else power_w
            fair = policy is ValuePolicy.FAIR
            known[power_w, caps] = by_weight(wanted, caps, caps) if fair else in_order(wanted, caps, order)
        slots.append(known[power_w, caps])
    return {member.name: values for member, values in zip(members, _transposed(slots, len(members)), strict=True)}


def _wanted(
    asked_w: int, caps: Sequence[int], members: Sequence[Asked], order: Sequence[int], policy: ValuePolicy
) -> int:
    """What is asked for in one slot, W: at least the request, at most all capacities."""
    if not asked_w:
        return 0
    sizes = [(caps[i], members[i].reliability_pct) for i in order if caps[i]]
    least_of = _wanted_fair if policy is ValuePolicy.FAIR else _wanted_in_order
    everything = sum(caps)
    expected, safe = least_of(asked_w, sizes, 0, everything), least_of(asked_w, sizes, Z, everything)
    return min(everything, max(asked_w, expected, min(safe, MOST_FACTOR * asked_w)))


def _wanted_fair(asked_w: int, sizes: Sequence[tuple[int, int]], z: int, everything: int) -> int:
    """The yes-sum of equal shares of the capacities grows with what is asked for: the formula, solved for it."""
    mean = sum(cap * pct for cap, pct in sizes)
    sure = mean - _deviation(sum(cap * cap * pct * (100 - pct) for cap, pct in sizes), z)
    return -(-asked_w * everything * 100 // sure) if sure > 0 else everything


def _wanted_in_order(asked_w: int, sizes: Sequence[tuple[int, int]], z: int, everything: int) -> int:
    """Member after member at its capacity until the formula holds; of the last one as much as that takes."""
    before, mean, variance = 0, 0, 0
    for cap, pct in sizes:
        spread = pct * (100 - pct)
        if mean + cap * pct - _deviation(variance + cap * cap * spread, z) >= asked_w * 100:
            low, high = 0, cap
            while low < high:
                part = (low + high) // 2
                enough = mean + part * pct - _deviation(variance + part * part * spread, z) >= asked_w * 100
                low, high = (low, part) if enough else (part + 1, high)
            return before + low
        before, mean, variance = before + cap, mean + cap * pct, variance + cap * cap * spread
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


def in_order(wanted_w: int, caps: Sequence[int], order: Sequence[int]) -> list[int]:
    """One after the other up to its cap; the sum is exactly min(wanted, all caps). W."""
    shares = [0] * len(caps)
    for i in order:
        shares[i] = min(caps[i], wanted_w)
        wanted_w -= shares[i]
    return shares


def split_by_scale(asked_w: Plan, scales: Mapping[str, int]) -> dict[str, Plan]:
    """S1 by scale: each aggregator's part in proportion to its scale, W; the parts sum exactly to what is asked.
    A scale of 0 gets nothing, unless all are 0: then they share alike."""
    weights = list(scales.values())
    if not any(weights):
        weights = [1] * len(weights)
    slots = [by_weight(power_w, weights, [power_w if w else 0 for w in weights]) for power_w in asked_w]
    return dict(zip(scales, _transposed(slots, len(scales)), strict=True))


def _transposed(slots: Sequence[Sequence[int]], members: int) -> list[Plan]:
    return list(zip(*slots, strict=True)) if slots else [()] * members
