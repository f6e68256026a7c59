"""A scenario's tables at another time: everything that is an instant moves by as much."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

DAY = timedelta(days=1)


def first_system(now: datetime, zone: str) -> dict[str, Any]:
    """The tables of the system that `gridpact init` writes, beginning at `now`; `zone` is that of the owners' plans."""
    tables = tomllib.loads(files("agents.tools.setup").joinpath("first.toml").read_text(encoding="utf-8"))
    for home in tables["homes"]:
        for device in home["devices"]:
            if "plan" in device:
                device["plan"]["zone"] = zone
    there: dict[str, Any] = moved(tables, now - tables["scenario"]["start_at"])
    return there


def by_whole_days(start_at: datetime, now: datetime) -> timedelta:
    """How far a scenario moves so that it begins within a day after `now`, at the same time of the day in UTC."""
    return -((start_at - now) // DAY) * DAY


def moved(value: Any, by: timedelta) -> Any:
    """A copy with all instants later by so much. Days of owners' plans, and times on the wall, stay."""
    match value:
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC) + by
        case date():
            return value
        case Mapping():
            return {key: moved(part, by) for key, part in value.items()}
        case list():
            return [moved(part, by) for part in value]
    return value
