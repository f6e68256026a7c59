"""`agents/der/flexibility.py` for many stores at once: arrays of slots x stores, each slot's row in one piece.

Sums run over the slots in the same order as there, so every number that is only added up is equal to the last bit.
The level of the most even profile is found by Newton's method instead of halving: what is moved is piecewise linear
in the level, so a handful of steps reaches it. Both end within 1e-8 W of each other; where a power lies that near to
the next whole watt, the store is told as doubtful, and whoever asks takes the single computation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from agents.fleet.arrays import Bools, Floats, Ints

TIGHT_WH = 1e-9
WHOLE_W = 1e-6
DOUBT_W = 1e-7
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Stores:
    """`Store` for n stores: the powers and rooms as slots x n."""

    cheap_w: Floats
    all_w: Floats
    cheap_wh: Floats
    dear_wh: Floats
    room_wh: Floats

    def take(self, index: Ints | Bools) -> "Stores":
        """Some of them."""
        return Stores(*[getattr(self, f.name)[..., index] for f in fields(self)])

    def moved(self, power_w: Floats) -> Floats:
        """Wh moved by each slot's power."""
        cheap = np.minimum(power_w, self.cheap_w)
        return cheap * self.cheap_wh + (power_w - cheap) * self.dear_wh


def sums(rows: Floats) -> Floats:
    """Running sums over the slots, in their order."""
    result = np.empty_like(rows)
    result[0] = rows[0]
    for slot in range(1, len(rows)):
        np.add(result[slot - 1], rows[slot], out=result[slot])
    return result


def rooms(room_wh: Floats) -> Floats:
    """The least of this bound and all later ones, not below 0."""
    least = room_wh.copy()
    for slot in range(len(least) - 2, -1, -1):
        np.minimum(least[slot], least[slot + 1], out=least[slot])
    return np.maximum(least, 0.0, out=least)


def greatest_w(stores: Stores, firm_w: Floats, asked_w: Floats) -> Floats:
    """The sum that `extend` reaches, W; minus infinity where even the firm profile is too much."""
    room = np.maximum(stores.room_wh, 0.0) - sums(stores.moved(firm_w))
    impossible = (room < -TIGHT_WH).any(axis=0)
    result = firm_w.copy()
    limit = np.minimum(stores.all_w, asked_w)
    for most_w, wh_per_w in ((stores.cheap_w, stores.cheap_wh), (stores.all_w, stores.dear_wh)):
        room, moved = rooms(room), np.zeros(room.shape[1])
        more = np.minimum(most_w, limit) - result
        for slot in range(len(result)):
            step = np.maximum(np.minimum(more[slot], (room[slot] - moved) / wh_per_w), 0.0)
            moved += step * wh_per_w
            room[slot] -= moved
            result[slot] += step
    total = np.zeros(result.shape[1])
    for power in result:
        total += power
    total[impossible] = -np.inf
    return total


def extend(stores: Stores, firm_w: Floats, most_w: Floats) -> tuple[Floats, Bools]:
    """The greatest joint profile up to `most_w` that keeps at least the firm one, W; and who is doubtful."""
    limit = np.minimum(stores.all_w, most_w)
    cheap = np.maximum(firm_w, np.minimum(stores.cheap_w, limit))
    room = np.maximum(rooms(stores.room_wh) - sums(stores.moved(firm_w)), 0.0)
    room = rooms(room)
    upper = np.maximum(firm_w, limit)
    if (cheap > firm_w).any():
        first, lost = _raise(firm_w, cheap, most_w, stores.cheap_wh, room)
        gone = sums((first - firm_w) * stores.cheap_wh)
        room = rooms(np.maximum(room - gone, 0.0))
    else:
        first, lost = firm_w, np.zeros(firm_w.shape[1], dtype=bool)
    result, lost_too = _raise(first, upper, most_w, stores.dear_wh, room)
    part = (result + WHOLE_W) % 1.0
    near = (part < DOUBT_W) | (part > 1 - DOUBT_W)
    return result, lost | lost_too | near.any(axis=0)


def whole(power_w: Floats) -> Ints:
    """Whole watts, rounded down."""
    return (power_w + WHOLE_W).astype(np.int64)


def _raise(lower: Floats, upper: Floats, want: Floats, wh_per_w: Floats, room: Floats) -> tuple[Floats, Bools]:
    """Raise all slots together from lower towards upper; freeze those before a tight bound, go on with the rest."""
    result = np.maximum(lower, np.minimum(upper, want))
    lost = np.zeros(lower.shape[1], dtype=bool)
    short = np.flatnonzero((sums((result - lower) * wh_per_w) > room + TIGHT_WH).any(axis=0))
    lower, upper, want, room = lower[:, short], upper[:, short], want[:, short], room[:, short]
    wh, slots = wh_per_w[short], np.arange(len(lower))[:, None]
    while len(short):
        level, tight, failed = _highest(lower, upper, want, wh, room)
        raised = np.maximum(lower, np.minimum(upper, level * want))
        lost[short[failed]] = True
        moved = sums((raised - lower) * wh)
        frozen = slots <= tight
        room = np.where(frozen, np.inf, np.maximum(room - moved[tight, np.arange(len(short))], 0.0))
        lower = np.where(frozen, raised, lower)
        upper = np.where(frozen, raised, upper)
        rest = np.maximum(lower, np.minimum(upper, np.where(frozen, 0.0, want)))
        result[:, short] = rest
        broken = (sums((rest - lower) * wh) > room + TIGHT_WH).any(axis=0) & ~failed
        short, lower, upper = short[broken], lower[:, broken], upper[:, broken]
        want, room, wh = np.where(frozen, 0.0, want)[:, broken], room[:, broken], wh[broken]
    return result, lost


def _highest(lower: Floats, upper: Floats, want: Floats, wh: Floats, room: Floats) -> tuple[Floats, Ints, Bools]:
    """The highest level within all bounds, the last slot that is tight there, and where none was found. The level 1
    breaks a bound of each store."""
    n = lower.shape[1]
    level, tight = np.zeros(n), np.zeros(n, dtype=np.int64)
    at, good, bad, todo = np.ones(n), np.zeros(n), np.ones(n), np.arange(n)
    for _ in range(_STEPS):
        raised = at * want
        slack = room + TIGHT_WH - sums((np.maximum(lower, np.minimum(upper, raised)) - lower) * wh)
        least = slack.min(axis=0)
        fits = least >= 0
        done = fits & (least <= TIGHT_WH)
        if done.any():
            level[todo[done]] = at[done]
            tight[todo[done]] = len(slack) - 1 - np.argmax(slack[::-1, done] <= TIGHT_WH, axis=0)
            keep = ~done
            todo, at, good, bad, wh = todo[keep], at[keep], good[keep], bad[keep], wh[keep]
            lower, upper, want, room = lower[:, keep], upper[:, keep], want[:, keep], room[:, keep]
            slack, raised, fits = slack[:, keep], raised[:, keep], fits[keep]
        if not len(todo):
            break
        good, bad = np.where(fits, at, good), np.where(fits, bad, at)
        at = _newton(slack, _slopes(lower, upper, want, wh, raised, fits), at, fits)
        outside = ~((at > good) & (at < bad))
        at = np.where(outside, (good + bad) / 2, at)
    failed = np.zeros(n, dtype=bool)
    failed[todo] = True
    return level, tight, failed


def _slopes(lower: Floats, upper: Floats, want: Floats, wh: Floats, raised: Floats, fits: Bools) -> Floats:
    """Wh moved up to each slot's end for one more level: to the right where it fits, else to the left."""
    rising = np.where(fits, (raised >= lower) & (raised < upper), (raised > lower) & (raised <= upper))
    return sums(np.where(rising, want * wh, 0.0))


def _newton(slack: Floats, slope: Floats, at: Floats, fits: Bools) -> Floats:
    """The next level to try: where the first bound would be tight if all went on in a straight line."""
    with np.errstate(divide="ignore", invalid="ignore"):
        step = (slack - TIGHT_WH / 2) / slope
    step = np.where(np.isfinite(step) & (slope > 0), step, np.inf)
    step = np.where(fits | (slack < 0), step, np.inf)  # from above: only what is broken
    following: Floats = at + step.min(axis=0)
    return following


def chunks(n: int, slots: int, cells: int = 65_536) -> Iterator[slice]:
    """Pieces of n stores that stay in a processor's cache."""
    size = max(256, cells // max(1, slots))
    for start in range(0, n, size):
        yield slice(start, min(n, start + size))
