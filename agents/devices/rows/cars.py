"""One vehicle as plain numbers, and what its owner agreed to loosen (S52). Whole W, Wh and microseconds since 1970.

Compiled by `agents/devices/rows/compiled.py`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agents.devices.flexibility import Row
from agents.settings.devices import VehicleSpec
from protocol.messages import Restriction

RESTRICTIONS: tuple[Restriction | None, ...] = (None, *Restriction)
"""What the rows refer to by place."""
_DEPARTURE_SOC, _RESERVE_SOC, _RELAY_OPS, _POWER_LIMIT, _PLUG_WINDOW = (
    RESTRICTIONS.index(Restriction.DEPARTURE_SOC),
    RESTRICTIONS.index(Restriction.RESERVE_SOC),
    RESTRICTIONS.index(Restriction.RELAY_OPS),
    RESTRICTIONS.index(Restriction.POWER_LIMIT),
    RESTRICTIONS.index(Restriction.PLUG_WINDOW),
)
NO_LIMIT = -1
"""`relay_ops` of a vehicle without a limit."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


class Car(NamedTuple):
    """One vehicle, at its newest reading."""

    capacity_wh: int
    soc_wh: int
    state_us: int
    declared_soc_wh: int
    declared_us: int
    """Energy and instant as its owner declared them, before any event touched it."""
    plugs_in_us: int
    departs_us: int
    departure_soc_wh: int
    reserve_wh: int
    max_charge_w: int
    max_discharge_w: int
    agreed_charge_w: int
    agreed_discharge_w: int
    """The most power of all that its owner agreed to: another event may have been promised so much."""
    min_power_w: int
    charge_pct: int
    discharge_pct: int
    standby_w: int
    relay_ops: int
    late: int
    """1: what it does not have by then it charges just in time for its departure; 0: at once."""


def car_of(spec: VehicleSpec, declared: VehicleSpec) -> Car:
    """A vehicle at its newest reading; `declared`: as it was before any event touched it."""
    agreed_w = spec.agreed("power_limit")
    return Car(
        spec.capacity_wh,
        spec.soc_wh,
        micros(spec.state_at),
        declared.soc_wh,
        micros(declared.state_at),
        micros(spec.plugs_in_at),
        micros(spec.departs_at),
        spec.departure_soc_wh,
        spec.reserve_wh,
        spec.max_charge_w,
        spec.max_discharge_w,
        max([spec.max_charge_w, *agreed_w]),
        max([spec.max_discharge_w, *agreed_w]) if spec.max_discharge_w else 0,
        spec.min_power_w,
        spec.charge_efficiency_pct,
        spec.discharge_efficiency_pct,
        spec.standby_w,
        NO_LIMIT if spec.relay_ops_left is None else spec.relay_ops_left,
        int(spec.charging != "at_once"),
    )


def steps_row(spec: VehicleSpec) -> list[int]:
    """What an owner agreed to in advance: for each restriction its place, how many steps, and each step's value."""
    entries = ((RESTRICTIONS.index(Restriction(r.restriction)), len(r.steps), *r.steps) for r in spec.relaxations)
    return [number for entry in entries for number in entry]


def asked_row(relaxed: Sequence[Restriction]) -> list[bool]:
    """Which restrictions are asked to be loosened, by their places."""
    return [restriction in relaxed for restriction in RESTRICTIONS]


def most_steps(steps: Row, first: int, end: int, relaxed: Row) -> int:
    """How many steps a vehicle has among the restrictions asked to be loosened; its entries lie in steps[first:end]."""
    most, at = 0, first
    while at < end:
        if relaxed[steps[at]]:
            most = max(most, steps[at + 1])
        at += 2 + steps[at + 1]
    return most


def loosened(car: Car, steps: Row, first: int, end: int, relaxed: Row, step: int) -> Car:
    """The vehicle with those of the restrictions loosened that its owner agreed to, to one step (from 0 on)."""
    departure_soc_wh, reserve_wh, relay_ops = car.departure_soc_wh, car.reserve_wh, car.relay_ops
    max_charge_w, max_discharge_w, departs_us = car.max_charge_w, car.max_discharge_w, car.departs_us
    at = first
    while at < end:
        place, count = steps[at], steps[at + 1]
        value = steps[at + 2 + min(step, count - 1)]
        at += 2 + count
        if not relaxed[place]:
            continue
        if place == _DEPARTURE_SOC:
            departure_soc_wh = min(car.departure_soc_wh, value)
        elif place == _RESERVE_SOC:
            reserve_wh = min(car.reserve_wh, value)
        elif place == _RELAY_OPS and car.relay_ops >= 0:
            relay_ops = max(car.relay_ops, value)
        elif place == _POWER_LIMIT:
            max_charge_w = max(car.max_charge_w, value)
            max_discharge_w = max(car.max_discharge_w, value) if car.max_discharge_w else 0
        elif place == _PLUG_WINDOW:
            departs_us = car.departs_us + value * 1_000_000
    return Car(
        car.capacity_wh, car.soc_wh, car.state_us, car.declared_soc_wh, car.declared_us, car.plugs_in_us, departs_us,
        departure_soc_wh, reserve_wh, max_charge_w, max_discharge_w, car.agreed_charge_w, car.agreed_discharge_w,
        car.min_power_w, car.charge_pct, car.discharge_pct, car.standby_w, relay_ops,
        car.late,
    )  # fmt: skip
