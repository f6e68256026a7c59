"""A vehicle that charges so late that it is just in time: what it offers it delivers, and it departs as it has to."""

from datetime import timedelta

import pytest
from device_cases import (
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
from agents.drivers.simulated import build_driver
from agents.settings.checked import mistakes
from agents.settings.devices import VehicleSpec
from protocol.units import SLOT, Direction

ROUNDED_WH = 1.5
late = vehicles(charging="late")
JUST_IN_TIME = vehicle(
    "ev", soc_wh=20_000, departure_soc_wh=31_400, departs_at=T0 + timedelta(hours=6), charging="late"
)
"""Needs two hours at 6 kW: from 21:00 on."""


def test_charging_begins_when_it_is_just_in_time() -> None:
    driver = build_driver(JUST_IN_TIME)
    assert [driver.measure(T0 + hour * 2 * SLOT, T0 + (hour + 1) * 2 * SLOT).energy_wh for hour in range(6)] == [
        0, 0, 0, 0, 6_000, 6_000,
    ]  # fmt: skip
    assert soc_at(driver, T0 + timedelta(hours=6)) == 31_400


def test_schedule_is_that_of_the_driver() -> None:
    given_ = build_device(JUST_IN_TIME).flexibility(ask(*(0,) * 11))
    assert given_.schedule_w == (*(0,) * 6, *(6_000,) * 4, 0)


def test_evening_is_free_to_take_more_load() -> None:
    at_once = JUST_IN_TIME.model_copy(update={"charging": "at_once"})
    asked = ask(6_000, 6_000, direction=UP)
    assert build_device(JUST_IN_TIME).flexibility(asked).power_w == (6_000, 6_000)
    assert build_device(at_once).flexibility(asked).power_w == (0, 6_000 - at_once.max_charge_w)


@settings(max_examples=150, deadline=None)
@given(late, directions, plans(6))
def test_what_is_offered_is_delivered(spec: VehicleSpec, direction: Direction, asked_w: tuple[int, ...]) -> None:
    asked = ask(*asked_w, direction=direction)
    orders = setpoints(asked, build_device(spec).flexibility(asked))
    measured = follow(build_driver(spec), orders, T0 + timedelta(hours=12))
    for at, power_w in orders.items():
        assert measured[at] == pytest.approx(power_w / 2, abs=ROUNDED_WH), at


@settings(max_examples=150, deadline=None)
@given(late, directions, plans(6))
def test_it_departs_with_what_it_would_have_had_or_needs(
    spec: VehicleSpec, direction: Direction, asked_w: tuple[int, ...]
) -> None:
    asked = ask(*asked_w, direction=direction)
    orders = setpoints(asked, build_device(spec).flexibility(asked))
    driver, alone = build_driver(spec), build_driver(spec)
    half_a_day(driver, orders)
    needs = min(spec.departure_soc_wh, soc_at(alone, spec.departs_at))
    assert soc_at(driver, spec.departs_at) >= needs - 6 * ROUNDED_WH


@settings(max_examples=150, deadline=None)
@given(late, directions, directions, plans(4), plans(4), st.sampled_from([-8, -5, -4, -2, 0, 1, 4, 5]))
def test_two_events_are_both_delivered(
    spec: VehicleSpec,
    first: Direction,
    second: Direction,
    first_w: tuple[int, ...],
    second_w: tuple[int, ...],
    later: int,
) -> None:
    orders = orders_of_two(build_device(spec), (first, first_w), (second, second_w), later)
    measured = follow(build_driver(spec), orders, T0 + timedelta(hours=12))
    for when, power_w in orders.items():
        assert measured[when] == pytest.approx(power_w / 2, abs=2 * ROUNDED_WH), when


def test_late_charging_with_a_limit_of_relay_operations_is_refused() -> None:
    spec = vehicle("ev", charging="late", relay_ops_left=2)
    assert [str(one) for one in mistakes(spec)] == [
        "charging: late takes no limit of relay operations: nobody counts those of its own schedule"
    ]
    assert not any(mistakes(vehicle("ev", charging="late")))
