"""Behind an event homes go back to their own schedules one after the other, each at an instant of its own."""

from datetime import timedelta

import pytest
from worlds import START, Story, World, vehicle

from agents.parties.der.afterwards import release_after_s
from protocol.actor import Setpoint
from protocol.units import Direction

END = START + timedelta(hours=1)
WITHIN_S = 1_800
HOMES = 12


def evening(release_s: int, **car: object) -> Story:
    """Cars that give 3 kW for an hour and charge it again behind it."""
    world = World()
    homes = [world.home(f"h{n}", "ra-1", vehicle(f"ev-{n}", **car), release_s=release_s) for n in range(HOMES)]
    world.aggregator("ra-1", homes)
    world.event(*[3_000 * HOMES] * 2)
    return world.run()


def charged_wh(story: Story, minutes: int) -> list[int]:
    """What each car has charged so many minutes behind the event."""
    drivers = [story.simulation.nodes[f"h{n}"].stepper.drivers[f"ev-{n}"] for n in range(HOMES)]
    return [driver.measure(END, END + timedelta(minutes=minutes)).energy_wh or 0 for driver in drivers]


def turns_s() -> list[int]:
    return [release_after_s("e1", f"h{n}", WITHIN_S) for n in range(HOMES)]


def test_all_homes_charge_at_once_where_nothing_is_said() -> None:
    assert charged_wh(evening(0), 1) == [100] * HOMES


def test_each_home_charges_from_its_own_turn_on() -> None:
    story = evening(WITHIN_S)
    charged = charged_wh(story, 30)
    assert charged == [pytest.approx(6_000 * (WITHIN_S - turn_s) / 3_600, abs=2) for turn_s in turns_s()]
    assert len(set(turns_s())) == HOMES
    assert story.settled_wh() == (3_000 * HOMES, 3_000 * HOMES)
    assert len(story.notes("holding_on")) == HOMES


def test_car_that_has_to_leave_soon_does_not_wait_for_its_turn() -> None:
    story = evening(WITHIN_S, departs_at=END + timedelta(minutes=30), departure_soc_wh=30_000)
    assert charged_wh(story, 30) == pytest.approx([3_000] * HOMES, abs=2)


def test_other_event_behind_it_is_offered_what_is_there() -> None:
    world = World()
    homes = [world.home("h0", "ra-1", vehicle("ev-0"), release_s=WITHIN_S)]
    world.aggregator("ra-1", homes)
    world.event(3_000, 3_000)
    world.event(
        3_000, event_id="e2", start=END, issue_at=START + timedelta(minutes=5), direction=Direction.DECREASE_LOAD
    )
    story = world.run()
    (first, second) = story.notes("settled", "utility")
    assert first.data["delivered_wh"] == 3_000
    assert second.data["delivered_wh"] == second.data["awarded_wh"]


def test_home_that_was_asked_nothing_in_the_last_slot_is_left_alone() -> None:
    world = World()
    homes = [world.home("h0", "ra-1", vehicle("ev-0"), release_s=WITHIN_S)]
    world.aggregator("ra-1", homes)
    world.event(3_000, 0)
    story = world.run()
    assert story.notes("holding_on") == []
    last = [effect for entry in story.simulation.trace for effect in entry.effects if isinstance(effect, Setpoint)][-1]
    assert last.until <= END
