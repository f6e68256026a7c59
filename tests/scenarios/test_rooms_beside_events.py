"""A heat pump in two events, one right behind the other: it sells neither what the first leaves it to take back, nor what
that has taken already."""

from datetime import timedelta
from typing import cast

import pytest
from checker import comfort, violations
from worlds import START, T0, Story, World, room

from agents.drivers.simulated import SimulatedDriver
from protocol.units import Direction

UP, DOWN = Direction.INCREASE_LOAD, Direction.DECREASE_LOAD


def evening(first: Direction, second: Direction, apart: timedelta) -> Story:
    """Asked for all that it has for half an hour, and again some time behind that, before anything was measured."""
    world = World(utility={"accept_share_pct": 0}, coordinator={"accept_share_pct": 0})
    world.aggregator("ra-1", [world.home("h", "ra-1", room("pump"))])
    world.event(6_000, event_id="first", direction=first)
    start = START + timedelta(minutes=30) + apart
    world.event(6_000, event_id="second", direction=second, issue_at=T0 + timedelta(minutes=10), start=start)
    return world.run()


@pytest.mark.parametrize("minutes", [0, 7, 30])
@pytest.mark.parametrize(("first", "second"), [(UP, DOWN), (DOWN, UP), (UP, UP), (DOWN, DOWN)])
def test_what_is_awarded_of_the_second_event_is_given(first: Direction, second: Direction, minutes: int) -> None:
    story = evening(first, second, timedelta(minutes=minutes))
    assert violations(story.simulation.trace) == []
    assert list(comfort.violations(story.world.homes, story.simulation.trace)) == []
    for note in story.notes("settled", "utility"):
        awarded_wh, delivered_wh = cast(int, note.data["awarded_wh"]), cast(int, note.data["delivered_wh"])
        assert delivered_wh == pytest.approx(awarded_wh, rel=0.02, abs=3), note.event_id


def test_room_that_an_event_has_warmed_is_not_led_to_draw_more_when_less_is_asked() -> None:
    story = evening(UP, DOWN, timedelta())
    (driver,) = story.simulation.nodes["h"].stepper.drivers.values()
    assert isinstance(driver, SimulatedDriver)
    half_hour = START + timedelta(minutes=30), START + timedelta(hours=1)
    drawn_wh = sum(wh for start, end, wh in driver.flows if half_hour[0] <= start and end <= half_hour[1])
    left_alone = evening_without_second()
    assert drawn_wh <= left_alone + 1


def evening_without_second() -> float:
    """What it draws by itself in the half hour behind the first event, Wh."""
    world = World(utility={"accept_share_pct": 0}, coordinator={"accept_share_pct": 0})
    world.aggregator("ra-1", [world.home("h", "ra-1", room("pump"))])
    world.event(6_000, event_id="first", direction=UP)
    story = world.run()
    (driver,) = story.simulation.nodes["h"].stepper.drivers.values()
    assert isinstance(driver, SimulatedDriver)
    driver.advance(START + timedelta(minutes=30))
    driver.advance(START + timedelta(hours=1))
    return sum(
        wh for start, end, wh in driver.flows
        if START + timedelta(minutes=30) <= start and end <= START + timedelta(hours=1)
    )  # fmt: skip
