"""Times of tables: with an offset they are instants; without one they are read on the wall clocks of a named zone."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from agents.runtime.files.table import TableRow
from agents.settings.checked import ConfigError
from agents.settings.mistakes import impossible


def zone_named(name: str, where: str = "--zone") -> ZoneInfo:
    """A zone of the time-zone database; `where` is what named it. Raises ConfigError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(name, available_timezones(), n=1)
        hint = f"did you mean {near[0]}?" if near else "as in Europe/Oslo"
        raise ConfigError(f"{where}: there is no time zone {name!r:.80} ({hint})") from None


class WallClock:
    """Reads the times of the tables of one run. Without a zone, times without an offset stand for UTC; then none may
    have an offset, because nobody knows how far both are apart."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self.zone = zone or UTC
        self._named = zone is not None
        self._first: dict[bool, TableRow] = {}
        """The first row with an offset (True) and without one."""

    def readings(self, row: TableRow, column: str) -> tuple[datetime, ...]:
        """The instant of a cell, in the zone; two in the hour that an autumn night has twice. Raises ConfigError."""
        text = row.text(column)
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise row.wrong(column, error) from None
        if _is_day(text):
            raise row.wrong(column, f"{text} is a day without a time, as in 2026-01-14T17:00")
        if (wrong := impossible(at)) is not None:
            raise row.wrong(column, wrong)
        offset = at.utcoffset() is not None
        found = (at.astimezone(self.zone),) if offset else self._local(at)
        self._first.setdefault(offset, row)
        if len(self._first) == 2 and not self._named:
            other = self._first[not offset]
            where = f"line {other.line}" if other.path == row.path else f"{other.path}, line {other.line},"
            has = "has an offset from UTC, and" if offset else "has no offset from UTC, but"
            rest = "has none" if offset else "has one"
            raise row.wrong(column, f"{has} {where} {rest}: name the zone of the times without one with --zone")
        if not found:
            raise row.wrong(column, f"{text} is left out on that day in {self.zone}, where clocks are put forward")
        return found

    def twice(self, row: TableRow, column: str, readings: tuple[datetime, ...]) -> ConfigError:
        """The error that says that a time can be one of two instants."""
        text = row.text(column)
        return row.wrong(
            column, f"{text} is twice on that day in {self.zone}: write its offset, as in {readings[0].isoformat()}"
        )

    def _local(self, at: datetime) -> tuple[datetime, ...]:
        """All instants that show this time on the wall: none, one or two."""
        folds = (at.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        shown = [one for one in folds if one.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) == at]
        apart = len(shown) == 2 and shown[0].utcoffset() != shown[1].utcoffset()
        return tuple(shown if apart else shown[:1])


def _is_day(text: str) -> bool:
    """Whether it is a date alone, which Python reads as its midnight."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def later(at: datetime, by: timedelta) -> datetime:
    """UTC of the instant at which the wall clocks of its zone show so much more."""
    return (at + by).replace(fold=at.fold).astimezone(UTC)  # Python's sum forgets which of two it was


def span(start: datetime, end: datetime) -> timedelta:
    """What lies between two instants: Python subtracts two of one zone by what the wall clocks show."""
    return end.astimezone(UTC) - start.astimezone(UTC)
