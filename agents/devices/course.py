"""The course of a device: its power over time, piecewise constant between the instants at which anything changes.

What an event holds is a change of load on the device's own schedule. Where several events hold something at once, the
earliest says what that schedule is: the later ones were computed on top of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from agents.devices.contract import Ask, Device, Ranges, Segment, is_ranged, micros, pieces
from protocol.plan import Plan, SignedPlan

Reach: TypeAlias = Callable[[int], int]
"""By how much a device can change its power, W, from a course of so many signed W."""


def standing(segments: Iterable[Segment], at: datetime) -> list[Segment]:
    """What is reserved at an instant, the earliest event's first."""
    return [s for s in segments if s.start <= at < s.end]


def power_at(segments: Iterable[Segment], at: datetime) -> int | None:
    """The course at an instant, signed W; None where nobody holds anything, or the schedule below it is not known."""
    reserved = standing(segments, at)
    own_w = next((s.own_w for s in reserved if s.own_w is not None), None)
    return None if own_w is None else own_w + sum(s.power_w for s in reserved)


def lower(course: Iterable[Segment], most: Iterable[Segment], start: datetime, end: datetime) -> tuple[Segment, ...]:
    """What a course of one event comes to between two instants where it is nowhere above another one of the event, in the
    pieces of both; nothing where one of them has nothing."""
    one, other = list(course), list(most)
    found = []
    for begins, ends in pieces([*one, *other], start, end) if start < end else ():
        here, there = standing(one, begins), standing(other, begins)
        if here and there:
            least = min(here[0], there[0], key=lambda segment: abs(segment.power_w))
            found.append(replace(least, start=begins, end=ends))
    return tuple(found)


def laid_out(
    ask: Ask, schedule_w: SignedPlan, power_w: Plan, own_w: int | None = None, reach_w: Reach | None = None
) -> tuple[Segment, ...]:
    """The course of a change over each slot. Where other events hold something it stands on their course without them;
    elsewhere on `own_w`, or where that is None on what is left of the slot's mean. It is even, but nowhere above what
    can be reached."""
    found: list[Segment] = []
    for slot, power in enumerate(power_w):
        if power:
            found += _slot(ask, slot, schedule_w[slot], power, own_w, reach_w)
    return tuple(found)


def _slot(
    ask: Ask, slot: int, mean_w: int, power_w: int, own_w: int | None, reach_w: Reach | None
) -> list[Segment]:  # fmt: skip
    start, end, sign = ask.period.slot_start(slot), ask.period.slot_start(slot + 1), ask.direction.sign
    reserved = ask.within(slot)
    if own_w is None:
        own_w = remainder_w(reserved, mean_w, start, end)
    if not reserved:
        return [Segment(start, end, sign * power_w, own_w)]
    cuts, below, most = list(pieces(reserved, start, end)), [], []
    for begins, _ in cuts:
        here = standing(reserved, begins)
        below.append(next((s.own_w for s in here if s.own_w is not None), own_w))
        most.append(power_w if reach_w is None else max(0, reach_w(below[-1] + sum(s.power_w for s in here))))
    changes = spread(power_w, most, [micros(ends - begins) for begins, ends in cuts])
    return [
        Segment(begins, ends, sign * change_w, own)
        for (begins, ends), change_w, own in zip(cuts, changes, below, strict=True)
    ]


def range_w(ask: Ask, slot: int, mean_w: int, own_w: tuple[int, int] | None = None, most_w: int = 0) -> tuple[int, int]:
    """The least and the most of a course at any instant of a slot, signed W. `own_w`: the same of the schedule without
    any event; None: of a device that draws `most_w` or nothing, so that any other mean is made of both."""
    start, end, reserved = ask.period.slot_start(slot), ask.period.slot_start(slot + 1), ask.within(slot)
    if own_w is None:
        rest_w = remainder_w(reserved, mean_w, start, end)
        own_w = (min(rest_w, 0), max(rest_w, most_w)) if 0 < rest_w < most_w else (rest_w, rest_w)
    low, high = [], []
    for begins, _ in pieces(reserved, start, end):
        course_w, held_w = power_at(reserved, begins), sum(s.power_w for s in standing(reserved, begins))
        low.append(own_w[0] + held_w if course_w is None else course_w)
        high.append(own_w[1] + held_w if course_w is None else course_w)
    return min(low), max(high)


def ranges_of(device: Device, ask: Ask, schedule_w: SignedPlan) -> Ranges:
    """The same of each slot and any device; one that knows no more is taken to hold its mean."""
    if is_ranged(device):
        return device.ranges_w(ask, schedule_w)
    return tuple(range_w(ask, slot, mean_w) for slot, mean_w in enumerate(schedule_w))


def spread(power_w: int, most_w: Sequence[int], spans_us: Sequence[int]) -> list[int]:
    """A mean power over pieces of time, as even as it can be, in none above its most; whole W."""
    wanted_wus, left = power_w * sum(spans_us), sorted(zip(most_w, spans_us, strict=True))
    level_wus, level_us = wanted_wus, sum(spans_us)
    for most, span_us in left:
        if most * level_us >= level_wus:
            break
        level_wus, level_us = level_wus - most * span_us, level_us - span_us
    found, due_wus = [], 0
    for most, span_us in zip(most_w, spans_us, strict=True):
        due_wus += level_wus * span_us // level_us if level_us and most * level_us >= level_wus else most * span_us
        found.append(max(0, min(most, -(-due_wus // span_us))))
        due_wus -= found[-1] * span_us
    return found


def remainder_w(reserved: Sequence[Segment], mean_w: int, start: datetime, end: datetime) -> int:
    """What a schedule of a mean comes to in that part of a span in which its course is not known, signed W, rounded
    down; what events without a known course hold there is not a part of it."""
    if not reserved:
        return mean_w
    watt_us, left_us = mean_w * micros(end - start), 0
    for begins, ends in pieces(reserved, start, end):
        span_us, course_w = micros(ends - begins), power_at(reserved, begins)
        if course_w is None:
            left_us += span_us
            course_w = sum(s.power_w for s in standing(reserved, begins))
        watt_us -= course_w * span_us
    return watt_us // left_us if left_us else mean_w
