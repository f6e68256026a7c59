"""What homes take back behind an event of what they gave: metered over a stated time, told upward, never part of what was
delivered."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from protocol.messages import Report
from protocol.units import MAX_ENERGY_WH, energy_wh

KEY = "taken_back"
"""Of the extensions of a report without readings: Wh, within so many seconds behind the last slot, of so many homes."""
LONGEST_S, MOST_HOMES = 14_400, 10**6

_TOLD: TypeAdapter[tuple[int, int, int]] = TypeAdapter(tuple[int, int, int])


class Rebound(NamedTuple):
    """Of one child, or of all."""

    taken_back_wh: int
    """Against the event's direction, beside what each home would have taken without the event."""
    within_s: int
    """Of who tells of several times: the longest."""
    homes: int = 1

    def extension(self) -> dict[str, Any]:
        """As it travels."""
        return {KEY: list(self)}


def summed(parts: Iterable[Rebound]) -> Rebound:
    """All of them together."""
    found = list(parts)
    return Rebound(
        sum(one.taken_back_wh for one in found),
        max((one.within_s for one in found), default=0),
        sum(one.homes for one in found),
    )


def told(message: Report, swing_w: int | None) -> Rebound | None:
    """What a report says of it; None where it says nothing, or what cannot be by a contract of so many W."""
    given: Mapping[str, Any] = message.extensions
    if KEY not in given or message.readings:
        return None
    try:
        found = Rebound(*_TOLD.validate_python(tuple(given[KEY]), strict=True))
    except (ValidationError, TypeError):
        return None
    most_wh = MAX_ENERGY_WH if swing_w is None else energy_wh(swing_w, timedelta(seconds=max(0, found.within_s))) + 1
    plausible = 0 < found.within_s <= LONGEST_S and 0 < found.homes <= MOST_HOMES
    return found if plausible and abs(found.taken_back_wh) <= most_wh else None
