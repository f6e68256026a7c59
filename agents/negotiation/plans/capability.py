"""What children could probably give: over the slots of a request, and summed up for the party above. It binds nobody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from protocol.messages import Capability, IntervalPeriod, PowerBand
from protocol.plan import Plan, add, energy_wh, scaled, zero
from protocol.units import Direction

DAY_SLOTS = 48
SLOT = timedelta(minutes=30)
DAWN = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Probable:
    """W per slot of a request, with 90 %, 50 % and 10 % certainty."""

    p10_w: Plan
    p50_w: Plan
    p90_w: Plan

    @property
    def sure_pct(self) -> int:
        """How much of the most is as probable as not; 100 where there is nothing."""
        most = sum(self.p90_w)
        return 100 if not most else sum(self.p50_w) * 100 // most


def day_from(now: datetime) -> IntervalPeriod:
    """The slots of a capability that is told now: the first one is under way."""
    return IntervalPeriod(start=now - (now - DAWN) % SLOT, duration=SLOT)


def probable(
    told: Capability, direction: Direction, period: IntervalPeriod, slots: int, now: datetime
) -> Probable | None:
    """What a child could give in a request's slots, by what it told; None where that says nothing of them."""
    band = told.band(direction)
    plans = [_over(told.interval_period, plan, period, slots) for plan in (band.p10_w, band.p50_w, band.p90_w)]
    if any(power is None for plan in plans for power in plan) or told.told_by < told.counted:
        return None
    if told.calls_left == 0 or now + timedelta(seconds=told.notice_s) > period.start:
        return Probable(zero(slots), zero(slots), zero(slots))
    most_wh = (band.p10_wh, band.p50_wh, band.p90_wh)
    found = (_within(tuple(power or 0 for power in plan), wh, period) for plan, wh in zip(plans, most_wh, strict=True))
    return Probable(*found)


def _over(own: IntervalPeriod, told: Plan, period: IntervalPeriod, slots: int) -> list[int | None]:
    """Per slot of another grid the least of what was told; None outside of it."""
    found: list[int | None] = []
    for slot in range(slots):
        first = (period.slot_start(slot) - own.start) // own.duration
        last = -((own.start - period.slot_start(slot + 1)) // own.duration)
        found.append(min(told[first:last]) if first >= 0 and last <= len(told) else None)
    return found


def _within(power_w: Plan, most_wh: int, period: IntervalPeriod) -> Plan:
    """Less in every slot where the energy does not last."""
    wanted_wh = energy_wh(power_w, period.duration)
    return power_w if wanted_wh <= most_wh else scaled(power_w, most_wh, wanted_wh)


def summed_up(
    name: str,
    told: Mapping[str, Capability],
    others: int,
    own: Sequence[Mapping[Direction, PowerBand]],
    now: datetime,
    every_s: int,
) -> Capability:
    """What a party could probably give: what its children told, and its own power. `others`: children that told nothing;
    nothing is added for them, and the sum says that they are not in it."""
    period, usable = day_from(now), [one for one in told.values() if one.calls_left != 0]
    bands = {direction: _sum(usable, direction, [one[direction] for one in own], period) for direction in Direction}
    calls = [one.calls_left for one in usable if one.calls_left is not None]
    runs = [one.most_run_s for one in usable if one.most_run_s is not None]
    told_by = sum(one.told_by for one in told.values()) + len(own)
    return Capability(
        message_id=f"{name}.capability.{int(now.timestamp())}",
        sent_at=now,
        interval_period=period,
        increase_load=bands[Direction.INCREASE_LOAD],
        decrease_load=bands[Direction.DECREASE_LOAD],
        notice_s=max((one.notice_s for one in usable), default=0),
        least_run_s=max((one.least_run_s for one in usable), default=0),
        most_run_s=min(runs, default=None),
        calls_left=min(calls, default=None),
        told_by=told_by,
        counted=max(1, sum(one.counted for one in told.values()) + len(own) + others),
        valid_until=now + timedelta(seconds=2 * every_s),
    )


def _sum(
    told: Iterable[Capability], direction: Direction, own: Sequence[PowerBand], period: IntervalPeriod
) -> PowerBand:
    """Percentiles are added: exact where all depend on the same, and careful elsewhere."""
    plans, energies = [zero(DAY_SLOTS)] * 3, [0] * 3
    given = [(one.interval_period, one.band(direction)) for one in told] + [(period, band) for band in own]
    for grid, band in given:
        for index, plan in enumerate((band.p10_w, band.p50_w, band.p90_w)):
            over = tuple(power or 0 for power in _over(grid, plan, period, DAY_SLOTS))
            plans[index] = add(plans[index], over)
        energies = [a + b for a, b in zip(energies, (band.p10_wh, band.p50_wh, band.p90_wh), strict=True)]
    return PowerBand(
        p10_w=plans[0], p50_w=plans[1], p90_w=plans[2], p10_wh=energies[0], p50_wh=energies[1], p90_wh=energies[2]
    )
