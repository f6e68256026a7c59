"""The meter of a simulated device runs when its power flows, however seldom it is read."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.drivers.simulated import build_driver
from agents.settings.devices import VehicleSpec
from protocol.actor import Driver

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def vehicle(soc_wh: int, charging: str = "at_once") -> Driver:
    return build_driver(
        VehicleSpec.model_validate(
            {
                "resource_id": "ev",
                "kind": "vehicle",
                "capacity_wh": 40_000,
                "soc_wh": soc_wh,
                "state_at": T0,
                "plugs_in_at": T0,
                "departs_at": T0 + timedelta(hours=2),
                "departure_soc_wh": 30_000,
                "max_charge_w": 6_000,
                "max_discharge_w": 6_000,
                "charge_efficiency_pct": 100,
                "charging": charging,
            }
        )
    )


def read_wh(driver: Driver, first: int, last: int) -> int:
    """What its meter says of the minutes between, Wh."""
    measured = driver.measure(T0 + first * MINUTE, T0 + last * MINUTE)
    assert measured.energy_wh is not None
    return measured.energy_wh


@pytest.mark.parametrize(("charging", "slots"), [("at_once", [500, 100, 0]), ("late", [0, 0, 0])])
def test_slots_that_are_read_late_show_when_it_charged(charging: str, slots: list[int]) -> None:
    driver = vehicle(29_400, charging)
    driver.measure(T0, T0 + 90 * MINUTE)  # one look, long after
    assert [read_wh(driver, first, first + 5) for first in (0, 5, 10)] == slots


def test_recharge_after_a_setpoint_is_metered_behind_it_and_not_spread() -> None:
    driver = vehicle(30_000)
    driver.set_power(-6_000, T0, T0 + 5 * MINUTE)
    driver.measure(T0, T0 + 60 * MINUTE)
    slots = [read_wh(driver, first, first + 5) for first in (0, 5, 10, 15)]
    assert slots[0] < -400
    assert sum(slots[1:3]) >= 500
    assert slots[3] == 0


def test_late_charging_is_metered_just_before_the_departure() -> None:
    driver = vehicle(29_400, "late")
    driver.measure(T0, T0 + 120 * MINUTE)
    assert [read_wh(driver, first, first + 3) for first in (111, 114, 117)] == [0, 300, 300]


def test_store_is_told_as_of_the_instant_that_is_asked_for() -> None:
    driver = vehicle(30_000)
    driver.set_power(-6_000, T0, T0 + 30 * MINUTE)
    driver.measure(T0, T0 + 35 * MINUTE)  # it charges again
    assert driver.measure(T0, T0 + 30 * MINUTE).soc_wh == 30_000 - round(3_000 / 0.95)
    assert driver.measure(T0 + 30 * MINUTE, T0 + 35 * MINUTE).soc_wh == 30_000 - round(3_000 / 0.95) + 500
