"""Devices and asks for property tests, and a driver that follows what was offered."""

from datetime import datetime, timedelta
from typing import Any, TypeAlias

from hypothesis import strategies as st
from worlds import START, T0, battery, vehicle

from agents.devices.contract import Ask, Device, Flexibility, Segment
from agents.settings.devices import DeviceSpec, LoadSpec, SolarSpec, StorageSpec, VehicleSpec
from protocol.actor import Driver
from protocol.messages import IntervalPeriod
from protocol.plan import Plan
from protocol.units import SLOT, Direction

UP, DOWN = Direction.INCREASE_LOAD, Direction.DECREASE_LOAD
SLOT_H = 0.5
Orders: TypeAlias = dict[datetime, int]
"""Set-points of half an hour, signed W, by when they begin."""
directions = st.sampled_from([UP, DOWN])


def ask(*power_w: int, direction: Direction = DOWN, start: datetime = START, **more: Any) -> Ask:
    """An ask from an hour after T0 on."""
    return Ask(direction, IntervalPeriod(start=start), power_w, **more)


def plans(slots: int, most_w: int = 9_000) -> st.SearchStrategy[Plan]:
    """Asked powers; some slots are not asked."""
    return st.tuples(*[st.one_of(st.just(0), st.integers(1, most_w))] * slots)


@st.composite
def vehicles(
    draw: st.DrawFn, standby: bool = True, ops: bool = False, min_power: bool = False, charging: str = "at_once"
) -> VehicleSpec:
    """A vehicle that plugs in before or during an event, charges or is full, and leaves late or in between."""
    capacity = draw(st.integers(4_000, 30_000))
    reserve = draw(st.integers(0, capacity // 3))
    plugs_in = draw(st.sampled_from([0, 0, 0, 2, 3, 4]))
    return vehicle(
        "ev",
        capacity_wh=capacity,
        reserve_wh=reserve,
        soc_wh=draw(st.integers(reserve, capacity)),
        departure_soc_wh=draw(st.integers(reserve, capacity)),
        plugs_in_at=T0 + plugs_in * SLOT,
        departs_at=T0 + timedelta(minutes=draw(st.integers(240, 700))),
        max_charge_w=draw(st.integers(1_500, 7_000)),
        max_discharge_w=draw(st.sampled_from([0, 3_000, 6_000])),
        charge_efficiency_pct=draw(st.integers(75, 100)),
        discharge_efficiency_pct=draw(st.integers(75, 100)),
        standby_w=draw(st.integers(0, 100)) if standby else 0,
        relay_ops_left=draw(st.integers(0, 4)) if ops else None,
        min_power_w=draw(st.integers(0, 1_500)) if min_power else 0,
        charging=charging,
    )


@st.composite
def batteries(draw: st.DrawFn) -> StorageSpec:
    capacity = draw(st.integers(2_000, 30_000))
    reserve = draw(st.integers(0, capacity // 2))
    return battery(
        "bat",
        capacity_wh=capacity,
        reserve_wh=reserve,
        soc_wh=draw(st.integers(reserve, capacity)),
        max_charge_w=draw(st.integers(0, 7_000)),
        max_discharge_w=draw(st.integers(0, 7_000)),
        charge_efficiency_pct=draw(st.integers(75, 100)),
        discharge_efficiency_pct=draw(st.integers(75, 100)),
    )


@st.composite
def solars(draw: st.DrawFn) -> SolarSpec:
    return SolarSpec(
        kind="solar",
        resource_id="pv",
        forecast_w=tuple(draw(st.lists(st.integers(0, 6_000), min_size=4, max_size=12))),
        forecast_at=T0,
        export_limit_w=draw(st.integers(0, 6_000)),
        battery=draw(st.none() | batteries()),
    )


def tank(**changes: Any) -> LoadSpec:
    """A water heater that draws 500 W all day, with 2 kWh above comfort and 2 kWh of room."""
    spec: dict[str, Any] = {
        "kind": "load",
        "resource_id": "tank",
        "rated_w": 2_000,
        "schedule_w": 500,
        "store_wh": 5_000,
        "level_wh": 3_000,
        "state_at": T0,
        "least_wh": 1_000,
    }
    return LoadSpec.model_validate(spec | changes)


@st.composite
def tanks(draw: st.DrawFn) -> LoadSpec:
    store, rated = draw(st.integers(1_000, 8_000)), draw(st.integers(0, 4_000))
    level = draw(st.integers(0, store))
    return tank(
        store_wh=store,
        rated_w=rated,
        schedule_w=draw(st.integers(0, rated)),
        level_wh=level,
        least_wh=draw(st.integers(0, level)),
    )


def any_device() -> st.SearchStrategy[DeviceSpec]:
    return st.one_of(vehicles(ops=True, min_power=True), vehicles(), batteries(), solars(), tanks())


def segments(asked: Ask, power_w: Plan) -> tuple[Segment, ...]:
    """What an event holds when so much of an offer is awarded."""
    period, sign = asked.period, asked.direction.sign
    return tuple(
        Segment(period.slot_start(slot), period.slot_start(slot + 1), sign * power)
        for slot, power in enumerate(power_w)
        if power
    )


def setpoints(asked: Ask, offer: Flexibility) -> dict[datetime, int]:
    """The power, signed W, that a device holds in each slot in which it gives something."""
    return {
        asked.period.slot_start(slot): offer.schedule_w[slot] + asked.direction.sign * power
        for slot, power in enumerate(offer.power_w)
        if power
    }


def follow(driver: Driver, orders: dict[datetime, int], until: datetime) -> dict[datetime, int]:
    """Give every order at its instant; energy of each slot that was ordered, signed Wh."""
    measured: dict[datetime, int] = {}
    for at in sorted(orders):
        driver.set_power(orders[at], at, at + SLOT)
        energy = driver.measure(at, at + SLOT).energy_wh
        assert energy is not None
        measured[at] = energy
    if orders:
        driver.measure(max(orders) + SLOT, max(until, max(orders) + SLOT))
    return measured


def soc_at(driver: Driver, at: datetime) -> int:
    soc_wh = driver.measure(at, at).soc_wh
    assert soc_wh is not None
    return soc_wh


def orders_of_two(device: Device, first: tuple[Direction, Plan], second: tuple[Direction, Plan], later: int) -> Orders:
    """The set-points of two events on one device: the second is computed with what the first holds, and begins so many
    slots later."""
    at = START + timedelta(hours=4)
    one = ask(*first[1], direction=first[0], start=at)
    held = device.flexibility(one)
    other = Ask(second[0], ask(start=at + later * SLOT).period, second[1], segments(one, held.power_w))
    return setpoints(one, held) | setpoints(other, device.flexibility(other))


def half_a_day(driver: Driver, orders: Orders) -> None:
    """Let a device live from T0 on, measured every half hour, with every order at its instant."""
    for step in range(24):
        at = T0 + step * SLOT
        if at in orders:
            driver.set_power(orders[at], at, at + SLOT)
        driver.measure(at, at + SLOT)
