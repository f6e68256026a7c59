"""What a home's connection point leaves of an event: its limits less the base load and what the devices do anyway."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from agents.devices.contract import Ask, Device, Flexibility
from agents.devices.course import ranges_of
from agents.settings.connection import ConnectionPoint
from protocol.messages import IntervalPeriod
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction

Asks: TypeAlias = Callable[[Device, Plan], Ask]
"""How a device is asked for a plan."""


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


def room_left_w(
    point: ConnectionPoint, devices: Sequence[Device], ask: Asks, parts: Mapping[str, Flexibility], asked_w: Plan
) -> Plan:  # fmt: skip
    """The same by the devices' own schedules, as they stand in their answers."""
    asks = [ask(device, asked_w) for device in devices]
    ranges = ranges_w(devices, asks, [parts[device.resource_id].schedule_w for device in devices])
    return room_w(point, asks[0].direction, asks[0].period, ranges)


def ranges_w(
    devices: Sequence[Device], asks: Sequence[Ask], schedules_w: Sequence[SignedPlan]
) -> list[tuple[tuple[int, int], ...]]:
    """Per slot the least and the most of each device without the event, signed W; each as it is asked."""
    return list(zip(*map(ranges_of, devices, asks, schedules_w), strict=True))


def peaks_w(devices: Sequence[Device], ask: Asks, parts: Mapping[str, Flexibility]) -> Plan:
    """The most that the parts come to together at any instant of each slot, W."""
    peaks = [0] * len(next(iter(parts.values())).power_w)
    for device in devices:
        part, highest = parts[device.resource_id], [0] * len(peaks)
        one = ask(device, part.power_w)
        for segment in device.lay_out(one, part.schedule_w, part.power_w):
            slot = (segment.start - one.period.start) // one.period.duration
            highest[slot] = max(highest[slot], abs(segment.power_w))
        peaks = [peak + more for peak, more in zip(peaks, highest, strict=True)]
    return tuple(peaks)
