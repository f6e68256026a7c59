"""`agents/devices/timeline.py` over plain rows, for one vehicle that no other event holds: what it would do without the
event, and what must be left. Instants are microseconds since 1970. Compiled by `agents/devices/rows/compiled.py`."""

import math
from typing import NamedTuple

from agents.devices.flexibility import Row


class Car(NamedTuple):
    """One vehicle: the fields of `agents.devices.rows.arrays.Vehicles`, in their order."""

    capacity_wh: int
    soc_wh: int
    state_us: int
    plugs_in_us: int
    departs_us: int
    departure_soc_wh: int
    reserve_wh: int
    max_charge_w: int
    max_discharge_w: int
    min_power_w: int
    charge_pct: int
    discharge_pct: int
    standby_w: int
    relay_ops: int


class Event(NamedTuple):
    """What is asked for, but the power."""

    down: bool
    start_us: int
    slot_us: int
    slots: int


class Line(NamedTuple):
    """The own schedule: a row each, one entry a slot."""

    energy_wh: Row
    """One entry more: at each boundary."""
    base_w: Row
    spared_wh: Row
    least_wh: Row
    """What must be left at the end of the slot."""
    plugged: Row


class Relay(NamedTuple):
    """What the own schedule needs of the relay outside the event."""

    before: bool
    recovers: bool
    after: bool


def slot_hours(event: Event) -> float:
    """Hours of a slot."""
    return hours(event.slot_us)


def hours(span_us: int) -> float:
    """Microseconds as hours, rounded as `agents.devices.contract.hours` rounds them."""
    return span_us / 1e6 / 3600


def run(owner: Car, loosened: Car, event: Event, line: Line) -> Relay:
    """Fill in the schedule. `owner` as it has set it, `loosened` as it agreed for this computation."""
    slot_h, eta_c = slot_hours(event), owner.charge_pct / 100
    gain_w = max(0.0, owner.max_charge_w * eta_c - owner.standby_w)
    plugs_in_us = max(owner.plugs_in_us, owner.state_us)
    energy = float(owner.soc_wh)
    energy += _charging_h(owner, gain_w, energy, owner.state_us, event.start_us) * gain_w
    before = energy < owner.departure_soc_wh - 1e-6 and plugs_in_us < event.start_us
    line.energy_wh[0] = energy
    for slot in range(event.slots):
        start_us = event.start_us + slot * event.slot_us
        end_us = start_us + event.slot_us
        line.base_w[slot], line.spared_wh[slot] = 0, 0.0
        charging_h = _charging_h(owner, gain_w, energy, start_us, end_us)
        if charging_h > 0.0:
            energy += charging_h * gain_w
            drawn_wh = charging_h * owner.max_charge_w
            mean_w = math.floor(drawn_wh / slot_h + 1e-9)
            idle_h = slot_h - charging_h if mean_w else 0.0
            line.base_w[slot] = mean_w
            line.spared_wh[slot] = (drawn_wh - mean_w * slot_h) * eta_c + idle_h * owner.standby_w
        line.energy_wh[slot + 1] = energy
        line.plugged[slot] = owner.plugs_in_us <= start_us and owner.state_us <= end_us <= loosened.departs_us
    _fill_least(owner, loosened, event, gain_w, line)
    recovers = loosened.departs_us > event.start_us + event.slots * event.slot_us
    return Relay(before, recovers, recovers and energy < owner.departure_soc_wh - 1e-6)


def _charging_h(owner: Car, gain_w: float, energy: float, start_us: int, end_us: int) -> float:
    """Hours of charging at full power between two instants."""
    span_us = min(owner.departs_us, end_us) - max(owner.plugs_in_us, owner.state_us, start_us)
    need = owner.departure_soc_wh - energy
    if span_us <= 0 or need <= 0.0 or gain_w == 0.0:
        return 0.0
    return min(hours(span_us), need / gain_w)


def _fill_least(owner: Car, spec: Car, event: Event, gain_w: float, line: Line) -> None:
    """The reserve, and from the event's end (or the departure) on what can no longer be charged."""
    end_us = event.start_us + event.slots * event.slot_us
    reserve = float(spec.reserve_wh)
    least = max(reserve, float(spec.departure_soc_wh))
    if least <= owner.departure_soc_wh:
        least -= hours(max(0, spec.departs_us - max(end_us, owner.plugs_in_us, owner.state_us))) * gain_w
    least = max(reserve, least)
    for slot in range(event.slots):
        at_us = event.start_us + (slot + 1) * event.slot_us
        line.least_wh[slot] = reserve if at_us < min(end_us, spec.departs_us) else least
