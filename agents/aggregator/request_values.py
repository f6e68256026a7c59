"""S21: a request value (W per slot) for every contracted member from its features and capability.

`fair`: everyone the same share of its weight (capacity), filled like water under each one's capacity.
`merit_order`: the first in merit up to its capacity, then the next.

Over-request: so much is asked for that those expected to say yes cover the request. With n members of reliability p
the yes-sum varies by sqrt(p (1 - p) / n) of the whole (binomial); z = 1.28 covers nine cases in ten:
factor = 1 / (p - z sqrt(p (1 - p) / n)), at most 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from protocol.plan import Plan

Z = 1.28
MOST_FACTOR_PCT = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """One member as S21 sees it: capability in W per slot, reliability, place in the merit order."""

    name: str
    capacity_w: Plan
    reliability_pct: int = 100
    merit: int = 0


def request_values(asked_w: Plan, members: Sequence[Asked], *, policy: str, over_request: bool) -> dict[str, Plan]:
    """A value per member, W; per slot their sum is exactly min(all capacities, asked x over-request factor)."""
    factor_pct = over_request_pct(members) if over_request else 100
    slots = []
    for slot, power_w in enumerate(asked_w):
        wanted = -(-power_w * factor_pct // 100)
        caps = [member.capacity_w[slot] for member in members]
        slots.append(_in_order(wanted, caps, members) if policy == "merit_order" else by_weight(wanted, caps, caps))
    return {member.name: tuple(values[i] for values in slots) for i, member in enumerate(members)}


def over_request_pct(members: Sequence[Asked]) -> int:
    """How much more than needed is asked for, whole percent >= 100."""
    able = [member for member in members if any(member.capacity_w)]
    if not able:
        return 100
    p = sum(member.reliability_pct for member in able) / 100 / len(able)
    sure = p - Z * sqrt(p * (1 - p) / len(able))
    return min(MOST_FACTOR_PCT, max(100, round(100 / sure))) if sure > 0 else MOST_FACTOR_PCT


def by_weight(wanted_w: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Water-filling: shares in proportion to the weights, none above its cap; whole watts, the sum is exactly
    min(wanted, all caps). Remainders go to the largest fractions, ties to the first."""
    shares = [0] * len(caps)
    left = min(wanted_w, sum(caps))
    open_ones = [i for i, cap in enumerate(caps) if cap > 0]
    while left > 0 and open_ones:
        weight = sum(max(weights[i], 1) for i in open_ones)
        full = [i for i in open_ones if left * max(weights[i], 1) >= (caps[i] - shares[i]) * weight]
        if full:
            for i in full:
                left -= caps[i] - shares[i]
                shares[i] = caps[i]
            closed = dict.fromkeys(full)
            open_ones = [i for i in open_ones if i not in closed]
            continue
        exact = [(left * max(weights[i], 1), i) for i in open_ones]
        for numerator, i in exact:
            shares[i] += numerator // weight
        rest = left - sum(numerator // weight for numerator, _ in exact)
        for _, i in sorted(exact, key=lambda item: (-(item[0] % weight), item[1]))[:rest]:
            shares[i] += 1
        left = 0
    return shares


def _in_order(wanted_w: int, caps: Sequence[int], members: Sequence[Asked]) -> list[int]:
    shares = [0] * len(caps)
    for i in sorted(range(len(caps)), key=lambda i: (members[i].merit, i)):
        shares[i] = min(caps[i], wanted_w)
        wanted_w -= shares[i]
    return shares


def split_by_scale(asked_w: Plan, scales: Mapping[str, int]) -> dict[str, Plan]:
    """S1 by scale: each aggregator's part in proportion to its scale; the parts sum exactly to what is asked."""
    weights = list(scales.values())
    if not any(weights):
        weights = [1] * len(weights)
    slots = [by_weight(power_w, weights, [power_w if w else 0 for w in weights]) for power_w in asked_w]
    return {name: tuple(values[i] for values in slots) for i, name in enumerate(scales)}
