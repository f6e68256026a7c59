"""A home's connection point: its limits hold for all devices together at every instant, and without the grid nothing is
given."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from checker import violations
from device_cases import any_device, directions, plans
from hypothesis import given, settings
from hypothesis import strategies as st
from played import Played
from worlds import START, T0, World, battery, vehicle

from agents.devices.catalogue import build_device
from agents.devices.contract import Ask, Segment, pieces
from agents.devices.course import power_at
from agents.parties.der.home import Home
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import DeviceSpec
from protocol.actor import Outage
from protocol.messages import IntervalPeriod
from protocol.units import SLOT, Direction

UP, DOWN = Direction.INCREASE_LOAD, Direction.DECREASE_LOAD
MINUTE = timedelta(minutes=1)


def world(direction: Direction, *power_w: int, **point: Any) -> World:
    """A battery and a car that charges until 20:00 at 6 kW, at one connection point."""
    made = World()
    car = vehicle("ev", capacity_wh=60_000, soc_wh=10_000, departure_soc_wh=27_000, max_discharge_w=0)
    devices = (battery("bat", 5_000), car)
    connection = ConnectionPoint(**point) if point else None
    made.aggregator("ra-1", [made.home("h", "ra-1", *devices, connection=connection)], capacity_w=11_000)
    made.utility["accept_share_pct"] = made.coordinator["accept_share_pct"] = 0
    made.event(*power_w, direction=direction)
    return made


def given_w(made: World) -> object:
    return made.run().notes("delivered", "ra-1")[0].data["awarded_wh"]


def test_home_without_a_connection_point_is_limited_by_its_devices_alone() -> None:
    assert given_w(world(DOWN, 11_000, 11_000)) == 11_000
    assert given_w(world(UP, 5_000)) == 2_500


def test_nothing_is_fed_back_unless_it_is_allowed() -> None:
    limits = {"import_limit_w": 20_000, "base_load_w": (700,)}
    assert given_w(world(DOWN, 11_000, 11_000, **limits)) == 6_700
    assert given_w(world(DOWN, 11_000, 11_000, export_limit_w=2_000, **limits)) == 8_700


def test_no_more_is_drawn_than_the_connection_lets_through() -> None:
    assert given_w(world(UP, 5_000, import_limit_w=7_500, base_load_w=(500,))) == 500


def test_base_load_counts_by_its_half_hours() -> None:
    points = {"import_limit_w": 20_000, "base_load_at": T0, "base_load_w": (0, 0, 1_000, 3_000, 0)}
    story = world(DOWN, 11_000, 11_000, **points).run()
    assert story.notes("awards_sent", "ra-1")[0].data["power_w"] == (7_000, 9_000)
    point = ConnectionPoint(**points)
    assert point.base_range_w(T0, T0 + SLOT) == (0, 0)
    assert point.base_range_w(START, START + 2 * SLOT) == (1_000, 3_000)
    assert point.base_range_w(START, START + 9 * SLOT) == (0, 3_000)  # beyond what is known: any of it


@pytest.mark.parametrize("wrong", [{"base_load_w": (1, 2)}, {"base_load_w": (9_000,)}])
def test_base_load_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="base_load"):
        ConnectionPoint(import_limit_w=8_000, **wrong)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(any_device(), min_size=1, max_size=3), directions, directions, plans(3), plans(3),
    st.integers(0, 12_000), st.integers(0, 6_000), st.integers(0, 2_000), st.sampled_from([-10, 0, 7, 20, 45]),
)  # fmt: skip
def test_limits_hold_at_every_instant_of_two_events(
    specs: list[DeviceSpec], first: Direction, second: Direction, first_w: tuple[int, ...], second_w: tuple[int, ...],
    most_w: int, export_w: int, base_w: int, minutes: int,
) -> None:  # fmt: skip
    """What comes on top of the own schedules never leads beyond a limit; they may be beyond it by themselves."""
    specs = [spec.model_copy(update={"resource_id": f"d{i}"}) for i, spec in enumerate(specs)]
    point = ConnectionPoint(import_limit_w=max(most_w, base_w), export_limit_w=export_w, base_load_w=(base_w,))
    home = Home([build_device(spec) for spec in specs], connection=point)
    reserved: dict[str, tuple[Segment, ...]] = {}
    for direction, asked_w, start in ((first, first_w, START), (second, second_w, START + minutes * MINUTE)):
        period = IntervalPeriod(start=start)
        answer = home.flexibility(direction, period, asked_w, reserved)
        asks = {
            name: Ask(direction, period, part.power_w, reserved.get(name, ())) for name, part in answer.parts.items()
        }
        courses = {
            name: home.device(name).lay_out(asks[name], part.schedule_w, part.power_w)
            for name, part in answer.parts.items()
        }
        for slot, power_w in enumerate(answer.joint.power_w):
            ranges = {
                name: home.device(name).ranges_w(asks[name], part.schedule_w)[slot]
                for name, part in answer.parts.items()
            }
            if power_w and direction is UP:
                assert base_w + highest_w(asks, courses, ranges, slot) <= point.import_limit_w
            elif power_w:
                assert base_w + lowest_w(asks, courses, ranges, slot) >= -point.export_limit_w
        for name, course in courses.items():
            reserved[name] = (*reserved.get(name, ()), *course)


def highest_w(asks: dict[str, Ask], courses: Any, ranges: dict[str, tuple[int, int]], slot: int) -> int:
    """The most that all devices draw together at any instant of a slot, W."""
    return max(
        sum(at_w(asks[name], courses[name], begins, high) for name, (_, high) in ranges.items())
        for begins in instants(asks, courses, slot)
    )


def lowest_w(asks: dict[str, Ask], courses: Any, ranges: dict[str, tuple[int, int]], slot: int) -> int:
    """The least."""
    return min(
        sum(at_w(asks[name], courses[name], begins, low) for name, (low, _) in ranges.items())
        for begins in instants(asks, courses, slot)
    )


def instants(asks: dict[str, Ask], courses: Any, slot: int) -> list[datetime]:
    """Of a slot, those at which anything changes."""
    period = next(iter(asks.values())).period
    segments = [s for name, ask in asks.items() for s in (*ask.reserved, *courses[name])]
    return [begins for begins, _ in pieces(segments, period.slot_start(slot), period.slot_start(slot + 1))]


def at_w(ask: Ask, course: Any, at: datetime, otherwise_w: int) -> int:
    """A device's power at an instant, by its course; without one what it may have by its own schedule."""
    power_w = power_at((*ask.reserved, *course), at)
    return otherwise_w if power_w is None else power_w


def own_storage(direction: Direction, **point: Any) -> World:
    """An aggregator without a home that gives anything, and two batteries of 5 kW behind one connection point."""
    made = World()
    made.aggregator(
        "ra-1", [made.home("h", "ra-1", vehicle("ev", reserve_wh=30_000))], capacity_w=6_000,
        storage=(battery("own-1"), battery("own-2")), connection=ConnectionPoint(**point) if point else None,
    )  # fmt: skip
    made.utility["accept_share_pct"] = made.coordinator["accept_share_pct"] = 0
    made.event(14_000, direction=direction)
    return made


def test_own_storage_of_an_aggregator_holds_the_limits_of_its_connection_point() -> None:
    limits = {"import_limit_w": 6_000, "export_limit_w": 3_000, "base_load_w": (1_000,)}
    assert given_w(own_storage(DOWN)) == 5_000
    assert given_w(own_storage(DOWN, **limits)) == 2_000
    story = own_storage(DOWN, **limits).run()
    assert story.settled_wh() == (2_000, 2_000)
    played = Played(story.simulation)
    assert sum(played.flowed_wh(name, START, START + SLOT) for name in ("own-1", "own-2")) == pytest.approx(-2_000)
    up = own_storage(UP, **limits).run()
    assert up.note("own_storage_added", "ra-1").data["storage_w"] == (5_000,)


def test_outage_withdraws_at_once_and_nothing_is_offered_until_it_is_over() -> None:
    made = World()
    made.aggregator("ra-1", [made.home("h", "ra-1", battery("bat", 5_000)), made.home("other", "ra-1")])
    made.event(4_000, 4_000, event_id="under-way")
    made.event(4_000, event_id="in-outage", issue_at=START + 15 * MINUTE, start=START + 120 * MINUTE)
    made.event(4_000, event_id="after", issue_at=START + 70 * MINUTE, start=START + 180 * MINUTE)
    simulation = made.build()
    simulation.give(START + 10 * MINUTE, "h", Outage(is_out=True))
    simulation.give(START + 60 * MINUTE, "h", Outage(is_out=False))
    simulation.run()
    played = Played(simulation)
    assert [n.data["cause"] for n in played.story.notes("withdrawn", "ra-1")][:1] == [
        "an outage: the home runs without the grid"
    ]
    assert played.flowed_wh("bat", START, START + 10 * MINUTE) < 0
    assert played.flowed_wh("bat", START + 11 * MINUTE, START + 170 * MINUTE) == 0
    opted = {note.event_id: note.data["reason"] for note in played.story.notes("opted_out", "h")}
    assert opted == {"in-outage": "outageRunStatus"}
    assert [note.event_id for note in played.story.notes("offered", "h")] == ["under-way", "after"]
    assert violations(simulation.trace) == []


def test_offer_is_taken_back_in_an_outage() -> None:
    made = World()
    made.aggregator("ra-1", [made.home("h", "ra-1", battery("bat", 5_000)), made.home("other", "ra-1")])
    made.utility["accept_share_pct"] = 0
    made.event(4_000)
    simulation = made.build()
    simulation.give(T0 + 5 * MINUTE + timedelta(milliseconds=85), "h", Outage(is_out=True))
    simulation.run()
    played = Played(simulation)
    assert played.setpoints("bat") == []
    assert [note.data["reason"] for note in played.story.notes("opted_out", "h")] == ["outageRunStatus"]
    assert violations(simulation.trace) == []
