"""Days one after the other: who departs comes back, and is asked again."""

from datetime import timedelta
from typing import Any

import pytest
from worlds import START, T0, Story, World, vehicle

from agents.drivers.plan_feed import PlanFeed
from agents.drivers.telling import TellingDriver
from agents.drivers.travelling import TravellingVehicle
from agents.parties.der.actor import Der
from agents.parties.der.state import DER, der_state, remember_der
from agents.settings.devices import VehicleSpec
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture
from broker.chance import Faults
from broker.node import Crash
from protocol import messages as m
from protocol.actor import Measured
from protocol.messages import IntervalPeriod
from protocol.units import Direction

DAY = timedelta(days=1)
ARRIVES = {"arrives_wh": 22_000}
TRIP = {"trip_wh": 8_000}


def commuter(name: str, *, zone: str = "UTC", at: str = "07:00", back: str = "16:30", **trip: Any) -> VehicleSpec:
    """Departs every morning and is back in the afternoon."""
    daily = WeeklyDeparture.model_validate({"days": WEEKDAYS, "at": at, "back": back, **trip})
    return vehicle(name, plan=OwnersPlan(zone=zone, departures=(daily,)))


def days(count: int, *vehicles: VehicleSpec, **more: Any) -> World:
    """Three cars, an event on each of so many days."""
    world = World()
    homes = [world.home(f"h{i}", "ra-1", one) for i, one in enumerate(vehicles)]
    world.aggregator("ra-1", homes, **more)
    for day in range(count):
        start = START + day * DAY
        world.event(9_000, 9_000, event_id=f"day-{day}", issue_at=start - timedelta(minutes=55), start=start)
    return world


def play(world: World, count: int) -> Story:
    simulation = world.build()
    simulation.run(until=START + count * DAY)
    return Story(simulation, world)


def physics(story: Story, home: str) -> TravellingVehicle:
    (driver,) = story.simulation.nodes[home].stepper.drivers.values()
    assert isinstance(driver, TellingDriver)
    assert driver.vehicle is not None
    return driver.vehicle


def delivered_wh(story: Story, event_id: str) -> int:
    """As the meters tell it, against the declared schedule."""
    reports = [one for one in story.sent("report") if isinstance(one, m.Report) and one.event_id == event_id]
    readings = [reading for one in reports if one.resource_id.startswith("h") for reading in one.readings]
    return sum(reading.baseline_wh - reading.energy_wh for reading in readings)


@pytest.mark.parametrize("trip", [ARRIVES, TRIP], ids=["known arrival", "energy of a trip"])
def test_cars_that_left_in_the_morning_take_part_in_the_next_days_event(trip: dict[str, int]) -> None:
    story = play(days(3, *(commuter(f"ev-{i}", **trip) for i in range(3))), 3)
    outcomes = {note.event_id: note.data["outcome"] for note in story.notes("closed", "utility")}
    assert outcomes == {"day-0": "concluded", "day-1": "concluded", "day-2": "concluded"}
    for day in range(3):
        assert delivered_wh(story, f"day-{day}") == pytest.approx(9_000, abs=10)


def test_every_departure_has_what_its_owner_wants() -> None:
    story = play(days(4, *(commuter(f"ev-{i}", **TRIP) for i in range(3))), 4)
    for home in ("h0", "h1", "h2"):
        departures = physics(story, home).departures
        assert len(departures) == 4
        assert all(one.energy_wh >= one.wanted_wh - 1 for one in departures)


def test_car_that_comes_back_in_an_event_is_counted_on_from_then_on_only() -> None:
    story = play(days(2, *(commuter(f"ev-{i}", back="18:30", **ARRIVES) for i in range(3))), 2)
    offers = [one for one in story.sent("offer", "h0") if isinstance(one, m.Offer) and one.event_id == "day-1"]
    assert {one.power_w for one in offers} == {(0, 3_000)}
    assert delivered_wh(story, "day-1") == 0


def test_car_tells_when_it_leaves_and_when_it_is_plugged_in() -> None:
    story = play(days(0, commuter("ev", **TRIP)), 2)
    told = [one.input for one in story.simulation.trace if one.actor == "h0" and isinstance(one.input, Measured)]
    assert [(one.at - T0, one.plugged, one.soc_wh) for one in told] == [
        (timedelta(0), True, 30_000), (timedelta(hours=14), False, None), (timedelta(hours=23.5), True, 22_000),
        (timedelta(hours=38), False, None), (timedelta(hours=47.5), True, 22_000),
    ]  # fmt: skip


def test_car_whose_owner_does_not_drive_today_stays_and_takes_part_in_the_morning() -> None:
    world = days(0, *(commuter(f"ev-{i}", **TRIP) for i in range(3)))
    morning = T0 + timedelta(hours=15)
    world.event(9_000, event_id="morning", issue_at=morning - timedelta(minutes=50), start=morning)
    simulation = world.build()
    tomorrow = (T0 + DAY).date()

    def stay(home: str) -> None:
        stepper = simulation.nodes[home].stepper
        (feed,) = stepper.feeds
        assert isinstance(feed, PlanFeed)
        (name,) = feed.vehicles
        feed.skip(name, tomorrow)
        simulation.give(simulation.now, home, feed.planned(name, stepper.actor, simulation.now))

    simulation.at(T0 + timedelta(hours=2), lambda: [stay(home) for home in ("h0", "h1", "h2")])
    simulation.run(until=T0 + 2 * DAY)
    story = Story(simulation, world)
    assert story.note("closed", "utility").data["outcome"] == "concluded"
    assert delivered_wh(story, "morning") == pytest.approx(4_500, abs=5)
    assert [one.at for one in physics(story, "h0").departures] == [T0 + timedelta(hours=38)]


def test_first_day_of_a_car_without_a_plan_is_its_only_one() -> None:
    story = play(days(2, *(vehicle(f"ev-{i}") for i in range(3))), 2)
    outcomes = {note.event_id: note.data["outcome"] for note in story.notes("closed", "utility")}
    assert outcomes["day-0"] == "concluded"
    assert outcomes["day-1"] != "concluded"


def test_home_that_dies_while_its_car_is_away_knows_where_it_was() -> None:
    crash = Crash("h0", "stepped", T0 + timedelta(hours=14), timedelta(hours=6))
    world = days(2, *(commuter(f"ev-{i}", **TRIP) for i in range(3)))
    simulation = world.build(faults=Faults(crashes=(crash,)))
    simulation.run(until=START + 2 * DAY)
    assert [died for _, died in simulation.crashed] == [crash]
    story = Story(simulation, world)
    outcomes = {note.event_id: note.data["outcome"] for note in story.notes("closed", "utility")}
    assert outcomes["day-1"] == "concluded"
    assert len(physics(story, "h0").departures) == 2


def test_state_of_a_home_with_a_plan_is_remembered() -> None:
    story = play(days(2, *(commuter(f"ev-{i}", **TRIP) for i in range(3))), 2)
    home = story.simulation.actor("h0")
    assert isinstance(home, Der)
    again = Der(home.settings)
    remember_der(again, DER.load(DER.dump(der_state(home))))
    assert DER.dump(der_state(again)) == DER.dump(der_state(home))
    asked = IntervalPeriod(start=START + 2 * DAY)
    one, other = (
        actor.home.flexibility(Direction.DECREASE_LOAD, asked, (9_000, 9_000), actor.ledger.but(""))
        for actor in (home, again)
    )
    assert one.joint == other.joint
    assert any(one.joint.power_w)
