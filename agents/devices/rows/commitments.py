"""What other events hold of one vehicle, and the surplus that it follows, over plain rows."""

from collections.abc import Sequence
from typing import NamedTuple

from agents.devices.contract import Segment
from agents.devices.flexibility import Row
from agents.devices.rows.cars import micros
from agents.devices.rows.sunshine import Sunshine


class Pieces(NamedTuple):
    """Work space: the time from the event's end to the departure, cut where what is reserved changes."""

    hours: Row
    moved_wh: Row
    reserved: Row
    """Whether another event holds it there: its change of energy is fixed."""


UNKNOWN_W = -(2**62)
"""In place of a schedule that nobody knows."""


class Commitments(NamedTuple):
    """Changes of load that other events hold, signed W: a row each, one entry a change."""

    start_us: Row
    end_us: Row
    power_w: Row
    own_w: Row
    """The schedule that each stands on, signed W, or UNKNOWN_W. Of several at once the first one's counts."""
    size: int
    pieces: Pieces
    sunshine: Sunshine | None
    """Of a vehicle that follows PV: its home's surplus."""


def commitments_of(segments: Sequence[Segment], sunshine: Sunshine | None = None) -> Commitments | None:
    """What is reserved of one vehicle, and what it follows; None where nothing is: numba then leaves out all that is for
    it."""
    if not segments and sunshine is None:
        return None
    start_us, end_us = [micros(s.start) for s in segments], [micros(s.end) for s in segments]
    most = 2 * len(segments) + 1
    pieces = Pieces([0.0] * most, [0.0] * most, [False] * most)
    power_w, own_w = [s.power_w for s in segments], [UNKNOWN_W if s.own_w is None else s.own_w for s in segments]
    return Commitments(start_us, end_us, power_w, own_w, len(segments), pieces, sunshine)


def reserved_w(reserved: Commitments, at_us: int) -> int:
    """What is reserved at an instant, signed W."""
    return sum(reserved.power_w[i] for i in range(reserved.size) if reserved.start_us[i] <= at_us < reserved.end_us[i])


def course_w(reserved: Commitments, at_us: int) -> int:
    """The set-point that stands at an instant, signed W, or UNKNOWN_W."""
    for i in range(reserved.size):
        if reserved.start_us[i] <= at_us < reserved.end_us[i] and reserved.own_w[i] != UNKNOWN_W:
            own_w: int = reserved.own_w[i]
            return own_w + reserved_w(reserved, at_us)
    return UNKNOWN_W


def next_edge(reserved: Commitments, at_us: int, end_us: int) -> int:
    """The next instant at which what is reserved changes; `end_us` if none does before."""
    for i in range(reserved.size):
        if at_us < reserved.start_us[i] < end_us:
            end_us = reserved.start_us[i]
        if at_us < reserved.end_us[i] < end_us:
            end_us = reserved.end_us[i]
    return end_us


def begun(reserved: Commitments, at_us: int) -> bool:
    """Whether anything was reserved before an instant."""
    return any(reserved.start_us[i] < at_us for i in range(reserved.size))


def opposed(reserved: Commitments, start_us: int, end_us: int, down: bool) -> bool:
    """Whether the opposite direction is reserved between two instants: nothing is offered there."""
    return any(
        (reserved.power_w[i] > 0 if down else reserved.power_w[i] < 0)
        and reserved.start_us[i] < end_us
        and reserved.end_us[i] > start_us
        for i in range(reserved.size)
    )


def any_within(reserved: Commitments, start_us: int, end_us: int) -> bool:
    """Whether what is reserved comes to a watt over the time between two instants (its energy there, spread)."""
    watt_seconds = 0.0
    for i in range(reserved.size):
        overlap_us = min(reserved.end_us[i], end_us) - max(reserved.start_us[i], start_us)
        watt_seconds += reserved.power_w[i] * max(0.0, overlap_us / 1e6)
    return abs(watt_seconds / ((end_us - start_us) / 1e6)) > 0.5


def owed_after(reserved: Commitments, at_us: int) -> bool:
    """Whether less load is reserved after an instant: energy has to be left for it."""
    return any(reserved.power_w[i] < 0 and reserved.end_us[i] > at_us for i in range(reserved.size))
