"""A vehicle that follows its home's surplus: it declares what it does, delivers what it offers, and departs as it has to."""

from datetime import timedelta
from typing import Any

import pytest
from device_cases import (
    DOWN,
    UP,
    ask,
    directions,
    follow,
    half_a_day,
    orders_of_two,
    plans,
    setpoints,
    soc_at,
    vehicles,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import T0, vehicle

from agents.devices.catalogue import build_device
from agents.devices.pv_surplus import PvSurplus
from agents.drivers.build import build_driver
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import SolarSpec, VehicleSpec
from protocol.units import SLOT, Direction

ROUNDED_WH = 1.5


def sun(*forecast_w: int, base_w: int = 0, shift: timedelta = timedelta()) -> PvSurplus:
    """A plant's half hours from T0 on, above a base load."""
    plant = SolarSpec(
        kind="solar", resource_id="pv", forecast_w=forecast_w, forecast_at=T0 + shift, export_limit_w=20_000
    )
    return PvSurplus([plant], ConnectionPoint(import_limit_w=20_000, base_load_w=(base_w,)))


def follower(**changes: Any) -> VehicleSpec:
    """Needs 12 kWh from the grid, two hours at its 6 kW, in the six hours until it departs."""
    given_ = {"soc_wh": 20_000, "departure_soc_wh": 31_400, "departs_at": T0 + timedelta(hours=6)} | changes
    return vehicle("ev", charging="follow_pv", **given_)


suns = st.builds(
    lambda forecast_w, base_w, minutes: sun(*forecast_w, base_w=base_w, shift=timedelta(minutes=minutes)),
    st.lists(st.integers(0, 9_000), min_size=12, max_size=24),
    st.integers(0, 1_000),
    st.sampled_from([0, 0, -7, 10]),
)
followers = vehicles(charging="follow_pv", min_power=True)


def metered(spec: VehicleSpec, surplus: PvSurplus, slots: int = 12) -> list[int | None]:
    driver = build_driver(spec, surplus)
    return [driver.measure(T0 + slot * SLOT, T0 + (slot + 1) * SLOT).energy_wh for slot in range(slots)]


def test_surplus_is_charged_and_the_rest_just_in_time() -> None:
    surplus = sun(2_500, 2_500, 4_500, 4_500, base_w=500)
    assert metered(follower(), surplus) == [1_000, 1_000, 2_000, 2_000, 0, 0, 0, 0, 0, 0, 3_000, 3_000]


def test_surplus_that_is_enough_leaves_nothing_for_the_end() -> None:
    surplus = sun(*(3_000,) * 8)
    assert metered(follower(), surplus) == [*(1_500,) * 8, *(0,) * 4]


def test_surplus_above_its_greatest_power_is_left() -> None:
    assert metered(follower(max_charge_w=6_000), sun(9_000, 9_000))[:2] == [3_000, 3_000]


def test_surplus_below_its_least_power_is_not_charged() -> None:
    spec = follower(min_power_w=1_400)
    assert metered(spec, sun(1_399, 1_400))[:2] == [0, 700]


def test_night_charges_as_a_late_vehicle_does() -> None:
    spec = follower()
    late = spec.model_copy(update={"charging": "late"})
    assert metered(spec, sun(0)) == metered(late, sun(0)) == [*(0,) * 8, *(3_000,) * 4]


def test_sun_that_is_still_to_come_is_not_waited_for() -> None:
    surplus = sun(*(0,) * 8, *(4_000,) * 4)
    assert metered(follower(), surplus) == [*(0,) * 8, *(3_000,) * 4]


@settings(max_examples=150, deadline=None)
@given(followers, suns)
def test_schedule_is_what_its_meter_reads(spec: VehicleSpec, surplus: PvSurplus) -> None:
    schedule_w = build_device(spec, surplus).flexibility(ask(*(0,) * 12, start=T0)).schedule_w
    assert metered(spec, surplus) == pytest.approx([power_w / 2 for power_w in schedule_w], abs=ROUNDED_WH)


@settings(max_examples=150, deadline=None)
@given(followers, suns)
def test_it_departs_with_as_much_as_charging_at_once_brings(spec: VehicleSpec, surplus: PvSurplus) -> None:
    at_once = spec.model_copy(update={"charging": "at_once"})
    has = [soc_at(build_driver(one, surplus), spec.departs_at) for one in (spec, at_once)]
    assert has[0] == pytest.approx(has[1], abs=ROUNDED_WH)


@settings(max_examples=150, deadline=None)
@given(followers, suns, directions, plans(6))
def test_what_is_offered_is_delivered(
    spec: VehicleSpec, surplus: PvSurplus, direction: Direction, asked_w: tuple[int, ...]
) -> None:
    asked = ask(*asked_w, direction=direction)
    orders = setpoints(asked, build_device(spec, surplus).flexibility(asked))
    measured = follow(build_driver(spec, surplus), orders, T0 + timedelta(hours=12))
    for at, power_w in orders.items():
        assert measured[at] == pytest.approx(power_w / 2, abs=ROUNDED_WH), at


@settings(max_examples=150, deadline=None)
@given(followers, suns, directions, plans(6))
def test_it_departs_with_what_it_would_have_had_or_needs(
    spec: VehicleSpec, surplus: PvSurplus, direction: Direction, asked_w: tuple[int, ...]
) -> None:
    asked = ask(*asked_w, direction=direction)
    orders = setpoints(asked, build_device(spec, surplus).flexibility(asked))
    driver, alone = build_driver(spec, surplus), build_driver(spec, surplus)
    half_a_day(driver, orders)
    needs = min(spec.departure_soc_wh, soc_at(alone, spec.departs_at))
    assert soc_at(driver, spec.departs_at) >= needs - 6 * ROUNDED_WH


@settings(max_examples=150, deadline=None)
@given(followers, suns, directions, directions, plans(4), plans(4), st.sampled_from([-8, -5, -4, -2, 0, 1, 4, 5]))
def test_two_events_are_both_delivered(
    spec: VehicleSpec,
    surplus: PvSurplus,
    first: Direction,
    second: Direction,
    first_w: tuple[int, ...],
    second_w: tuple[int, ...],
    later: int,
) -> None:
    orders = orders_of_two(build_device(spec, surplus), (first, first_w), (second, second_w), later)
    measured = follow(build_driver(spec, surplus), orders, T0 + timedelta(hours=12))
    for when, power_w in orders.items():
        assert measured[when] == pytest.approx(power_w / 2, abs=2 * ROUNDED_WH), when


def test_charging_from_the_sun_is_given_up_when_less_is_asked() -> None:
    device = build_device(follower(), sun(*(3_000,) * 8))
    assert device.flexibility(ask(3_000, 3_000, direction=DOWN)).power_w == (3_000, 3_000)
    assert device.flexibility(ask(9_000, direction=UP)).power_w == (3_000,)
