"""Which slots have a closed relay, for many vehicles (`agents/der/relay.py`, `agents/der/vehicle.py`).

The single actor tries every choice and keeps the best sum, then the most closed slots, then the first tried. Most
vehicles need no trial: the first choice that is closed in all asked slots is the one, if its sum reaches what the
power limits allow, or if closing costs nothing (no stand-by draw, or load is to be increased). The others try all
choices, a choice at a time for all of them.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from agents.der.relay import MAX_PATTERNS
from agents.fleet.arrays import NO_LIMIT, Bools, Floats, Ints
from agents.fleet.stores import Stores, greatest_w
from agents.fleet.timelines import Timelines
from protocol.units import Direction

_SAME_W = 1e-3


@dataclass(slots=True)
class Chosen:
    """The choice of closed slots of each vehicle: slots x n."""

    closed: Bools
    stores: Stores
    firm_w: Floats
    open_question: Bools
    """Vehicles that have to try all choices."""


class Relays:
    """The relays of some vehicles in one event."""

    def __init__(self, line: Timelines, direction: Direction, asked_w: Ints) -> None:
        """`asked_w`: what is asked in the slots in which each vehicle is plugged in, W."""
        self.line, self.direction = line, direction
        self.usable, self.asked_w = line.plugged, asked_w
        self.down = direction is Direction.DECREASE_LOAD
        self.base = line.base_w != 0
        self.wanted = asked_w > 0
        self.limited: Bools = line.loosened.relay_ops != NO_LIMIT
        own = _operations(line.closed_before, self.base, line.closed_after)
        self.most: Ints = np.maximum(line.loosened.relay_ops, own)
        self.recovery = line.recovers if self.down else line.closed_after

    def choose(self) -> Chosen:
        """The choice of those that need no trial."""
        needed = self.base | self.wanted
        closed, found = self._first(needed)
        nothing = self.limited & ~self.wanted.any(axis=0)
        closed = np.where(self.limited, closed & ~nothing, needed)
        stores = self.line.stores(self.direction, self.usable, closed)
        firm = np.zeros(closed.shape)
        asked = self.asked_w.astype(np.float64)
        free = (self.line.loosened.standby_w == 0) | (not self.down)
        sure = ~self.limited | nothing | (found & free)
        check = np.flatnonzero(found & ~sure)
        if len(check):
            some, wanted = stores.take(check), asked[:, check]
            most = np.minimum(wanted, some.all_w).sum(axis=0)
            sure[check] = most - greatest_w(some, firm[:, check], wanted) <= _SAME_W / 2
        _empty(stores, nothing)
        return Chosen(closed, stores, firm, ~sure)

    def _first(self, needed: Bools) -> tuple[Bools, Bools]:
        """The first choice tried that is closed wherever it is needed, and whether there is one of one stretch."""
        slots = len(needed)
        may = self.base | self.line.plugged
        place = np.arange(slots)[:, None]
        some = needed.any(axis=0)
        first = np.argmax(needed, axis=0)
        last = slots - 1 - np.argmax(needed[::-1], axis=0)
        barred_before = np.where(~may & (place < first), place, -1).max(axis=0)
        barred_after = np.where(~may & (place > last), place, slots).min(axis=0)
        gap = (~may & (place >= first) & (place <= last)).any(axis=0)
        before, to_end = self.line.closed_before, barred_after == slots
        begin = np.where(before, 0, barred_before + 1)
        end = np.where(to_end & ~(before & (barred_before >= 0)), slots, last + 1)
        end = np.where(before & ~to_end, last + 1, end)
        closed = (place >= begin) & (place < end) & some
        operations = _operations(before, closed, self.recovery)
        tried = np.where(before | to_end, 0, 1 + slots + begin * (2 * slots - begin - 1) // 2 + end - begin)
        found = some & ~gap & (operations <= self.most) & (tried < MAX_PATTERNS)
        return closed, found & ~(before & (barred_before >= 0))

    def try_all(self) -> Chosen:
        """Every choice, in the order of the single actor."""
        slots, n = self.wanted.shape
        base, asked = self.line.base_w.astype(np.float64), self.asked_w.astype(np.float64)
        chosen = Chosen(
            np.zeros((slots, n), dtype=bool), _nothing(slots, n), np.zeros((slots, n)), np.zeros(n, dtype=bool)
        )
        best_w, best_used, best_full = np.zeros(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
        may_open = ~self.base | (self.down & self.usable & (base > 0) & (base <= asked))
        may_close = self.base | self.line.plugged
        tried = 0
        for inside in range(min(int(self.most.max(initial=0)), slots) + 1):
            for changes in combinations(range(slots), inside):
                flips = np.zeros(slots, dtype=np.int64)
                flips[list(changes)] = 1
                odd = (np.cumsum(flips) % 2).astype(bool)[:, None]
                closed = odd ^ self.line.closed_before
                able = (self.most >= inside) & np.where(closed, may_close, may_open).all(axis=0)
                within = _operations(self.line.closed_before, closed, self.recovery) <= self.most
                at_all = _operations(self.line.closed_before, closed, np.zeros(n, dtype=bool)) <= self.most
                firm = np.where(closed, 0.0, base)
                bound = np.where(closed, self.asked_w, 0).sum(axis=0) + firm.sum(axis=0)
                index = np.flatnonzero(able & (within | at_all) & ~(bound < best_w - _SAME_W))
                if len(index):
                    full = ~within[index]
                    some = self.line.take(index)
                    stores = some.stores(self.direction, self.usable[:, index], closed[:, index], full)
                    sum_w = greatest_w(stores, firm[:, index], asked[:, index])
                    used = (closed & self.wanted)[:, index].sum(axis=0)
                    old_w, old_used = best_w[index], best_used[index]
                    better = (sum_w >= old_w - _SAME_W) & ((sum_w > old_w + _SAME_W) | (used > old_used))
                    won = index[better]
                    best_w[won], best_used[won], best_full[won] = sum_w[better], used[better], full[better]
                    chosen.closed[:, won], chosen.firm_w[:, won] = closed[:, won], firm[:, won]
                    chosen.open_question[won] = True
                tried += 1
                if tried >= MAX_PATTERNS:
                    return self._settled(chosen, best_full)
        return self._settled(chosen, best_full)

    def _settled(self, chosen: Chosen, full: Bools) -> Chosen:
        chosen.stores = self.line.stores(self.direction, self.usable, chosen.closed, full)
        _empty(chosen.stores, ~chosen.open_question)
        chosen.open_question = np.zeros_like(chosen.open_question)
        return chosen


def _operations(before: Bools, closed: Bools, after: Bools) -> Ints:
    """Operations from the event's start until the departure."""
    within = (closed[1:] != closed[:-1]).sum(axis=0)
    result: Ints = (before != closed[0]) + within + (closed[-1] != after) + after.astype(np.int64)
    return result


def _nothing(slots: int, n: int) -> Stores:
    zeros, ones = np.zeros((slots, n)), np.ones(n)
    return Stores(zeros, zeros.copy(), ones, ones.copy(), zeros.copy())


def _empty(stores: Stores, which: Bools) -> None:
    """Stores that can give nothing."""
    if which.any():
        for rows in (stores.cheap_w, stores.all_w, stores.room_wh):
            rows[:, which] = 0.0
        stores.cheap_wh[which] = stores.dear_wh[which] = 1.0
