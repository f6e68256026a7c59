"""What was recorded elsewhere: tables of charging sessions, and of requests slot by slot.

Columns that are read: `user_id, plug_in, plug_out, max_kw, capacity_kwh, soc_arr` of the sessions and
`event_id, start, required_mw` of the requests.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path

from agents.runtime.files.table import TableRow, read_rows
from agents.runtime.files.wall_clock import WallClock, span
from agents.settings.contradictions import LEAST_LASTS_S
from agents.settings.mistakes import LONGEST_S
from protocol.units import MAX_POWER_W, MAX_SLOTS, SLOT

SESSION_COLUMNS = ("user_id", "plug_in", "plug_out", "max_kw", "capacity_kwh", "soc_arr")
REQUEST_COLUMNS = ("event_id", "start", "required_mw")
MOST_KW, MOST_KWH = 1_000, 10_000
"""Of a vehicle: more is in another unit."""
LEAST_KW, LEAST_KWH = 0.001, 0.001
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
"""Of a slot."""


@dataclass(frozen=True, slots=True)
class Session:
    """Both instants are aware, in the zone whose days the table means."""

    plug_in: datetime
    plug_out: datetime
    max_kw: float
    capacity_kwh: float
    soc_arr: float


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One event of the requests: shape is the share of its greatest slot."""

    number: str
    start: datetime
    shape: tuple[float, ...]
    slot: timedelta = SLOT
    zone: tzinfo = UTC
    """Where its days begin."""

    @property
    def end(self) -> datetime:
        return self.start + self.slot * len(self.shape)


def read_sessions(path: Path, clock: WallClock | None = None) -> dict[str, list[Session]]:
    """The sessions per user, both in the table's order. Raises ConfigError."""
    clock = clock or WallClock()
    users: dict[str, list[Session]] = {}
    seen: dict[tuple[str, datetime, datetime], int] = {}
    for row in read_rows(path, SESSION_COLUMNS):
        user, (plug_in, plug_out) = row.text("user_id"), _stay(row, clock)
        line = seen.setdefault((user, plug_in.astimezone(UTC), plug_out.astimezone(UTC)), row.line)
        if line != row.line:
            raise row.wrong("plug_in", f"this session of {user} stands in line {line} already")
        session = Session(
            plug_in,
            plug_out,
            row.number("max_kw", LEAST_KW, MOST_KW, ": is it in W?"),
            row.number("capacity_kwh", LEAST_KWH, MOST_KWH, ": is it in Wh?"),
            row.number("soc_arr", 0, 1, ": it is a share, not percent"),
        )
        if session.capacity_kwh * 3600 < session.max_kw * LEAST_LASTS_S:
            lasts = f"lasts for {session.capacity_kwh * 3600 / session.max_kw:.0f} s at {session.max_kw:g} kW"
            raise row.wrong("capacity_kwh", f"{session.capacity_kwh:g} {lasts}: is it in MWh?")
        users.setdefault(user, []).append(session)
    return users


def _stay(row: TableRow, clock: WallClock) -> tuple[datetime, datetime]:
    """Plug-in and plug-out. In an hour that comes twice it is the one that the other end leaves."""
    ins, outs = clock.readings(row, "plug_in"), clock.readings(row, "plug_out")
    stays = [(begin, end) for begin in ins for end in outs if span(begin, end) > timedelta(0)]
    if not stays:
        raise row.wrong("plug_out", f"{row.cells['plug_out']} is not after plug_in, {row.cells['plug_in']}")
    if span(*stays[-1]) > timedelta(seconds=LONGEST_S):
        raise row.wrong("plug_out", f"lies {span(*stays[-1]).days} days after plug_in: is it the right year?")
    if len(stays) > 1:
        column, readings = ("plug_in", ins) if len(ins) > 1 else ("plug_out", outs)
        raise clock.twice(row, column, readings)
    return stays[0]


@dataclass(frozen=True, slots=True)
class _Slot:
    """One row of the requests."""

    row: TableRow
    start: datetime
    required_mw: float


def read_wanted(path: Path, clock: WallClock | None = None) -> dict[str, RecordedRequest]:
    """The events by their id. A table has one length of slots; a slot without a row asks for nothing. Raises
    ConfigError."""
    clock = clock or WallClock()
    events = {number: _in_order(number, rows, clock) for number, rows in _by_event(path).items()}
    gaps = [after.start - slot.start for slots in events.values() for slot, after in pairwise(slots)]
    length = min(gaps, default=SLOT)
    found = {}
    for number, slots in events.items():
        _check(number, slots, length)
        most = max(slot.required_mw for slot in slots)
        if most > 0:
            start = slots[0].start
            given = {(slot.start - start) // length: slot.required_mw for slot in slots}
            shape = tuple(given.get(index, 0.0) / most for index in range(max(given) + 1))
            found[number] = RecordedRequest(number, start, shape, length, clock.zone)
    return found


def _by_event(path: Path) -> dict[str, list[TableRow]]:
    events: dict[str, list[TableRow]] = {}
    for row in read_rows(path, REQUEST_COLUMNS):
        events.setdefault(row.text("event_id"), []).append(row)
    return events


def _in_order(number: str, rows: list[TableRow], clock: WallClock) -> list[_Slot]:
    """The slots of an event by their instants. Of two rows of an hour that comes twice, the first is the earlier."""
    slots: dict[datetime, _Slot] = {}
    read = [(row, clock.readings(row, "start")) for row in rows]
    times = Counter(readings for _, readings in read)
    seen: defaultdict[tuple[datetime, ...], int] = defaultdict(int)
    for row, readings in read:
        if len(readings) == 2 and times[readings] < 2:
            raise clock.twice(row, "start", readings)
        start = readings[min(seen[readings], len(readings) - 1)].astimezone(UTC)
        seen[readings] += 1
        slot = _Slot(row, start, _required_mw(row))
        before = slots.setdefault(start, slot)
        if before is not slot:
            text = f"event {number} has this slot already, in line {before.row.line}"
            hint = "; in an autumn night that has it twice? Then name the zone with --zone"
            raise row.wrong("start", text + (hint if clock.zone is UTC and start.hour < 4 else ""))
    return [slots[start] for start in sorted(slots)]


def _required_mw(row: TableRow) -> float:
    """An empty cell asks for nothing."""
    if not row.cells["required_mw"].strip():
        return 0.0
    return row.number("required_mw", 0, MAX_POWER_W / 1_000_000)


def _check(number: str, slots: list[_Slot], length: timedelta) -> None:
    """The rows of an event lie in the slots of the table."""
    first, gaps = slots[0], [after.start - slot.start for slot, after in pairwise(slots)]
    if length % timedelta(seconds=1) or not SHORTEST <= length <= LONGEST:
        text = f"slots of {length.total_seconds():g} s: whole seconds, a minute to a day, are possible"
        raise first.row.wrong("start", text)
    minutes = f"{length.total_seconds() / 60:g} minutes"
    if gaps and min(gaps) > length:
        raise slots[1].row.wrong("start", f"no two rows of event {number} are {minutes} apart, as others of this table")
    for gap, slot in zip(gaps, slots[1:], strict=True):
        if gap % length:
            raise slot.row.wrong("start", f"does not lie in the slots of event {number}, which are of {minutes}")
        if (slot.start - first.start) // length >= MAX_SLOTS:
            raise slot.row.wrong("start", f"event {number} would have more than {MAX_SLOTS} slots of {minutes}")
