"""What the console tells of an event in which something was lost, cancelled, or not metered: nothing that is not known."""

from datetime import timedelta
from typing import Any

from told_chronicle import mute, told
from worlds import START, T0, World

from agents.pages.console.event_view import EventView, passed, view
from agents.pages.console.slot_table import columns
from protocol.actor import Cancel, Decided

SLOT = timedelta(minutes=30)


def two_homes() -> World:
    world = World()
    world.simple("ra-1", 2)
    world.event(8_000, 8_000)
    return world


def seen(world: World, minutes: int, *given: tuple[int, str, Any]) -> EventView:
    """The event so many minutes after its start; `given`: what somebody says, at so many minutes."""
    now = START + timedelta(minutes=minutes)
    orders = [(START + timedelta(minutes=at), who, what) for at, who, what in given]
    event = told(world, now, orders).event("e1")
    found = view(event, now) if event is not None else None
    assert found is not None
    return found


def all_leave(at: int) -> list[tuple[int, str, Any]]:
    return [(at, f"ra-1-h{number}", Decided("e1", False)) for number in range(2)]


def test_deal_of_which_nothing_is_left_is_told_as_lost_and_short() -> None:
    for minutes in (-1, 90):
        found = seen(two_homes(), minutes, *all_leave(-5))
        assert found.open is (minutes < 0)
        assert (found.no_award, found.top.is_lost, found.secured_w) == ("lost again", True, None)
        assert found.shortfall_w == (8_000, 8_000)
        assert {(row.next, row.until) for row in found.rows} == {("", None)}
        by_name = {one.name: one for one in columns(found)}
        assert by_name["awarded"].power_w == (0, 0)
        assert by_name["short"].warned == {0, 1}
        assert (found.counts()["usable"], found.counts()["awarded"]) == (2, 0)
    assert found.top.ending == "lost"
    assert found.delivered_wh == {}  # nobody had anything to tell


def test_event_that_is_cancelled_is_no_failed_deal_and_short_of_nothing() -> None:
    found = seen(two_homes(), -1, (-5, "utility", Cancel("e1")))
    assert (found.no_award, found.top.ending, found.shortfall_w) == ("cancelled", "cancelled", None)


def test_nothing_is_delivered_of_which_no_meter_told() -> None:
    world = two_homes()
    world.intercepts |= {"ra-1-h0": mute, "ra-1-h1": mute}
    found = seen(world, 90)
    assert found.top.slots[0].reported == 1  # the coordinator's sum, of nothing
    assert (found.delivered_wh, found.untold) == ({}, 4)
    assert found.counts()["delivered"] == 0


def test_values_that_are_missing_are_counted_beside_what_was_told() -> None:
    world = two_homes()
    world.intercepts["ra-1-h0"] = mute
    found = seen(world, 90)
    assert sum(found.delivered_wh.values()) == 4_000
    assert found.untold >= 1
    assert [edge.edge.child for edge in found.edges if passed(edge, "delivered")] == ["ra-1-h1"]


def test_event_that_is_issued_later_is_not_there_yet() -> None:
    assert told(two_homes(), T0).event("e1") is None
