"""A simulated vehicle over days: what it drives away with, comes back with, and counts."""

from datetime import timedelta
from typing import Any

import pytest
from worlds import T0, vehicle

from agents.devices.pv_surplus import PvSurplus
from agents.drivers.build import build_driver
from agents.drivers.state import driver_memory, remember_driver
from agents.drivers.telling import TellingDriver
from agents.drivers.travelling import TravellingVehicle
from agents.settings.devices import SolarSpec
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = WeeklyDeparture.model_validate({"days": WEEKDAYS, "at": "07:00", "back": "16:30", "trip_wh": 9_500})


def car(**changes: Any) -> tuple[TellingDriver, TravellingVehicle]:
    """Back at 16:30 with 20.5 kWh, full again after 5/3 hours of 6 kW."""
    driver = build_driver(vehicle("ev", plan=OwnersPlan(zone="UTC", departures=(DAILY,)), **changes))
    assert isinstance(driver, TellingDriver)
    assert driver.vehicle is not None
    return driver, driver.vehicle


def test_it_drives_away_with_what_it_has_and_comes_back_with_less() -> None:
    driver, of = car()
    driver.measure(T0, T0 + 3 * DAY)
    assert [one.energy_wh for one in of.departures] == pytest.approx([30_000] * 3)
    assert all(one.is_kept for one in of.departures)
    back = T0 + timedelta(hours=23.5)
    assert car()[0].measure(back, back).soc_wh == 20_500


def test_what_was_in_it_is_told_of_the_instant_that_is_asked_for() -> None:
    driver, _ = car()
    back = T0 + timedelta(hours=23.5)
    driver.measure(T0, back + HOUR)  # it has charged for an hour
    assert driver.measure(back, back).soc_wh == 20_500
    assert driver.measure(back, back + HOUR / 2).soc_wh == 20_500 + 2_850
    assert driver.measure(T0, back - HOUR).soc_wh is None


def test_slots_of_events_that_do_not_align_tell_what_flowed_when() -> None:
    driver, _ = car(soc_wh=24_300)  # it charges for an hour
    driver.measure(T0 + 3 * HOUR, T0 + 4 * HOUR)
    assert [driver.measure(T0 + n * HOUR, T0 + (n + 1) * HOUR).energy_wh for n in range(3)] == [6_000, 0, 0]


def test_slot_before_a_departure_that_is_metered_behind_it_sends_no_car_away() -> None:
    driver, _ = car()
    departs = T0 + 14 * HOUR
    driver.advance(departs + HOUR)
    before = driver.measure(departs - HOUR, departs - timedelta(seconds=1))
    assert (before.plugged, before.soc_wh) == (None, 30_000)
    assert driver.measure(departs - HOUR, departs).plugged is False


def test_every_stay_follows_the_sun_of_its_hours() -> None:
    plant = SolarSpec(
        kind="solar",
        resource_id="pv",
        forecast_w=(*(0,) * 46, 3_000, 3_000),
        forecast_at=T0,
        forecast_repeats=True,
        export_limit_w=5_000,
    )
    spec = vehicle("ev", plan=OwnersPlan(zone="UTC", departures=(DAILY,)), charging="follow_pv")
    driver = build_driver(spec, PvSurplus([plant], None))
    hours = [driver.measure(T0 + hour * HOUR, T0 + (hour + 1) * HOUR).energy_wh for hour in range(20, 39)]
    assert hours[3] == 1_500  # of the half hour since it is back
    assert sum(wh or 0 for wh in hours) == 10_000
    assert hours[16:18] == [2_500, 6_000]  # the rest just in time for 07:00
    assert isinstance(driver, TellingDriver)
    assert driver.vehicle is not None
    assert all(one.is_kept for one in driver.vehicle.departures)


def test_it_takes_no_power_while_it_is_away() -> None:
    driver, _ = car()
    driver.set_power(6_000, T0 + 14 * HOUR, T0 + 20 * HOUR)
    assert driver.measure(T0 + 14 * HOUR, T0 + 23 * HOUR).energy_wh == 0
    assert driver.measure(T0 + 23 * HOUR, T0 + 27 * HOUR).energy_wh == 10_000


def test_departure_with_less_than_there_was_time_for_is_not_kept() -> None:
    driver, of = car()
    driver.set_power(-6_000, T0 + 12 * HOUR, T0 + 14 * HOUR)
    driver.measure(T0, T0 + 15 * HOUR)
    (one,) = of.departures
    assert not one.is_kept
    assert one.energy_wh == pytest.approx(30_000 - 12_000 / 0.95)


def test_relay_is_counted_anew_every_day() -> None:
    driver, _ = car(relay_ops_a_day=4)
    counted = [driver.measure(at, at).relay_ops_today for at in (T0, T0 + DAY, T0 + 26 * HOUR, T0 + 32 * HOUR)]
    assert counted == [0, 1, 2, 0]
    assert car()[0].measure(T0, T0).relay_ops_today is None


def test_vehicle_that_is_remembered_goes_on_as_it_would_have() -> None:
    for at in (T0 + 3 * HOUR, T0 + 15 * HOUR, T0 + 24 * HOUR):
        driver, _ = car(relay_ops_a_day=4)
        driver.measure(at, at)
        memory = driver_memory(driver)
        assert memory is not None
        again, of = car(relay_ops_a_day=4)
        remember_driver(again, memory)
        soon, later = at + HOUR / 2, at + 2 * DAY
        assert again.measure(at, soon) == driver.measure(at, soon)
        assert again.measure(at, later) == driver.measure(at, later)
        assert again.next_at == driver.next_at
        assert of.departures[-1].energy_wh == pytest.approx(30_000)


def test_departure_that_was_skipped_does_not_take_place_later() -> None:
    driver, of = car()
    of.skip({(T0 + DAY).date()})
    driver.measure(T0, T0 + 30 * HOUR)
    of.skip(set())  # the day is over: nobody keeps it
    driver.measure(T0 + 30 * HOUR, T0 + 40 * HOUR)
    assert [one.at for one in of.departures] == [T0 + 38 * HOUR]
    assert of.spec.plugs_in_at == T0 + 47.5 * HOUR


def test_departure_that_was_skipped_does_not_take_place_after_a_restart() -> None:
    driver, of = car()
    of.skip({(T0 + DAY).date()})
    driver.measure(T0, T0 + 30 * HOUR)
    memory = driver_memory(driver)
    assert memory is not None
    again, of = car()
    remember_driver(again, memory)
    of.skip({(T0 + 3 * DAY).date()})
    again.measure(T0 + 30 * HOUR, T0 + 40 * HOUR)
    assert [one.at for one in of.departures] == [T0 + 38 * HOUR]
    assert of.spec.plugs_in_at == T0 + 47.5 * HOUR
