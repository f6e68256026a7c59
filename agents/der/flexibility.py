"""The core of S50: how much one store of energy can change its load, slot by slot, in one direction.

Changing the load by 1 W for one slot moves so many Wh in the store. A slot's first watts are cheap (charging less
saves `eta_c` Wh a Wh), the rest dear (discharging costs `1 / eta_d`). Energy moved up to the end of a slot is bounded
by the room there (energy above what must be left, or below what still fits): nested bounds, of which the least
of all later ones counts. In such a polymatroid filling the cheap watts before the dear ones gives the greatest sum
(greedy is exact; Edmonds 1970), and raising all slots together until a bound is tight gives, among the profiles of
that sum, the most even one (lexicographically optimal base, Fujishige 1980): a fleet of like vehicles does not leave
the last slots empty.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocol.plan import Plan

_TIGHT_WH = 1e-9
_BISECTIONS = 50


@dataclass(frozen=True, slots=True)
class Store:
    """The bounds of one store over the slots of an event, in one direction."""

    cheap_w: tuple[float, ...]
    """Most cheap watts in each slot."""
    all_w: tuple[float, ...]
    """Most watts in each slot, cheap and dear."""
    cheap_wh: float
    """Wh moved in the store by one cheap watt held for a slot."""
    dear_wh: float
    room_wh: tuple[float, ...]
    """Most Wh moved up to the end of each slot; negative means that nothing can be moved before it."""


def rooms(room_wh: Sequence[float]) -> list[float]:
    """The least of this bound and all later ones: energy that is gone stays gone."""
    least = list(room_wh)
    for slot in range(len(least) - 2, -1, -1):
        least[slot] = min(least[slot], least[slot + 1])
    return [max(0.0, wh) for wh in least]


def fill(store: Store, asked_w: Plan, *, water: bool = False) -> list[float]:
    """The greatest joint profile within what is asked, W. `water` evens out what stays missing (least maximum
    shortfall); otherwise the share that is met."""
    cheap = [min(c, w, a) for c, w, a in zip(store.cheap_w, store.all_w, asked_w, strict=True)]
    return _two_phases(store, [0.0] * len(asked_w), cheap, asked_w, water)


def extend(store: Store, firm_w: Sequence[float], most_w: Plan) -> list[float]:
    """The greatest joint profile up to `most_w` that keeps at least the firm one, W."""
    cheap = [max(f, min(c, w, a)) for f, c, w, a in zip(firm_w, store.cheap_w, store.all_w, most_w, strict=True)]
    return _two_phases(store, list(firm_w), cheap, most_w, False)


def greatest_w(store: Store, firm_w: Sequence[float], asked_w: Plan) -> float | None:
    """The sum that `extend` reaches, W, without its levels; None where even the firm profile is too much."""
    room = list(store.room_wh)
    spent = 0.0
    for slot, power in enumerate(firm_w):
        spent += _moved(store, power, slot)
        room[slot] = max(0.0, room[slot]) - spent
    if any(wh < -_TIGHT_WH for wh in room):
        return None
    result = list(firm_w)
    for most_w, wh_per_w in ((store.cheap_w, store.cheap_wh), (store.all_w, store.dear_wh)):
        room, moved = rooms(room), 0.0
        for slot, power in enumerate(result):
            more = min(most_w[slot], store.all_w[slot], asked_w[slot]) - power
            more = max(0.0, min(more, (room[slot] - moved) / wh_per_w))
            moved += more * wh_per_w
            room[slot] -= moved
            result[slot] += more
    return sum(result)


def _two_phases(store: Store, lower: list[float], cheap: list[float], asked_w: Plan, water: bool) -> list[float]:
    room = rooms(store.room_wh)
    spent = 0.0
    for slot, power in enumerate(lower):
        spent += _moved(store, power, slot)
        room[slot] = max(0.0, room[slot] - spent)
    room = rooms(room)
    upper = [max(low, min(w, a)) for low, w, a in zip(lower, store.all_w, asked_w, strict=True)]
    first = _raise(lower, cheap, asked_w, store.cheap_wh, room, water)
    gone = 0.0
    for slot, (low, power) in enumerate(zip(lower, first, strict=True)):
        gone += (power - low) * store.cheap_wh
        room[slot] = max(0.0, room[slot] - gone)
    return _raise(first, upper, asked_w, store.dear_wh, rooms(room), water)


def _moved(store: Store, power_w: float, slot: int) -> float:
    cheap = min(power_w, store.cheap_w[slot])
    return cheap * store.cheap_wh + (power_w - cheap) * store.dear_wh


def _raise(
    lower: Sequence[float],
    upper: Sequence[float],
    asked_w: Plan,
    wh_per_w: float,
    room_wh: Sequence[float],
    water: bool,
) -> list[float]:
    """Raise all slots together from lower towards upper; freeze those before a tight bound, go on with the rest."""
    result = list(lower)
    highest = max(asked_w, default=0)
    first, room = 0, list(room_wh)
    while first < len(result):
        low = result[first:]

        def at(level: float, start: int = first, low: list[float] = low) -> list[float]:
            return [
                max(lo, min(up, want - (1 - level) * highest if water else level * want))
                for lo, up, want in zip(low, upper[start:], asked_w[start:], strict=True)
            ]

        bound = room[first:]
        level, tight = _highest(at, low, bound, wh_per_w)
        raised = at(level)
        if tight is None:
            result[first:] = raised
            break
        result[first : first + tight + 1] = raised[: tight + 1]
        moved = sum(r - lo for r, lo in zip(raised[: tight + 1], low, strict=False)) * wh_per_w
        first += tight + 1
        for slot in range(first, len(room)):
            room[slot] = max(0.0, room[slot] - moved)
    return result


def _highest(
    at: Callable[[float], list[float]], low: Sequence[float], room_wh: Sequence[float], wh_per_w: float
) -> tuple[float, int | None]:
    """The highest level within all bounds, and the last bound that is tight there (None: no bound is)."""
    if _broken(at(1.0), low, room_wh, wh_per_w) is None:
        return 1.0, None
    good, bad = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (good + bad) / 2
        if _broken(at(middle), low, room_wh, wh_per_w) is None:
            good = middle
        else:
            bad = middle
    tight = _broken(at(bad), low, room_wh, wh_per_w)
    return good, tight


def _broken(raised: Sequence[float], low: Sequence[float], room_wh: Sequence[float], wh_per_w: float) -> int | None:
    """The last slot whose bound is broken."""
    moved, last = 0.0, None
    for slot, (power, lo, room) in enumerate(zip(raised, low, room_wh, strict=True)):
        moved += (power - lo) * wh_per_w
        if moved > room + _TIGHT_WH:
            last = slot
    return last
