"""A home whose car follows its plant: it offers what it charges from the sun, delivers it, and still departs as it has to."""

from datetime import timedelta

import pytest
from checker import violations
from played import Played
from worlds import START, T0, World, vehicle

from agents.settings.connection import ConnectionPoint
from agents.settings.devices import SolarSpec
from protocol.units import SLOT, Direction


def world(direction: Direction, *power_w: int) -> World:
    """3 kW of sun above the base load until 21:00; the car charges from it until then, and needs 12 kWh until 00:00."""
    made = World()
    car = vehicle(
        "ev", soc_wh=20_000, departure_soc_wh=31_400, max_discharge_w=0, charging="follow_pv",
        departs_at=T0 + timedelta(hours=7),
    )  # fmt: skip
    plant = SolarSpec(kind="solar", resource_id="pv", forecast_w=(3_700,) * 8, forecast_at=T0, export_limit_w=4_000)
    connection = ConnectionPoint(import_limit_w=10_000, export_limit_w=4_000, base_load_w=(700,))
    made.aggregator("ra-1", [made.home("h", "ra-1", car, plant, connection=connection)], capacity_w=10_000)
    made.utility["accept_share_pct"] = made.coordinator["accept_share_pct"] = 0
    made.event(*power_w, direction=direction)
    return made


def played(direction: Direction, *power_w: int) -> Played:
    made = world(direction, *power_w)
    made.run()
    assert made.simulation is not None
    assert violations(made.simulation.trace) == []
    return Played(made.simulation)


def test_charging_from_the_sun_is_given_up_and_made_up_in_time() -> None:
    story = played(Direction.DECREASE_LOAD, 3_000, 3_000)
    assert story.slots_wh("e1", "ra-1") == [1_500, 1_500]
    assert story.flowed_wh("ev", T0, START) == 3_000
    assert story.flowed_wh("ev", START, START + 2 * SLOT) == 0
    assert story.left_with_wh("ev") == pytest.approx(31_400, abs=1)


def test_more_than_the_sun_is_drawn_when_it_is_asked_for() -> None:
    story = played(Direction.INCREASE_LOAD, 3_000, 3_000)
    assert story.slots_wh("e1", "ra-1") == [1_500, 1_500]
    assert story.flowed_wh("ev", START, START + 2 * SLOT) == 6_000
    assert story.left_with_wh("ev") == pytest.approx(31_400, abs=1)
