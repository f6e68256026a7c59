"""A home's surplus: what its plants generate by themselves, less its base load."""

from datetime import timedelta

from worlds import T0

from agents.devices.pv_surplus import PvSurplus
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import SolarSpec
from protocol.units import SLOT


def plant(*forecast_w: int, name: str = "pv", export_limit_w: int = 5_000, minutes: int = 0) -> SolarSpec:
    at = T0 + timedelta(minutes=minutes)
    return SolarSpec(
        kind="solar", resource_id=name, forecast_w=forecast_w, forecast_at=at, export_limit_w=export_limit_w
    )


def test_base_load_is_taken_off_half_hour_by_half_hour() -> None:
    """Where no base load is said any of it may hold: the greatest counts."""
    base = ConnectionPoint(import_limit_w=9_000, base_load_w=(300, 4_000), base_load_at=T0)
    surplus = PvSurplus([plant(3_000, 3_000, 3_000)], base)
    instants = [T0, T0 + SLOT - timedelta(microseconds=1), T0 + SLOT, T0 + 2 * SLOT, T0 + 3 * SLOT]
    assert [surplus.power_w(at) for at in instants] == [2_700, 2_700, 0, 0, 0]


def test_plants_add_up_within_their_export_limits() -> None:
    surplus = PvSurplus([plant(3_000), plant(9_000, name="pv-2")], None)
    assert surplus.power_w(T0) == 8_000


def test_edges_are_those_of_every_forecast() -> None:
    surplus = PvSurplus([plant(1, 2), plant(1, 2, name="pv-2", minutes=10)], None)
    minutes = [(at - T0) // timedelta(minutes=1) for at in surplus.edges(T0, T0 + 2 * SLOT)]
    assert minutes == [10, 30, 40]


def test_rows_tell_the_power_from_each_edge_on() -> None:
    surplus = PvSurplus([plant(1_000, 2_000)], None)
    sunshine = surplus.sunshine(T0 + SLOT / 2, T0 + 2 * SLOT)
    assert list(sunshine.power_w) == [1_000, 2_000]
    assert sunshine.at_us[1] - sunshine.at_us[0] == 15 * 60 * 10**6


def test_home_without_a_plant_has_no_surplus() -> None:
    surplus = PvSurplus([], None)
    assert surplus.power_w(T0) == 0
    assert surplus.edges(T0, T0 + 4 * SLOT) == []
