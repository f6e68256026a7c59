"""Slot arithmetic: a plan is one power a slot.

A `Plan` holds magnitudes in W, a `SignedPlan` W with + = import. All functions take plans of equal length and
raise ValueError otherwise, because a silent truncation would be a wrong deal.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeAlias

Plan: TypeAlias = tuple[int, ...]
SignedPlan: TypeAlias = tuple[int, ...]


def zero(slots: int) -> Plan:
    """No power in any of so many slots."""
    return (0,) * slots


def add(a: Plan, b: Plan) -> Plan:
    """Sum slot by slot, W."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def total(plans: Iterable[Plan], slots: int) -> Plan:
    """Sum of many plans slot by slot, W (S24); no plans give zero in every slot."""
    given = list(plans)
    if not given:
        return zero(slots)
    sums = tuple(map(sum, zip(*given, strict=True)))
    if len(sums) != slots:
        raise ValueError(f"every plan needs one entry a slot: {slots}")
    return sums


def excess(a: Plan, b: Plan) -> Plan:
    """What a has over b in each slot, never below 0 W."""
    return tuple(max(0, x - y) for x, y in zip(a, b, strict=True))


def shortfall(asked: Plan, available: Plan) -> Plan:
    """What is missing in each slot, W >= 0."""
    return excess(asked, available)


def covers(available: Plan, asked: Plan) -> bool:
    """Enough means: in every slot (S25, S27, S31)."""
    return all(have >= want for have, want in zip(available, asked, strict=True))


def least(a: Plan, b: Plan) -> Plan:
    """The smaller power of each slot, W."""
    return tuple(min(x, y) for x, y in zip(a, b, strict=True))


def most(a: Plan, b: Plan) -> Plan:
    """The larger of two plans in each slot, W."""
    return tuple(map(max, a, b))


def share_pct(available: Plan, asked: Plan) -> int:
    """The least share of what is asked that is met in any asked slot, whole percent, rounded down, at most 100."""
    shares = [have * 100 // want for have, want in zip(available, asked, strict=True) if want]
    return min([100, *shares])


def scaled(plan: Plan, numerator: int, denominator: int) -> Plan:
    """plan x numerator / denominator, each slot rounded down to whole W; denominator > 0."""
    return tuple(power_w * numerator // denominator for power_w in plan)


def energy_wh(plan: Plan, slot: timedelta) -> int:
    """Energy of the whole plan in Wh, rounded towards zero once, sign kept."""
    watt_seconds = sum(plan) * int(slot.total_seconds())
    return watt_seconds // 3600 if watt_seconds >= 0 else -(-watt_seconds // 3600)
