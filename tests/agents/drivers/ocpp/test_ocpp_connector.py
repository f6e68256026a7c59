"""What one connector has said, in our units."""

import pytest

from agents.drivers.contract import DeviceReading
from agents.drivers.ocpp.connector import EXPORTED, IMPORTED, Connector, Sample, is_at_outlet, sample
from agents.drivers.ocpp.options import OcppOptions
from agents.drivers.register import ANEW_WH


def connector() -> Connector:
    """Of three phases, with a vehicle that charges since 100 s."""
    found = Connector(OcppOptions(charge_point="CP-1", phases=3))
    found.be("Charging", "", 100)
    found.begin(1, 100, 100)
    return found


def read(one: Connector, now: float) -> DeviceReading:
    found = one.reading(now)
    assert found is not None
    return found


def register(one: Connector, wh: float, at: float) -> float | None:
    one.meter([Sample(IMPORTED, "", wh)], at, at)
    return read(one, at).register_wh


@pytest.mark.parametrize("value", ["NaN", "inf", "-Infinity", "much", None])
def test_value_that_is_no_finite_number_is_none(value: str | None) -> None:
    assert sample(value, "Power.Active.Import", None, "W") is None


def test_power_of_10_without_measure_is_no_value() -> None:
    assert sample(1, "Power.Active.Import", None, "W", 999) is None


def test_values_of_the_inlet_and_signatures_are_not_the_vehicles() -> None:
    assert is_at_outlet(None, None)
    assert is_at_outlet("SoC", "EV")
    assert not is_at_outlet(IMPORTED, "Inlet")
    assert not is_at_outlet(IMPORTED, "Outlet", "SignedData")


def test_register_that_begins_anew_is_another_one() -> None:
    one = connector()
    assert register(one, 1_500.5, 110) == 1_500.5
    assert register(one, 1_500, 120) == 1_500.5  # rounded
    assert register(one, 0, 130) == ANEW_WH
    assert register(one, 20, 140) == ANEW_WH + 20


def test_export_register_that_begins_anew_alone_is_another_one_too() -> None:
    one = connector()

    def both(imported: float, exported: float, at: float) -> float | None:
        one.meter([Sample(IMPORTED, "", imported), Sample(EXPORTED, "", exported)], at, at)
        return read(one, at).register_wh

    assert both(5_000, 900, 110) == 4_100
    assert both(5_000, 899.5, 120) == 4_100  # rounded
    assert both(5_000, 0, 130) == ANEW_WH + 5_000
    one.meter([Sample(EXPORTED, "", 250)], 140, 140)
    assert read(one, 140).register_wh == ANEW_WH + 4_750
    assert both(0, 0, 150) == 2 * ANEW_WH  # both at once


def test_change_of_status_is_news_that_tells_no_register() -> None:
    one = connector()
    register(one, 1_000, 110)
    one.be("SuspendedEV", "", 120)
    reading = read(one, 125)
    assert (reading.age_s, reading.register_wh) == (5, None)
    one.be("SuspendedEV", "", 500)  # said again: no news
    assert read(one, 500).age_s == 380


def test_vehicle_that_charges_without_a_transaction_needs_meter_values_too() -> None:
    one = Connector(OcppOptions(charge_point="CP-1"))
    one.be("Charging", "", 100)
    one.meter([Sample(IMPORTED, "", 5)], 110, 110)
    one.alive(500)
    assert read(one, 500).age_s == 390


def test_faulted_connector_does_not_tell_whether_a_vehicle_is_there() -> None:
    one = connector()
    one.be("Faulted", "GroundFailure", 120)
    reading = read(one, 120)
    assert (reading.plugged, reading.power_w, reading.fault) == (None, None, "GroundFailure")
    one.be("Charging", "", 130)
    assert one.transaction == 1


def test_phases_of_a_vehicle_are_remembered_while_it_pauses() -> None:
    one = connector()
    one.meter([Sample("Current.Import", "L1", 16.0), Sample("Current.Import", "L2", 0.0)], 110, 110)
    one.meter([Sample("Current.Import", "L1", 0.0)], 120, 120)
    assert one.phases == 1
    one.begin(2, 130, 130)
    assert one.phases == 3


def test_values_that_were_overtaken_do_not_count() -> None:
    one = connector()
    register(one, 2_000, 200)
    one.meter([Sample(IMPORTED, "", 1_900)], 150, 210)
    assert read(one, 210).register_wh == 2_000


def test_vehicle_that_is_not_served_any_more_does_not_charge() -> None:
    one = connector()
    register(one, 2_000, 200)
    one.end(210)
    one.alive(900)
    reading = read(one, 900)
    assert (reading.age_s, reading.plugged, reading.register_wh) == (0, True, 2_000)
