"""Figures and instants as people read them: one way everywhere, in the viewer's zone."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocol.kilowatts import kilo, kilowatt_hours, kilowatts
from protocol.plan import Plan

NOTHING = "–"
"""What is not known, or is not there."""


def zone_of(name: str | None) -> tzinfo:
    """The zone of that name; UTC where there is none."""
    try:
        return ZoneInfo(name) if name and name != "UTC" else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


class Clockface:
    """Instants on the clocks of a zone."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.name = "UTC" if zone is UTC else str(zone)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def time(self, at: datetime | None) -> str:
        """`18:30`; in an hour that comes twice with its offset."""
        if at is None:
            return NOTHING
        local = at.astimezone(self.zone)
        return f"{local:%H:%M}{self._twice(local)}"

    def exact(self, at: datetime | None) -> str:
        """`18:30:05`."""
        if at is None:
            return NOTHING
        local = at.astimezone(self.zone)
        return f"{local:%H:%M:%S}{self._twice(local)}"

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def full(self, at: datetime | None) -> str:
        """`2026-01-14 18:30`."""
        return NOTHING if at is None else f"{self.day(at):%Y-%m-%d} {self.time(at)}"

    def stamp(self, text: str) -> str:
        """An instant of a log, to the second."""
        at = datetime.fromisoformat(text)
        return f"{self.day(at):%Y-%m-%d} {self.exact(at)}"

    def span(self, begin: datetime, end: datetime) -> str:
        """`18:00–18:30`, the label of a slot."""
        return f"{self.time(begin)}–{self.time(end)}"

    def slot(self, start: datetime, slot_s: int, index: int) -> str:
        """The label of a slot of an event."""
        length = timedelta(seconds=slot_s)
        return self.span(start + length * index, start + length * (index + 1))

    def _twice(self, local: datetime) -> str:
        """The offset, where clocks show this hour twice."""
        other = local.replace(fold=1 - local.fold)
        return f"{local:%z}"[:3] if other.utcoffset() != local.utcoffset() and _exists(local) else ""


def _exists(local: datetime) -> bool:
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


class CountdownWords(NamedTuple):
    """What follows hours, minutes and seconds of a countdown, and what is said when it is over. The page's script has them
    from the page."""

    h: str = " h "
    min: str = " min "
    s: str = " s"
    due: str = "now"


def left(until: datetime | None, now: datetime, words: CountdownWords = CountdownWords()) -> str:  # noqa: B008
    """`4 min 05 s` or `1 h 04 min` until an instant; with units, so that it is taken for no time of the day."""
    if until is None:
        return ""
    seconds = round((until - now).total_seconds())
    if seconds <= 0:
        return words.due
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours}{words.h}{minutes:02}{words.min}".rstrip()
    return f"{minutes}{words.min}{seconds:02}{words.s}" if minutes else f"{seconds}{words.s}"


def kw(power_w: int) -> str:
    """A figure without its unit."""
    return kilo(power_w)


def plan(power_w: Sequence[int] | None) -> str:
    """A value a slot with the unit."""
    return NOTHING if power_w is None else kilowatts(power_w)


def peak(power_w: Plan | None) -> str:
    """`24 kW`: the greatest value of a plan, for where there is little room."""
    return NOTHING if power_w is None else kilowatts(max(power_w, default=0))


def kwh(energy_wh: int | None) -> str:
    return NOTHING if energy_wh is None else kilowatt_hours(energy_wh)


def words(value: Any) -> str:
    """A name of ours without its underscores."""
    return str(value).replace("_", " ")


def pct(part: int | None, whole: int) -> str:
    """`94 %`, rounded down; of nothing there is none."""
    return NOTHING if part is None or not whole else f"{part * 100 // whole} %"


LIMITS = {
    "departure_soc": "charge at departure", "reserve_soc": "reserve", "power_limit": "greatest power",
    "relay_ops": "relay operations", "plug_window": "time plugged in", "min_power": "least power",
    "capacity": "full battery", "generation": "no more sun", "comfort": "comfort", "committed": "other events",
}  # fmt: skip


def limit(name: Any) -> str:
    """A restriction in words; one that came later by its name."""
    return LIMITS.get(str(name), words(name))
