"""The own schedule of a vehicle over an event's slots, what other events hold included, over plain rows: power, energy,
and the least energy that still reaches the departure SoC (backward pass: less and less what full charging adds).

Instants are microseconds since 1970. Compiled by `agents/devices/rows/compiled.py`.
"""

import math
from typing import NamedTuple

from agents.devices.flexibility import Row
from agents.devices.rows.cars import MICROSECOND, Car, micros
from agents.devices.rows.commitments import UNKNOWN_W, Commitments, begun, course_w, next_edge, opposed, reserved_w
from agents.devices.rows.sunshine import charged
from protocol.messages import IntervalPeriod
from protocol.units import Direction

AWAY, OPPOSED, USABLE = 0, 1, 2
"""Not plugged in throughout a slot; plugged in, but another event holds the opposite direction; free to take part."""


class EventSlots(NamedTuple):
    """What is asked for, but the power."""

    down: bool
    start_us: int
    slot_us: int
    slots: int


class OwnSchedule(NamedTuple):
    """What it would do without the event: a row each, one entry a slot."""

    energy_wh: Row
    """One entry more: at each boundary."""
    base_w: Row
    """Signed W."""
    low_w: Row
    high_w: Row
    """Signed W: the least and the most at any instant of the slot. They differ where what other events hold changes
    within it; what the schedule itself does within a slot is reserved at its mean."""
    spared_wh: Row
    """What the battery has less when the slot's mean power is held by set-point: what rounding the mean takes off, and
    stand-by draw for the part in which the own schedule is idle."""
    bound_wh: Row
    """At the end of the slot: what must be left where less load is asked for, what fits where more is."""
    part: Row
    """Whether it can take part: AWAY, OPPOSED or USABLE."""


class RelayNeeds(NamedTuple):
    """What the own schedule needs of the relay outside the event."""

    before: bool
    recovers: bool
    """Whether there is time to charge again after the event."""
    after: bool


def event_slots(direction: Direction, period: IntervalPeriod, slots: int) -> EventSlots:
    """The slots of an event."""
    return EventSlots(
        direction is Direction.DECREASE_LOAD, micros(period.start), period.duration // MICROSECOND, slots
    )  # fmt: skip


def slot_hours(event: EventSlots) -> float:
    """Hours of a slot."""
    return hours(event.slot_us)


def start_of(event: EventSlots, slot: int) -> int:
    """When a slot begins; the number of slots gives the event's end."""
    return event.start_us + slot * event.slot_us


def hours(span_us: int) -> float:
    """Microseconds as hours, rounded as `agents.devices.contract.hours` rounds them."""
    return span_us / 1e6 / 3600


def run(
    owner: Car, spec: Car, event: EventSlots, reserved: Commitments | None, line: OwnSchedule
) -> RelayNeeds:  # fmt: skip
    """Fill in the schedule. `owner` as it has set it, `spec` as it agreed for this computation."""
    slot_h, eta_c = slot_hours(event), owner.charge_pct / 100
    gain_w, energy, alone_wh = gain(owner), float(owner.soc_wh), 0.0
    plugs_in_us, full_wh = max(owner.plugs_in_us, owner.state_us), owner.departure_soc_wh
    if reserved is None:  # it charges or it does not: nothing else happens
        energy += _charging_h(owner, gain_w, energy, plugs_in_us, min(event.start_us, owner.departs_us)) * gain_w
    else:
        alone_wh = _alone_wh(owner, gain_w, reserved)
        energy, _, _, alone_wh = _between(owner, gain_w, reserved, energy, alone_wh, owner.state_us, event.start_us)
    begins_us = _charges_from(owner, gain_w, energy, plugs_in_us)
    before = energy < full_wh - 1e-6 and begins_us < event.start_us
    line.energy_wh[0] = energy
    for slot in range(event.slots):
        start_us, end_us = start_of(event, slot), start_of(event, slot + 1)
        if reserved is None:
            closed_h = _charging_h(
                owner, gain_w, energy, max(start_us, plugs_in_us), min(end_us, owner.departs_us)
            )  # fmt: skip
            energy, drawn_wh = energy + closed_h * gain_w, closed_h * owner.max_charge_w
        else:
            energy, drawn_wh, closed_h, alone_wh = _between(owner, gain_w, reserved, energy, alone_wh, start_us, end_us)
        line.base_w[slot], line.spared_wh[slot] = 0, 0.0
        if drawn_wh != 0.0:
            mean_w = math.floor(drawn_wh / slot_h + 1e-9)
            idle_h = slot_h - closed_h if mean_w else 0.0
            moved = eta_c if mean_w >= 0 else 1 / (owner.discharge_pct / 100)
            line.base_w[slot] = mean_w
            line.spared_wh[slot] = (drawn_wh - mean_w * slot_h) * moved + idle_h * owner.standby_w
        if reserved is not None:
            line.low_w[slot] = line.high_w[slot] = line.base_w[slot]
            _fill_extremes(reserved, line, slot, start_us, end_us)
        line.energy_wh[slot + 1] = energy
    _fill_parts(owner, spec, event, reserved, line)
    _fill_bounds(owner, spec, event, reserved, alone_wh, line)
    recovers = spec.departs_us > start_of(event, event.slots)
    return RelayNeeds(before, recovers, recovers and energy < full_wh - 1e-6)


def _fill_extremes(reserved: Commitments, line: OwnSchedule, slot: int, start_us: int, end_us: int) -> None:
    """The least and the most within a slot: the courses of what is reserved there, and what they leave of the mean."""
    left, left_us = line.base_w[slot] * (end_us - start_us), 0
    low, high, some = 0, 0, False
    at_us = start_us
    while at_us < end_us:
        until_us, course = next_edge(reserved, at_us, end_us), course_w(reserved, at_us)
        if course != UNKNOWN_W:
            low, high = (min(low, course), max(high, course)) if some else (course, course)
            left, some = left - course * (until_us - at_us), True
        else:
            left, left_us = left - reserved_w(reserved, at_us) * (until_us - at_us), left_us + until_us - at_us
        at_us = until_us
    if not some:
        return
    if left_us:
        rest = left // left_us
        low, high = min(low, rest), max(high, rest)
    line.low_w[slot], line.high_w[slot] = low, high


def _fill_parts(owner: Car, spec: Car, event: EventSlots, reserved: Commitments | None, line: OwnSchedule) -> None:
    """Arrival is rounded up to a slot, departure rounded down."""
    for slot in range(event.slots):
        start_us, end_us = start_of(event, slot), start_of(event, slot + 1)
        plugged = owner.plugs_in_us <= start_us and owner.state_us <= end_us <= spec.departs_us
        line.part[slot] = USABLE if plugged else AWAY
        if reserved is not None:
            taken = opposed(reserved, start_us, end_us, event.down) or (
                line.low_w[slot] != line.high_w[slot] and (owner.min_power_w > 0 or spec.relay_ops >= 0)
            )
            line.part[slot] = OPPOSED if plugged and taken else line.part[slot]


def gain(owner: Car) -> float:
    """What charging at full power adds to the battery, W."""
    return max(0.0, owner.max_charge_w * (owner.charge_pct / 100) - owner.standby_w)


def _alone_wh(owner: Car, gain_w: float, reserved: Commitments) -> float:
    """Energy at the newest reading by the schedule without any event, on which set-points of other events stand."""
    if not begun(reserved, owner.state_us):
        return float(owner.soc_wh)
    from_us, until_us = max(owner.plugs_in_us, owner.declared_us), min(owner.state_us, owner.departs_us)
    return owner.declared_soc_wh + _charged(owner, gain_w, reserved, float(owner.declared_soc_wh), from_us, until_us)[0]


def _between(
    owner: Car, gain_w: float, reserved: Commitments, energy: float, alone_wh: float, start_us: int, end_us: int
) -> tuple[float, float, float, float]:
    """Energy in the battery at the end; between two instants, energy drawn from the grid (signed Wh) and hours with the
    relay closed; and the energy at the end by the schedule without any event."""
    plugs_in_us = max(owner.plugs_in_us, owner.state_us)
    drawn_wh = closed_h = 0.0
    at_us = start_us
    while at_us < end_us:
        until_us = next_edge(reserved, at_us, end_us)
        if at_us < plugs_in_us < until_us:
            until_us = plugs_in_us
        if at_us < owner.departs_us < until_us:
            until_us = owner.departs_us
        energy, grid_wh, shut_h, alone_wh = _piece(owner, gain_w, reserved, energy, alone_wh, at_us, until_us)
        drawn_wh += grid_wh
        closed_h += shut_h
        at_us = until_us
    return energy, drawn_wh, closed_h, alone_wh


def _piece(
    owner: Car, gain_w: float, reserved: Commitments, energy: float, alone_wh: float, start_us: int, end_us: int
) -> tuple[float, float, float, float]:
    """`_between` for a time in which nothing changes. Where another event holds it, if only at its schedule, its course
    counts; where that is not known, the set-point stands on the schedule without any event. Else it charges up what is
    missing."""
    power_w, course = reserved_w(reserved, start_us), course_w(reserved, start_us)
    away = start_us < max(owner.plugs_in_us, owner.state_us) or start_us >= owner.departs_us
    if away and power_w == 0:
        return energy, 0.0, 0.0, alone_wh
    span_h = hours(end_us - start_us)
    alone_drawn_wh = 0.0
    if not away:
        gained_wh, alone_drawn_wh, _ = _charged(owner, gain_w, reserved, alone_wh, start_us, end_us)
        alone_wh += gained_wh
    if power_w == 0 and course == UNKNOWN_W:
        gained_wh, drawn_wh, closed_h = _charged(owner, gain_w, reserved, energy, start_us, end_us)
        return energy + gained_wh, drawn_wh, closed_h, alone_wh
    grid_w = float(course) if course != UNKNOWN_W else alone_drawn_wh / span_h + power_w
    grid_w = max(-float(owner.agreed_discharge_w), min(float(owner.agreed_charge_w), grid_w))
    moved_w = grid_w * (owner.charge_pct / 100) if grid_w > 0 else grid_w / (owner.discharge_pct / 100)
    closed_h = span_h if grid_w else 0.0
    if start_us >= owner.state_us:  # what flowed before the newest reading is in it
        energy += span_h * moved_w - closed_h * owner.standby_w
    return energy, span_h * grid_w, closed_h, alone_wh


def _charged(
    owner: Car, gain_w: float, reserved: Commitments, energy: float, start_us: int, end_us: int
) -> tuple[float, float, float]:
    """What it charges by itself between two instants: Wh that the battery gains, Wh from the grid, and hours with the
    relay closed."""
    if reserved.sunshine is not None:
        return charged(owner, gain_w, reserved.sunshine, energy, start_us, end_us)
    charging_h = _charging_h(owner, gain_w, energy, start_us, end_us)
    return charging_h * gain_w, charging_h * owner.max_charge_w, charging_h


def _charging_h(owner: Car, gain_w: float, energy: float, start_us: int, end_us: int) -> float:
    """Hours between two instants in which it charges at full power by itself."""
    need, span_us = owner.departure_soc_wh - energy, end_us - start_us
    if span_us <= 0 or need <= 0.0 or gain_w == 0.0:
        return 0.0
    if owner.late:
        span_us = end_us - _charges_from(owner, gain_w, energy, start_us)
        if span_us <= 0:
            return 0.0
    return min(hours(span_us), need / gain_w)


def _charges_from(owner: Car, gain_w: float, energy: float, start_us: int) -> int:
    """From when on after an instant it charges by itself: at once, or so late that it is just in time."""
    if not owner.late or gain_w == 0.0:
        return start_us
    lasts_us = math.ceil(max(0.0, owner.departure_soc_wh - energy) / gain_w * 3_600_000_000)
    return max(start_us, owner.departs_us - lasts_us)


def _fill_bounds(
    owner: Car,
    spec: Car,
    event: EventSlots,
    reserved: Commitments | None,
    alone_wh: float,
    line: OwnSchedule,
) -> None:
    """What must be left: the reserve, and from the event's end (or the departure) on what other events hold and what
    can no longer be charged; the own schedule goes on in between. What fits: the capacity, at the event's end less what
    other events will charge. Both are found backward from the departure."""
    end_us, gain_w = start_of(event, event.slots), gain(owner)
    charges_us = max(end_us, owner.plugs_in_us, owner.state_us)
    reserve, full, own = float(spec.reserve_wh), float(owner.capacity_wh), owner.departure_soc_wh
    least, most = max(reserve, float(spec.departure_soc_wh)), full
    if reserved is None:
        least, most = _uncharged(own, hours(max(0, spec.departs_us - charges_us)) * gain_w, least, most)
    else:
        pieces, count = reserved.pieces, _cut(owner, spec, gain_w, reserved, alone_wh, charges_us)
        for piece in range(count - 1, -1, -1):
            if pieces.reserved[piece]:
                least, most = least - pieces.moved_wh[piece], most - pieces.moved_wh[piece]
            elif owner.late and piece < count - 1:  # it may charge there, but nobody can count on it
                most = _uncharged(own, pieces.hours[piece] * gain_w, least, most)[1]
            else:
                least, most = _uncharged(own, pieces.hours[piece] * gain_w, least, most)
            least, most = max(reserve, least), min(full, most)
    least, most = max(reserve, least), min(full, most)
    for slot in range(event.slots):
        at_us = start_of(event, slot + 1)
        if event.down:
            line.bound_wh[slot] = float(spec.reserve_wh) if at_us < min(end_us, spec.departs_us) else least
        else:
            line.bound_wh[slot] = most if slot == event.slots - 1 else float(owner.capacity_wh)


def _cut(
    owner: Car, spec: Car, gain_w: float, reserved: Commitments, alone_wh: float, at_us: int
) -> int:  # fmt: skip
    """Fill in the pieces from an instant until the departure; how many they are."""
    pieces, count = reserved.pieces, 0
    while at_us < spec.departs_us:
        until_us, power_w = next_edge(reserved, at_us, spec.departs_us), reserved_w(reserved, at_us)
        moved_wh, _, _, alone_wh = _piece(owner, gain_w, reserved, 0.0, alone_wh, at_us, until_us)
        pieces.hours[count], pieces.moved_wh[count] = hours(until_us - at_us), moved_wh
        pieces.reserved[count] = power_w != 0 or course_w(reserved, at_us) != UNKNOWN_W
        at_us, count = until_us, count + 1
    return count


def _uncharged(own_wh: int, charged_wh: float, least: float, most: float) -> tuple[float, float]:
    """Least and most energy before a time in which the own schedule charges so much, but no further than to `own_wh`,
    from those after it."""
    return least - (charged_wh if least <= own_wh else 0.0), most - (charged_wh if most < own_wh else 0.0)
