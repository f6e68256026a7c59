"""What the slots to come will probably bring, by what parents expect of their members."""

from datetime import datetime, timedelta

from told_chronicle import mute, told
from worlds import START, World

from agents.pages.chronicle import Chronicle
from agents.pages.console.event_view import EventView, view
from agents.pages.console.projection import Doubt, ProjectedSlot, doubts, projection
from agents.pages.console.slot_table import columns

SLOT = timedelta(minutes=30)


def seen(chronicle: Chronicle, now: datetime) -> tuple[EventView, tuple[Doubt, ...], tuple[ProjectedSlot, ...]]:
    event = chronicle.event("e1")
    assert event is not None
    found, doubted = view(event, now), doubts(chronicle.records["e1"].lines)
    assert found is not None
    return found, doubted, projection(found, event, doubted, now)


def two_homes() -> World:
    world = World()
    world.simple("ra-1", 2)
    world.event(12_000, 12_000, 12_000)
    return world


def test_all_that_is_due_is_expected_of_members_whose_meters_tell_it() -> None:
    now = START + SLOT + timedelta(minutes=10)
    found, doubted, slots = seen(told(two_homes(), now), now)
    assert doubted == ()
    assert [(one.slot, one.due_w, one.expected_w, one.missing_w, one.running) for one in slots] == [
        (1, 12_000, 12_000, 0, True),
        (2, 12_000, 12_000, 0, False),
    ]
    assert slots[0].ends_at == START + 2 * SLOT
    by_name = {one.name: one for one in columns(found)}
    assert by_name["delivered"].power_w == (12_000, None, None)
    assert by_name["offers"].total_wh == by_name["requested"].total_wh == 18_000
    assert by_name["surplus"].power_w == (None, None, None)
    assert by_name["short"].power_w == (0, 0, 0)


def test_what_a_silent_meter_leaves_is_missing_until_it_is_stated_to_be_lost() -> None:
    missing = {}
    for minutes in (2, 10):
        world, now = two_homes(), START + SLOT + timedelta(minutes=minutes)
        world.intercepts["ra-1-h0"] = mute
        found, doubted, slots = seen(told(world, now), now)
        assert doubted == (Doubt("ra-1", "ra-1-h0", 0),)
        assert [one.expected_w for one in slots] == [6_000, 6_000]
        missing[minutes] = [one.missing_w for one in slots]
        (short,) = [one.power_w for one in columns(found) if one.name == "short"]
        assert short == ((0, 0, 0) if minutes == 2 else (0, 6_000, 6_000))
    assert missing == {2: [6_000, 6_000], 10: [0, 0]}


def test_event_that_is_over_has_nothing_to_mend() -> None:
    now = START + 5 * SLOT
    assert seen(told(two_homes(), now), now)[2] == ()
