"""A demand forecast of the utility (E1): short of power asks to decrease load, a surplus to increase it.

A CSV with the columns `start` (an instant with its offset), `demand_w` and `supply_w`, one row a slot, in order and
without gaps. Each run of slots with the same sign becomes one event.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from agents.runtime.files.recorded import LONGEST, SHORTEST
from agents.runtime.files.table import TableRow, read_rows
from agents.settings.checked import ConfigError
from agents.settings.forecast import ForecastSettings
from agents.settings.parties import EventSettings
from protocol.units import MAX_POWER_W, MAX_SLOTS, Direction

COLUMNS = ("start", "demand_w", "supply_w")
MOST_W = 100 * MAX_POWER_W
"""Of either side; what an event asks for is their difference."""


@dataclass(frozen=True, slots=True)
class ForecastSlot:
    """What is expected of one slot."""

    start: datetime
    missing_w: int
    """Demand less supply: > 0 short of power, < 0 flooded with it."""


def read_forecast(path: Path) -> list[ForecastSlot]:
    """The slots of a file, at least two. Raises ConfigError with file, line and column."""
    rows = list(read_rows(path, COLUMNS))
    slots = [_slot(row) for row in rows]
    if len(slots) < 2:
        raise ConfigError(f"{path}: a forecast needs two slots or more")
    length = slots[1].start - slots[0].start
    for row, (before, slot) in zip(rows[1:], pairwise(slots), strict=True):
        if slot.start - before.start != length or slot.start <= before.start:
            raise row.wrong("start", "the slots have to follow each other without gaps")
        if length % timedelta(seconds=1) or not SHORTEST <= length <= LONGEST:
            text = f"slots of {length.total_seconds():g} s: whole seconds, a minute to a day, are possible"
            raise row.wrong("start", text)
    return slots


def _slot(row: TableRow) -> ForecastSlot:
    start = row.instant("start")
    demand_w, supply_w = (row.whole(column, MOST_W) for column in COLUMNS[1:])
    if abs(demand_w - supply_w) > MAX_POWER_W:
        raise row.wrong("demand_w", f"lies more than {MAX_POWER_W} W off supply_w")
    return ForecastSlot(start, demand_w - supply_w)


def events_of(slots: Sequence[ForecastSlot], settings: ForecastSettings) -> tuple[EventSettings, ...]:
    """The events that the forecast asks for, in order of time."""
    duration = slots[1].start - slots[0].start
    return tuple(
        EventSettings(
            event_id=f"forecast-{run[0].start:%Y%m%d-%H%M}",
            program_id=settings.program_id,
            issue_at=run[0].start - timedelta(seconds=settings.issue_before_s),
            direction=Direction.DECREASE_LOAD if run[0].missing_w > 0 else Direction.INCREASE_LOAD,
            start=run[0].start,
            slot_s=int(duration.total_seconds()),
            power_w=tuple(abs(slot.missing_w) for slot in run),
        )
        for run in _runs(slots, settings.dead_band_w)
    )


def _runs(slots: Sequence[ForecastSlot], dead_band_w: int) -> Iterator[list[ForecastSlot]]:
    """Slots in a row that ask the same way, at most as many as a plan may have."""

    def way(slot: ForecastSlot) -> int:
        return 0 if abs(slot.missing_w) <= dead_band_w else 1 if slot.missing_w > 0 else -1

    for sign, run in groupby(slots, way):
        found = list(run)
        if sign:
            yield from (found[first : first + MAX_SLOTS] for first in range(0, len(found), MAX_SLOTS))
