"""Files that a configuration or a scenario refers to: the book of members, the utility's demand forecast."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from agents.runtime.files.forecast import events_of, read_forecast
from agents.runtime.files.members import load_members
from agents.settings.checked import ConfigError, checked
from agents.settings.forecast import ForecastSettings


def included(table: Mapping[str, Any], folder: Path, where: str, by: timedelta = timedelta()) -> dict[str, Any]:
    """A role's table with `members_file` and `forecast` replaced by what stands in their files.

    Paths are relative to `folder`; `where` names the table; `by`: how much later the forecast's slots lie. Raises
    ConfigError, MembersError.
    """
    found = dict(table)
    if "members_file" in found:
        if "members" in found:
            raise ConfigError(f"{where}: members_file: the members stand in this file, too; keep one of them")
        found["members"] = load_members(folder / str(found.pop("members_file"))).members
    if "forecast" in found:
        settings = checked(ForecastSettings, found.pop("forecast"), f"{where}: forecast")
        slots = [replace(slot, start=slot.start + by) for slot in read_forecast(folder / settings.file)]
        given = found.get("events", [])
        found["events"] = [*(given if isinstance(given, list) else [given]), *events_of(slots, settings)]
    return found
