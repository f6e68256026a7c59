"""A home's own metered history as its forecast: the mean of the same half hour of the days before.

A CSV with the columns `start` (an instant with its offset, on a half hour) and `energy_wh` (of that half hour), in any
order, gaps allowed. It is read at a start and given to the home as settings; the days count in UTC.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from agents.runtime.files.table import TableRow, read_rows
from agents.settings.checked import ConfigError
from protocol.units import MAX_POWER_W, SLOT

COLUMNS = ("start", "energy_wh")
KEY = "history_file"
DAYS = 14
"""So many of the newest days count: older ones are of another season."""
A_DAY = int(timedelta(days=1) / SLOT)
LEAST_WH = 10
"""Some half hour of a home has so much."""
STEPS_BELOW = 20
"""A register shows at least so many times what a half hour adds to it."""
AHEAD = 7
"""Days for which a base load is said: as many as a connection point takes."""


def usual_day(path: Path) -> tuple[datetime, tuple[int, ...]]:
    """The midnight before the newest row, and the mean power of each half hour of a day, W. Raises ConfigError."""
    metered = _metered(path)
    newest_at = max(metered)
    found = []
    midnight = newest_at.replace(hour=0, minute=0)
    for half_hour in range(A_DAY):
        of_day = half_hour * SLOT
        values = [
            energy_wh
            for at, energy_wh in metered.items()
            if (at - midnight) % timedelta(days=1) == of_day and newest_at - at < timedelta(days=DAYS)
        ]
        if not values:
            text = f"has no row of {(midnight + of_day):%H:%M} UTC among its newest {DAYS} days"
            raise ConfigError(f"{path}: {text}: a history needs one of every half hour of a day")
        found.append(round(2 * sum(values) / len(values)))
    return midnight, tuple(found)


def _metered(path: Path) -> dict[datetime, int]:
    """The energy of each half hour, Wh. Raises ConfigError."""
    found: dict[datetime, int] = {}
    some_parts = False
    for row in read_rows(path, COLUMNS):
        at = _instant(row)
        if at in found:
            raise row.wrong("start", f"{at:%Y-%m-%dT%H:%MZ} stands twice")
        energy_wh = row.number("energy_wh", 0, MAX_POWER_W / 2)
        found[at], some_parts = int(energy_wh + 0.5), some_parts or energy_wh % 1 > 0
    if not found:
        raise ConfigError(f"{path}: has no rows: a history needs one of every half hour of a day")
    if some_parts and max(found.values()) < LEAST_WH:
        raise ConfigError(f"{path}: energy_wh: parts of a Wh, and below {LEAST_WH} Wh throughout: is it in kWh?")
    if _counts_on([found[at] for at in sorted(found)]):
        raise ConfigError(f"{path}: energy_wh: never falls: is it a register? The energy of each half hour is needed")
    return found


def _counts_on(values_wh: list[int]) -> bool:
    """Whether they look like a meter's register: for more than a day never less than before, and by small steps."""
    steps = [later - earlier for earlier, later in pairwise(values_wh)]
    return len(steps) >= A_DAY and min(steps) >= 0 < max(steps) and values_wh[0] > STEPS_BELOW * max(steps)


def _instant(row: TableRow) -> datetime:
    at = row.instant("start")
    if (at - at.replace(hour=0, minute=0, second=0, microsecond=0)) % SLOT:
        raise row.wrong("start", f"{at:%H:%M:%S} is no half hour")
    return at


def homes_with_history(homes: Any, folder: Path, where: str) -> Any:
    """Homes' tables with `history_file` of plants and connection points replaced by what is usual. Paths are relative
    to `folder`; `where` names the tables. Raises ConfigError."""
    if not isinstance(homes, list):
        return homes
    return [home_with_history(home, folder, f"{where}[{index}]") for index, home in enumerate(homes)]


def home_with_history(home: Any, folder: Path, where: str) -> Any:
    """The same of one home."""
    if not isinstance(home, dict):
        return home
    found = dict(home)
    if isinstance(found.get("devices"), list):
        found["devices"] = [
            _plant(device, folder, f"{where}.devices[{index}]") for index, device in enumerate(found["devices"])
        ]
    point = found.get("connection")
    if isinstance(point, dict) and KEY in point:
        midnight, power_w = _read(point, folder, f"{where}.connection", ("base_load_w", "base_load_at"))
        usual = {"base_load_w": power_w * AHEAD, "base_load_at": midnight}
        found["connection"] = {key: value for key, value in point.items() if key != KEY} | usual
    return found


def _plant(device: Any, folder: Path, where: str) -> Any:
    if not isinstance(device, dict) or device.get("kind") != "solar" or KEY not in device:
        return device
    keys = ("forecast_w", "forecast_at", "forecast_repeats")
    midnight, power_w = _read(device, folder, where, keys)
    usual = {"forecast_w": power_w, "forecast_at": midnight, "forecast_repeats": True}
    return {key: value for key, value in device.items() if key != KEY} | usual


def _read(table: dict[str, Any], folder: Path, where: str, instead: Iterable[str]) -> tuple[datetime, tuple[int, ...]]:
    """Raises ConfigError also where the table says itself what the file is for."""
    for key in instead:
        if key in table:
            raise ConfigError(f"{where}.{KEY}: {key} stands there, too: keep one of them")
    if not isinstance(table[KEY], str):
        raise ConfigError(f"{where}.{KEY}: the name of a file is needed")
    return usual_day(folder / table[KEY])
