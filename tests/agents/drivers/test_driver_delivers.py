"""What a device offers, its simulated driver delivers: no offer stands on energy that is not there."""

from datetime import timedelta

import pytest
from device_cases import (
    DOWN,
    SLOT_H,
    UP,
    any_device,
    ask,
    directions,
    follow,
    orders_of_two,
    plans,
    segments,
    setpoints,
    soc_at,
    vehicles,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from worlds import START, T0, battery, vehicle

from agents.devices.catalogue import build_device
from agents.devices.contract import Ask
from agents.drivers.simulated import build_driver
from agents.settings.devices import DeviceSpec, SolarSpec, StorageSpec, VehicleSpec
from protocol.units import SLOT, Direction

ROUNDED_WH = 1.5
"""Of one slot: the mean of a schedule is held in whole watts, and energy is metered in whole Wh."""


FULL_OF_SUN = SolarSpec(
    kind="solar", resource_id="pv", forecast_w=(*(0,) * 11, 3), forecast_at=T0, export_limit_w=0,
    battery=StorageSpec(
        kind="storage", resource_id="bat", capacity_wh=2_000, soc_wh=566, state_at=T0, reserve_wh=0,
        max_charge_w=2_872, max_discharge_w=0, charge_efficiency_pct=100, discharge_efficiency_pct=75,
    ),
)  # fmt: skip
"""Both events round by a watt-hour."""
CURTAILED = SolarSpec(
    kind="solar", resource_id="pv", forecast_w=(*(0,) * 10, 13_000), forecast_at=T0, export_limit_w=13_000,
    battery=StorageSpec(
        kind="storage", resource_id="bat", capacity_wh=20_000, soc_wh=0, state_at=T0, reserve_wh=0,
        max_charge_w=0, max_discharge_w=7_000, charge_efficiency_pct=75, discharge_efficiency_pct=75,
    ),
)  # fmt: skip
"""What one event curtails is not in the battery for the other one."""


def deliver(spec: DeviceSpec, orders: dict, events: int = 1) -> None:  # type: ignore[type-arg]
    """Each event is rounded by itself."""
    measured = follow(build_driver(spec), orders, T0 + timedelta(hours=12))
    for at, power_w in orders.items():
        assert measured[at] == pytest.approx(power_w * SLOT_H, abs=ROUNDED_WH * events), at


@settings(max_examples=300, deadline=None)
@given(any_device(), directions, plans(5))
def test_a_driver_that_follows_the_offered_profile_delivers_it(
    spec: DeviceSpec, direction: Direction, asked_w: tuple[int, ...]
) -> None:
    asked = ask(*asked_w, direction=direction)
    offer = build_device(spec).flexibility(asked)
    assert all(0 <= power <= want for power, want in zip(offer.power_w, asked_w, strict=True))
    assert all(power <= most for power, most in zip(offer.power_w, offer.available_w, strict=True))
    assert [reason is None for reason in offer.binding] == [
        power == want for power, want in zip(offer.power_w, asked_w, strict=True)
    ]
    deliver(spec, setpoints(asked, offer))


@settings(max_examples=150, deadline=None)
@given(any_device(), directions, plans(4))
def test_what_could_be_given_at_most_is_a_joint_profile_that_can_be_delivered(
    spec: DeviceSpec, direction: Direction, asked_w: tuple[int, ...]
) -> None:
    device = build_device(spec)
    most = device.flexibility(ask(*asked_w, direction=direction)).available_w
    again = device.flexibility(ask(*most, direction=direction))
    if not getattr(spec, "min_power_w", 0):
        slack = 4 + len(most)
        assert sum(again.power_w) >= sum(most) - slack


@settings(max_examples=200, deadline=None)
@given(vehicles(ops=True), directions, plans(5))
def test_a_vehicle_leaves_with_the_soc_that_it_would_have_had_or_that_it_needs(
    spec: VehicleSpec, direction: Direction, asked_w: tuple[int, ...]
) -> None:
    asked = ask(*asked_w, direction=direction)
    orders = setpoints(asked, build_device(spec).flexibility(asked))
    driver, alone = build_driver(spec), build_driver(spec)
    for step in range(24):
        at = T0 + step * SLOT
        if at in orders:
            driver.set_power(orders[at], at, at + SLOT)
        assert soc_at(driver, at + SLOT) >= min(spec.reserve_wh, soc_at(alone, at + SLOT)) - ROUNDED_WH * (step + 1)
    assert (
        soc_at(driver, spec.departs_at) >= min(spec.departure_soc_wh, soc_at(alone, spec.departs_at)) - 6 * ROUNDED_WH
    )


@settings(max_examples=300, deadline=None)
@given(any_device(), directions, directions, plans(4), plans(4), st.sampled_from([-8, -5, -4, -2, 0, 1, 4, 5]))
@example(FULL_OF_SUN, Direction.DECREASE_LOAD, Direction.INCREASE_LOAD, (0, 3, 0, 0), (0, 0, 0, 2872), 0)
@example(CURTAILED, Direction.INCREASE_LOAD, Direction.DECREASE_LOAD, (13_000, 0, 0, 0), (0, 0, 0, 7_000), -2)
def test_two_events_on_one_device_are_both_delivered(
    spec: DeviceSpec,
    first: Direction,
    second: Direction,
    first_w: tuple[int, ...],
    second_w: tuple[int, ...],
    later: int,
) -> None:
    """The second may lie before the first, over it or after it."""
    deliver(spec, orders_of_two(build_device(spec), (first, first_w), (second, second_w), later), events=2)


@settings(max_examples=100, deadline=None)
@given(vehicles(), plans(4), plans(3))
def test_a_reading_in_the_middle_of_an_event_does_not_move_its_schedule(
    spec: VehicleSpec, first_w: tuple[int, ...], second_w: tuple[int, ...]
) -> None:
    """A second event that is asked for while the first runs stands on the first one's set-points."""
    device, driver = build_device(spec), build_driver(spec)
    one = ask(*first_w)
    held = device.flexibility(one)
    orders = setpoints(one, held)
    done = {at: power for at, power in orders.items() if at < START + 2 * SLOT}
    follow(driver, done, START)
    device.observe(driver.measure(START, START + 2 * SLOT))
    other = Ask(DOWN, ask(start=START + 2 * SLOT).period, second_w, segments(one, held.power_w))
    offer = device.flexibility(other)
    for slot in (0, 1):
        at = START + (2 + slot) * SLOT
        if at in orders:
            assert offer.schedule_w[slot] == pytest.approx(orders[at], abs=2)


def test_the_meter_counts_at_the_grid_side_and_the_battery_loses() -> None:
    spec = battery("bat", charge_efficiency_pct=80, discharge_efficiency_pct=80, soc_wh=10_000)
    driver = build_driver(spec)
    driver.set_power(2_000, T0, T0 + SLOT)
    charged = driver.measure(T0, T0 + SLOT)
    assert (charged.energy_wh, charged.soc_wh) == (1_000, 10_800)
    driver.set_power(-2_000, T0 + SLOT, T0 + 2 * SLOT)
    emptied = driver.measure(T0 + SLOT, T0 + 2 * SLOT)
    assert (emptied.energy_wh, emptied.soc_wh) == (-1_000, 9_550)


def test_a_set_point_never_takes_a_battery_below_its_reserve_or_above_its_capacity() -> None:
    spec = battery("bat", soc_wh=2_000, reserve_wh=1_000, charge_efficiency_pct=100, discharge_efficiency_pct=100)
    driver = build_driver(spec)
    driver.set_power(-5_000, T0, T0 + SLOT)
    assert driver.measure(T0, T0 + SLOT).energy_wh == -1_000
    assert soc_at(driver, T0 + SLOT) == 1_000
    driver.set_power(5_000, T0 + SLOT, T0 + 10 * SLOT)
    assert soc_at(driver, T0 + 10 * SLOT) == spec.capacity_wh


def test_a_set_point_runs_out_and_the_own_schedule_returns() -> None:
    driver = build_driver(vehicle("ev", soc_wh=20_000, charge_efficiency_pct=100))
    driver.set_power(0, T0, T0 + SLOT)
    assert driver.measure(T0, T0 + SLOT).energy_wh == 0
    assert driver.measure(T0 + SLOT, T0 + 2 * SLOT).energy_wh == 3_000


def test_back_to_the_own_schedule_ends_a_set_point_early() -> None:
    driver = build_driver(battery("bat"))
    driver.set_power(-4_000, T0, T0 + 2 * SLOT)
    driver.set_power(None, T0 + SLOT / 2, T0 + SLOT / 2)
    assert driver.measure(T0, T0 + 2 * SLOT).energy_wh == -1_000


def test_a_vehicle_that_is_away_draws_nothing() -> None:
    spec = vehicle("ev", plugs_in_at=T0 + 2 * SLOT, departs_at=T0 + 4 * SLOT, soc_wh=10_000)
    driver = build_driver(spec)
    driver.set_power(3_000, T0, T0 + SLOT)
    assert driver.measure(T0, T0 + 2 * SLOT).energy_wh == 0
    assert driver.measure(T0 + 2 * SLOT, T0 + 4 * SLOT).energy_wh == 6_000
    assert driver.measure(T0 + 4 * SLOT, T0 + 8 * SLOT).energy_wh == 0


def test_stand_by_is_drawn_only_while_the_relay_is_closed() -> None:
    spec = vehicle("ev", standby_w=100, soc_wh=30_000, discharge_efficiency_pct=100)
    driver = build_driver(spec)
    assert soc_at(driver, T0 + SLOT) == 30_000
    driver.set_power(-1_000, T0 + SLOT, T0 + 2 * SLOT)
    assert soc_at(driver, T0 + 2 * SLOT) == 29_450


def test_charging_more_is_delivered_up_to_the_capacity() -> None:
    spec: StorageSpec = battery("bat", soc_wh=19_000, charge_efficiency_pct=100)
    asked = ask(4_000, 4_000, direction=UP)
    offer = build_device(spec).flexibility(asked)
    assert offer.power_w == (1_000, 1_000)
    deliver(spec, setpoints(asked, offer))


def test_charger_does_not_run_below_its_least_power() -> None:
    driver = build_driver(vehicle("ev", soc_wh=10_000, min_power_w=1_380))
    for slot, power_w in enumerate((777, -1_379, 1_380, -1_380)):
        driver.set_power(power_w, T0 + slot * SLOT, T0 + (slot + 1) * SLOT)
    flowed = [driver.measure(T0 + slot * SLOT, T0 + (slot + 1) * SLOT).energy_wh for slot in range(4)]
    assert flowed == [0, 0, 690, -690]


def test_set_points_ahead_are_replaced_from_the_instant_of_a_new_one() -> None:
    driver = build_driver(battery("bat"))
    driver.set_power(-4_000, T0, T0 + SLOT)
    driver.set_power(-2_000, T0 + SLOT, T0 + 2 * SLOT)
    driver.set_power(None, T0 + SLOT / 2, T0 + SLOT / 2)
    assert driver.measure(T0, T0 + 2 * SLOT).energy_wh == -1_000


def test_energies_of_spans_that_follow_each_other_add_up() -> None:
    driver = build_driver(battery("bat"))
    driver.set_power(-119, T0, T0 + SLOT)
    minutes = [driver.measure(T0 + i * SLOT / 30, T0 + (i + 1) * SLOT / 30).energy_wh or 0 for i in range(30)]
    assert set(minutes) == {-1, -2}
    assert sum(minutes) == round(-119 / 2 + 0.01)
