"""What a home's connection point leaves of an event: its limits less the base load and what the devices do anyway."""

from collections.abc import Sequence

from agents.settings.connection import ConnectionPoint
from protocol.messages import IntervalPeriod
from protocol.plan import Plan
from protocol.units import Direction


def room_w(
    point: ConnectionPoint, direction: Direction, period: IntervalPeriod, ranges: Sequence[Sequence[tuple[int, int]]]
) -> Plan:
    """By how much a home can change its load in each slot, W, so that its limits hold at every instant of it. `ranges`:
    per slot the least and the most power of each device without the event, signed W. A schedule beyond a limit is the
    home's own: nothing is added to it."""
    found = []
    for slot, devices in enumerate(ranges):
        least_w, most_w = point.base_range_w(period.slot_start(slot), period.slot_start(slot + 1))
        if direction is Direction.DECREASE_LOAD:
            room = point.export_limit_w + least_w + sum(low_w for low_w, _ in devices)
        else:
            room = point.import_limit_w - most_w - sum(high_w for _, high_w in devices)
        found.append(max(0, room))
    return tuple(found)
