"""Events of every day become events: each at its time on the clocks of a zone."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from agents.drivers.calendar import DAY, instant_of
from agents.runtime.files.wall_clock import zone_named
from agents.settings.plan import WEEKDAYS
from agents.settings.scenario import DailyEvent


def daily(templates: Sequence[DailyEvent], start_at: datetime, ends_at: datetime, where: str) -> list[dict[str, Any]]:
    """The tables of the events that are issued and over between two instants, in their order. Raises ConfigError."""
    found = [
        event
        for index, one in enumerate(templates)
        for event in _each(one, start_at, ends_at, f"{where}: daily_events[{index}].zone")
    ]
    return sorted(found, key=lambda event: (event["issue_at"], event["event_id"]))


def _each(one: DailyEvent, start_at: datetime, ends_at: datetime, where: str) -> Iterator[dict[str, Any]]:
    zone, lasts = zone_named(one.zone, where), timedelta(seconds=one.slot_s) * len(one.power_w)
    day, last = start_at.astimezone(zone).date(), ends_at.astimezone(zone).date()
    while day <= last:
        start = instant_of(day, one.at, zone)
        issue_at = start - timedelta(seconds=one.issue_before_s)
        if WEEKDAYS[day.weekday()] in one.days and start_at <= issue_at and start + lasts <= ends_at:
            yield {
                "event_id": f"{one.name}-{day}",
                "program_id": one.program_id,
                "issue_at": issue_at,
                "direction": one.direction,
                "start": start,
                "slot_s": one.slot_s,
                "power_w": one.power_w,
            }
        day += DAY
