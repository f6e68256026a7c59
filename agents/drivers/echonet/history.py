"""What a low-voltage smart meter keeps: its registers at each half hour of a day (0xE2, 0xE4), by its own clock. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from agents.drivers.echonet import codes

HALF_HOURS, HALF_AN_HOUR = 48, timedelta(minutes=30)
MOST_OFF = timedelta(minutes=2)
"""A meter whose clock is further off says nothing of when a half hour was."""


class KeptCount(NamedTuple):
    """What both registers counted at an instant."""

    at: datetime
    imported: int
    exported: int


def clock_of(values: Mapping[int, bytes], zone: ZoneInfo) -> datetime | None:
    """The meter's own clock (0x98, 0x97), to the minute; None where it tells none."""
    day, minute = values.get(codes.DATE, b""), values.get(codes.TIME, b"")
    if len(day) != 4 or len(minute) != 2:
        return None
    try:
        return datetime(int.from_bytes(day[:2], "big"), day[2], day[3], minute[0], minute[1], tzinfo=zone)
    except ValueError:
        return None


def is_off(clock: datetime, now: datetime) -> bool:
    """Whether it is so far off that its half hours are others than ours; it tells no seconds."""
    return not -MOST_OFF <= clock - now <= MOST_OFF


def days_since(since: datetime, now: datetime, zone: ZoneInfo) -> range:
    """Of which days something is wanted, as the meter numbers them: 0 is today; the oldest first."""
    back = (now.astimezone(zone).date() - since.astimezone(zone).date()).days
    return range(back, -1, -1)


def counts_of(values: Mapping[int, bytes], code: int, day: int) -> list[int | None] | None:
    """The 48 values of a day; None where the answer is of another day, or is none."""
    told = values.get(code, b"")
    if len(told) != 2 + 4 * HALF_HOURS or int.from_bytes(told[:2], "big") != day:
        return None
    found = (int.from_bytes(told[place : place + 4], "big") for place in range(2, len(told), 4))
    return [count if count <= codes.MOST_METER else None for count in found]


def kept_of(
    day: date, zone: ZoneInfo, imported: Sequence[int | None], exported: Sequence[int | None] | None
) -> list[KeptCount]:
    """A day's values by their instants; a half hour of which one register is not told is left out."""
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    both = zip(imported, [0] * HALF_HOURS if exported is None else exported, strict=True)
    return [
        KeptCount(midnight + place * HALF_AN_HOUR, taken, given)
        for place, (taken, given) in enumerate(both)
        if taken is not None and given is not None
    ]


def up_to(kept: Sequence[KeptCount], imported: int, exported: int) -> list[KeptCount]:
    """Those that lead to what is counted now: both registers only grow, and what lies before one that was exchanged, or has
    begun anew, is of another one."""
    found: list[KeptCount] = []
    for one in sorted(kept, reverse=True):
        if one.imported > imported or one.exported > exported:
            break
        found.append(one)
        imported, exported = one.imported, one.exported
    return found[::-1]
