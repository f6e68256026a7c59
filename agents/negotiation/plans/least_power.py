"""Nobody is asked for, or awarded, a change of load that its device cannot run at: 0 W, or at least its least power.

A charger that feeds a change of less load stops below its least power too: of what it offered it gives all, or leaves at
least so much of it running. What one member cannot be given is moved to others, so that the sum stays the same.
"""

import numpy as np
from numpy.typing import NDArray

from agents.negotiation.plans.shares import Watts, proportional
from protocol.plan import Plan
from protocol.units import Direction


class Bounds:
    """What each of many members can be given in one slot, W: 0, all of its cap, or from its least to its most."""

    def __init__(self, caps: Watts, least_w: Watts, *, whole: bool) -> None:
        """`whole`: whether near the cap only all of it can be given."""
        self.caps = caps
        self.most = np.where(least_w > 0, caps - least_w, caps) if whole else caps.copy()
        between = (self.most >= least_w) & (caps >= least_w)
        self.most = np.where(between, self.most, 0)
        """Of those that cannot give anything between 0 and their cap, 0."""
        self.least = np.where(between, least_w, caps)

    def bad(self, shares: Watts) -> NDArray[np.bool_]:
        """Whose share is none that it can be given."""
        within = (shares >= self.least) & (shares <= self.most)
        found: NDArray[np.bool_] = (shares != 0) & (shares != self.caps) & ~within
        return found

    def below(self, shares: Watts) -> Watts:
        """The next smaller share that each can be given, or its own."""
        smaller: Watts = np.where(shares >= self.least, np.minimum(shares, self.most), 0)
        return np.where(self.bad(shares), smaller, shares)

    def above(self, shares: Watts) -> Watts:
        """The next larger one, or its own."""
        larger: Watts = np.where(shares < self.least, self.least, self.caps)
        return np.where(self.bad(shares), larger, shares)


def moved(shares: Watts, bounds: Bounds) -> Watts | None:
    """The shares of one slot, each of them one that its member can be given, of the same sum; None where there are none
    to be found."""
    bad = bounds.bad(shares)
    if not bad.any():
        return shares
    result = bounds.below(shares)
    left = int((shares - result).sum())
    begun = np.flatnonzero(bad & (result == 0))  # the first of them as far as it goes
    some = begun[np.cumsum(bounds.least[begun]) <= left]
    result[some] = bounds.least[some]
    left -= int(bounds.least[some].sum())
    found = _filled(result, left, bounds)
    idle = np.flatnonzero((result == 0) & (bounds.least > 0))
    if found is None and idle.size:  # one more begins at its least, at the cost of others
        first = idle[[int(np.argmin(bounds.least[idle]))]]
        found = _with(result, left, first, bounds.least, bounds)
    return _in_order(int(shares.sum()), bounds) if found is None else found


def _in_order(wanted_w: int, bounds: Bounds) -> Watts | None:
    """Each in turn as much as it can, those that can be given any power last: they fill what the steps of others
    leave."""
    steps = (bounds.most < bounds.caps) | (bounds.least > 0)
    result, left = np.zeros_like(bounds.caps), wanted_w
    for i in np.flatnonzero(steps):
        least, most, cap = int(bounds.least[i]), int(bounds.most[i]), int(bounds.caps[i])
        result[i] = cap if left >= cap else min(left, most) if left >= least else 0
        left -= int(result[i])
    rest = np.where(steps, 0, bounds.caps)
    return result + proportional(left, rest) if left <= int(rest.sum()) else None


def _with(shares: Watts, left: int, one: NDArray[np.intp], power_w: Watts, bounds: Bounds) -> Watts | None:
    """The shares with one member at this power, and others at so much more or less."""
    result = shares.copy()
    result[one] = power_w[one]
    left -= int((result - shares).sum())
    fixed = np.zeros(len(shares), dtype=np.bool_)
    fixed[one] = True
    return _filled(result, left, bounds, fixed)


def _filled(shares: Watts, left: int, bounds: Bounds, fixed: NDArray[np.bool_] | None = None) -> Watts | None:
    """Those that can be given a little more or less are, until nothing is left; None where something stays."""
    between = (shares >= bounds.least) & (shares <= bounds.most)
    if fixed is not None:
        between &= ~fixed
    room = np.where(between, bounds.most - shares if left > 0 else shares - bounds.least, 0)
    if abs(left) > int(room.sum()):
        return None
    change = proportional(abs(left), room)
    return shares + change if left > 0 else shares - change


def allowed_w(power_w: int, offered_w: int, least_w: int, direction: Direction, *, up: bool = False) -> int:
    """The next smaller (or `up`, larger) power that one member can be given of what it offered, W."""
    if not least_w:
        return power_w
    return allowed((power_w,), (offered_w,), least_w, direction, up=up)[0]


def allowed(power_w: Plan, offered_w: Plan, least_w: int, direction: Direction, *, up: bool = False) -> Plan:
    """The same of a plan."""
    if not least_w:
        return power_w
    powers, caps = np.array(power_w, dtype=np.int64), np.array(offered_w, dtype=np.int64)
    bounds = Bounds(caps, np.full(len(caps), least_w, dtype=np.int64), whole=direction is Direction.DECREASE_LOAD)
    found: Plan = tuple((bounds.above(powers) if up else bounds.below(powers)).tolist())
    return found
