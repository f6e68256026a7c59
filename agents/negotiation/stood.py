"""What was due while plans took each other's place: energy by what stood when. The one rule for a deal and for each award,
whether it is cut, raised, withdrawn or cancelled inside a slot."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from protocol.messages import IntervalPeriod
from protocol.plan import Plan

StoodPlan: TypeAlias = tuple[datetime, Plan]
"""Until when it stood, and W."""


class DueEnergy:
    """What was due by plans that do not stand any more, beside the one that does."""

    def __init__(self, ended_ws: dict[int, int] | None = None, since_at: datetime | None = None) -> None:
        """`ended_ws`: W x seconds by slot; `since_at`: since when the present plan stands, None: since before all slots."""
        self.ended_ws: dict[int, int] = ended_ws or {}
        self.since_at = since_at

    def begin(self, period: IntervalPeriod, now: datetime) -> None:
        """The first plan stands from now on."""
        self.ended_ws, self.since_at = {}, now if now > period.start else None

    def change(self, plan: Plan, period: IntervalPeriod, now: datetime) -> None:
        """Another plan stands from now on: this one is due until now, in the slots that have begun."""
        if now <= period.start:
            return
        since = period.start if self.since_at is None else self.since_at
        first = max(0, (since - period.start) // period.duration)
        last = min(len(plan) - 1, (now - period.start) // period.duration)
        for slot in range(first, last + 1):
            self.ended_ws[slot] = self.ended_ws.get(slot, 0) + slot_ws(plan, period, slot, self.since_at, now)
        self.since_at = now

    def slot_wh(self, plan: Plan | None, period: IntervalPeriod, slot: int, until: datetime | None = None) -> int:
        """Due in a slot (up to an instant), Wh; `plan`: what stands now, W."""
        return self._slot_ws(plan or (), period, slot, until) // 3600

    def wh(self, plan: Plan, period: IntervalPeriod, slots: Iterable[int]) -> int:
        """Due in whole slots together, Wh: rounded once."""
        return sum(self._slot_ws(plan, period, slot, None) for slot in slots) // 3600

    def _slot_ws(self, plan: Plan, period: IntervalPeriod, slot: int, until: datetime | None) -> int:
        now_ws = slot_ws(plan, period, slot, self.since_at, until) if slot < len(plan) else 0
        return self.ended_ws.get(slot, 0) + now_ws


def slot_ws(plan: Plan, period: IntervalPeriod, slot: int, since: datetime | None, until: datetime | None) -> int:
    """W x seconds of a plan in a slot, as far as it stood there; None: from its beginning, or to its end. Instants count in
    whole seconds since the first slot, so that what follows on each other leaves no gap."""
    length = int(period.duration.total_seconds())
    first, last = slot * length, (slot + 1) * length
    from_s = first if since is None else max(first, _second(period, since))
    until_s = last if until is None else min(last, _second(period, until))
    return plan[slot] * max(0, until_s - from_s)


def stood_wh(
    pieces: Iterable[StoodPlan], plan: Plan, period: IntervalPeriod, slot: int, end: datetime | None = None
) -> int:
    """Due in a slot (up to an instant) by plans that stood one after the other in it, and `plan` from then on, Wh."""
    total_ws, since = 0, None
    for until, before in pieces:
        total_ws += slot_ws(before, period, slot, since, until if end is None else min(until, end))
        since = until
    return (total_ws + slot_ws(plan, period, slot, since, end)) // 3600


def _second(period: IntervalPeriod, at: datetime) -> int:
    return int((at - period.start).total_seconds() // 1)
