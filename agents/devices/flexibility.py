"""The core of S50: how much one store of energy can change its load, slot by slot, in one direction.

Changing the load by 1 W for one slot moves so many Wh in the store. A slot's first watts are cheap (charging less
saves `eta_c` Wh a Wh), the rest dear (discharging costs `1 / eta_d`). Energy moved up to the end of a slot is bounded
by the room there (energy above what must be left, or below what still fits): nested bounds, of which the least
of all later ones counts. In such a polymatroid filling the cheap watts before the dear ones gives the greatest sum
(greedy is exact; Edmonds 1970), and raising all slots together until a bound is tight gives, among the profiles of
that sum, the most even one (lexicographically optimal base, Fujishige 1980): a fleet of like vehicles does not leave
the last slots empty.

The level at which a bound is tight is found by Newton's method between brackets: what is moved is piecewise linear in
the level, so a handful of steps reaches it. `raise_all` is written over plain rows, so that `rows/compiled.py` can
compile it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from protocol.plan import Plan

Row: TypeAlias = Any
"""A sequence of floats, or an array of one dimension: one entry a slot."""
_TIGHT_WH = 1e-9
_STEPS = 60
_FAR = 1e9
"""Above any level."""


class Store(NamedTuple):
    """The bounds of one store over the slots of an event, in one direction."""

    cheap_w: Row
    """Most cheap watts in each slot."""
    all_w: Row
    """Most watts in each slot, cheap and dear."""
    cheap_wh: float
    """Wh moved in the store by one cheap watt held for a slot."""
    dear_wh: float
    room_wh: Row
    """Most Wh moved up to the end of each slot; negative means that nothing can be moved before it."""


class Rows(NamedTuple):
    """Work space of `raise_all`, a row of floats each."""

    room: Row
    upper: Row
    cheap: Row


def fill(store: Store, asked_w: Plan, *, water: bool = False) -> list[float]:
    """The greatest joint profile within what is asked, W. `water` evens out what stays missing (least maximum
    shortfall); otherwise the share that is met."""
    return _raised(store, [0.0] * len(asked_w), asked_w, float(max(asked_w, default=0)) if water else 0.0)


def extend(store: Store, firm_w: Sequence[float], most_w: Plan) -> list[float]:
    """The greatest joint profile up to `most_w` that keeps at least the firm one, W."""
    return _raised(store, firm_w, most_w, 0.0)


def weighted(store: Store, most_w: Plan, weights: Sequence[int]) -> list[float]:
    """The joint profile up to `most_w` with the greatest sum of weight x power, W."""
    slots = len(most_w)
    result, rows = [0.0] * slots, Rows([0.0] * slots, [0.0] * slots, [0.0] * slots)
    pour(store, slots, [0.0] * slots, most_w, weights, rows, result)
    return result


def _raised(store: Store, firm_w: Sequence[float], most_w: Plan, highest_w: float) -> list[float]:
    slots = len(most_w)
    result, rows = [0.0] * slots, Rows([0.0] * slots, [0.0] * slots, [0.0] * slots)
    raise_all(store, slots, firm_w, most_w, highest_w, rows, result)
    return result


def raise_all(store: Store, slots: int, firm_w: Row, most_w: Row, highest_w: float, rows: Rows, result: Row) -> None:
    """Fill in the greatest joint profile from the firm one up to `most_w`, W. `highest_w`: the most of `most_w` where
    what stays missing is evened out, or 0 where the share that is met is."""
    spent, some = 0.0, False
    _copy_rooms(store.room_wh, slots, rows.room)
    for slot in range(slots):
        spent += _moved(store, firm_w[slot], slot)
        rows.room[slot] = max(0.0, rows.room[slot] - spent)
        rows.cheap[slot] = firm_w[slot]
        rows.upper[slot] = max(firm_w[slot], min(store.cheap_w[slot], store.all_w[slot], most_w[slot]))
        some = some or rows.upper[slot] > firm_w[slot]
    if spent > 0.0:
        _copy_rooms(rows.room, slots, rows.room)
    if some:
        _raise(firm_w, most_w, highest_w, store.cheap_wh, slots, rows, rows.cheap)
        _copy_rooms(rows.room, slots, rows.room)
    for slot in range(slots):
        rows.upper[slot] = max(firm_w[slot], min(store.all_w[slot], most_w[slot]))
    _raise(rows.cheap, most_w, highest_w, store.dear_wh, slots, rows, result)


def pour(store: Store, slots: int, firm_w: Row, most_w: Row, weights: Row, rows: Rows, result: Row) -> None:
    """Fill in the joint profile from the firm one up to `most_w` with the greatest sum of weight x power, W: watt-hours go
    where they are worth most, as long as the bounds let them (greedy is exact here, too). Where the weight is 0 nothing is
    added."""
    spent = 0.0
    _copy_rooms(store.room_wh, slots, rows.room)
    for slot in range(slots):
        firm = firm_w[slot]
        spent += _moved(store, firm, slot)
        rows.room[slot] = max(0.0, rows.room[slot] - spent)
        rows.upper[slot] = max(firm, min(store.all_w[slot], most_w[slot]))
        rows.cheap[slot] = max(firm, min(store.cheap_w[slot], rows.upper[slot]))
        result[slot] = firm
    for _ in range(2 * slots):
        best, worth = -1, 0.0
        for slot in range(slots):
            dear = result[slot] >= rows.cheap[slot]
            a_wh = weights[slot] / (store.dear_wh if dear else store.cheap_wh)
            if a_wh > worth and result[slot] < rows.upper[slot]:
                best, worth = slot, a_wh
        if best < 0:
            return
        dear = result[best] >= rows.cheap[best]
        wh_per_w = store.dear_wh if dear else store.cheap_wh
        left = float("inf")
        for slot in range(best, slots):
            left = min(left, rows.room[slot])
        full = rows.upper[best] if dear else rows.cheap[best]
        if (full - result[best]) * wh_per_w >= left:
            full = result[best] + max(0.0, left) / wh_per_w
            rows.upper[best] = rows.cheap[best] = full
        for slot in range(best, slots):
            rows.room[slot] -= (full - result[best]) * wh_per_w
        result[best] = full


def _copy_rooms(room_wh: Row, slots: int, result: Row) -> None:
    """The least of each bound and all later ones: energy that is gone stays gone."""
    least = float("inf")
    for slot in range(slots - 1, -1, -1):
        least = min(least, max(0.0, room_wh[slot]))
        result[slot] = least


def _moved(store: Store, power_w: float, slot: int) -> float:
    cheap: float = min(power_w, store.cheap_w[slot])
    return cheap * store.cheap_wh + (power_w - cheap) * store.dear_wh


def _raise(lower: Row, want: Row, highest_w: float, wh_per_w: float, slots: int, rows: Rows, result: Row) -> None:
    """Raise all slots together from lower towards upper; freeze those before a tight bound, go on with the rest. Takes
    what was moved from the room."""
    first, gone = 0, 0.0
    while first < slots:
        level, tight = _highest(lower, want, highest_w, wh_per_w, slots, rows, first)
        for slot in range(first, tight + 1):
            result[slot] = _clip(lower[slot], rows.upper[slot], _at(level, want[slot], highest_w))
        gone = 0.0
        for slot in range(first, tight + 1):
            gone += (result[slot] - lower[slot]) * wh_per_w
            rows.room[slot] = max(0.0, rows.room[slot] - gone)
        first = tight + 1
        for slot in range(first, slots):
            rows.room[slot] = max(0.0, rows.room[slot] - gone)


def _highest(
    lower: Row, want: Row, highest_w: float, wh_per_w: float, slots: int, rows: Rows, first: int
) -> tuple[float, int]:
    """The highest level within all bounds, and the last slot whose bound is tight there (the last of all: none is)."""
    level, good, bad, broken = 1.0, 0.0, 1.0, slots - 1
    for step in range(_STEPS):
        fits, last, following = _look(lower, want, highest_w, wh_per_w, slots, rows, first, level)
        if step == 0 and fits:
            return 1.0, slots - 1
        if fits and last >= 0:
            return level, last
        if fits:
            good = level
        else:
            bad, broken = level, last
        level = following if good < following < bad else (good + bad) / 2
    return good, broken


def _look(
    lower: Row, want: Row, highest_w: float, wh_per_w: float, slots: int, rows: Rows, first: int, level: float
) -> tuple[bool, int, float]:
    """Whether a level is within all bounds; the last slot whose bound is tight there, or broken (-1: none); and where
    the first bound would be tight if all went on in a straight line from here."""
    moved, right, left = 0.0, 0.0, 0.0
    tight, broken, up, down = -1, -1, _FAR, _FAR
    for slot in range(first, slots):
        power, low, upper = _at(level, want[slot], highest_w), lower[slot], rows.upper[slot]
        slope = (highest_w if highest_w > 0.0 else want[slot]) * wh_per_w
        if low <= power < upper:
            right += slope
        if low < power <= upper:
            left += slope
        moved += (_clip(low, upper, power) - low) * wh_per_w
        slack = rows.room[slot] + _TIGHT_WH - moved
        if slack < 0.0:
            broken = slot
            if left > 0.0 and slack - _TIGHT_WH / 2 < (down - level) * left:
                down = level + (slack - _TIGHT_WH / 2) / left
        elif broken < 0:
            if slack <= _TIGHT_WH:
                tight = slot
            if right > 0.0 and slack - _TIGHT_WH / 2 < (up - level) * right:
                up = level + (slack - _TIGHT_WH / 2) / right
    if broken >= 0:
        return False, broken, down
    return True, tight, up


def _at(level: float, want: float, highest_w: float) -> float:
    """The power of one slot at a level."""
    return want - (1.0 - level) * highest_w if highest_w > 0.0 else level * want


def _clip(lower: float, upper: float, power: float) -> float:
    return max(lower, min(upper, power))
