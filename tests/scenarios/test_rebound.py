"""What homes take back behind an event: metered against what they would have done without it, told by every party above."""

from datetime import timedelta
from typing import Any

import pytest
from worlds import START, Story, World, vehicle

from agents.negotiation.rebound import KEY, Rebound, summed, told
from protocol import messages as m
from protocol.units import Direction

END, TWO_HOURS_S = START + timedelta(hours=1), 7_200
HOMES = 4


def evening(rebound_s: int | None = TWO_HOURS_S, direction: Direction = Direction.DECREASE_LOAD, **home: Any) -> World:
    """Four cars of 3 kW each in two slots; less load: full ones, which charge it and what is lost on the way again."""
    world, car = World(), {} if direction is Direction.DECREASE_LOAD else {"soc_wh": 20_000, "departure_soc_wh": 29_000}
    late = {} if direction is Direction.DECREASE_LOAD else {"charging": "late"}
    homes = [
        world.home(f"h{n}", "ra-1", vehicle(f"ev-{n}", **car, **late), rebound_s=rebound_s, **home)
        for n in range(HOMES)
    ]
    world.aggregator("ra-1", homes)
    world.event(*[3_000 * HOMES] * 2, direction=direction)
    return world


def rebounds(story: Story) -> dict[str, dict[str, Any]]:
    """The last word of each party."""
    return {who: dict(note.data) for _, who, note in story.simulation.notes if note.name == "rebound_metered"}


def test_what_cars_charge_again_is_told_at_every_tier() -> None:
    story = evening().run()
    expected = {"taken_back_wh": 3_324 * HOMES, "within_s": TWO_HOURS_S, "homes": HOMES}
    assert rebounds(story) == dict.fromkeys(("ra-1", "ac", "utility"), expected)
    assert story.settled_wh() == (3_000 * HOMES, 3_000 * HOMES)  # no part of what was delivered


def test_what_is_not_back_when_the_time_is_over_is_not_counted() -> None:
    story = evening(rebound_s=900).run()
    assert rebounds(story)["utility"] == {"taken_back_wh": 1_500 * HOMES, "within_s": 900, "homes": HOMES}


def test_car_that_charged_early_takes_it_back_by_charging_less() -> None:
    story = evening(direction=Direction.INCREASE_LOAD).run()
    assert story.settled_wh()[1] == 3_000 * HOMES
    assert rebounds(story)["utility"]["taken_back_wh"] == 0  # it would have charged in the morning only


def test_home_that_says_nothing_of_it_sends_nothing_more() -> None:
    with_, without = evening().run(), evening(rebound_s=None).run()
    assert rebounds(without) == {}
    assert len(with_.sent("report", "h0")) == len(without.sent("report", "h0")) + 1


def test_staggered_release_takes_back_less_within_the_same_time() -> None:
    story = evening(rebound_s=900, release_s=1_800).run()
    assert 0 <= rebounds(story)["utility"]["taken_back_wh"] < 1_500 * HOMES


def test_nothing_is_told_where_another_event_leads_the_device_meanwhile() -> None:
    world = evening()
    world.event(1_000 * HOMES, event_id="e2", start=END + timedelta(minutes=30), issue_at=START - timedelta(minutes=30))
    story = world.run()
    assert [note.event_id for note in story.notes("rebound_metered", "utility")] == ["e2"]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_what_one_home_does_not_tell_is_not_made_up(lost: int) -> None:
    world = evening()
    for n in range(lost):
        world.intercepts[f"h{n}"] = lambda sender, post: [] if KEY.encode() in post.payload else [(post, timedelta())]
    found = rebounds(world.run())["utility"]
    assert (found["homes"], found["taken_back_wh"]) == (HOMES - lost, 3_324 * (HOMES - lost))


def report(given: Any, **changes: Any) -> m.Report:
    fields: dict[str, Any] = {
        "message_id": "r",
        "sent_at": END,
        "event_id": "e",
        "request_id": "e.1.1",
        "round": 1,
        "revision": 9,
    }
    fields |= {"resource_id": "h0", "readings": (), "slot": 1, "state": m.EventStatus.COMPLETED} | changes
    return m.Report(**fields, extensions={KEY: given})


@pytest.mark.parametrize(
    "given",
    [[], [1], [1, 2], [1, 2, 3, 4], ["1", 900, 1], [1.5, 900, 1], [True, 900, 1], [10**15, 900, 1], [1, 0, 1], [1, -5, 1],
     [1, 10**9, 1], [1, 900, 0], [1, 900, 10**9], None, 5, "abc", {"a": 1, "b": 2, "c": 3}, [None, 900, 1]],
)  # fmt: skip
def test_what_cannot_be_read_or_be_counts_for_nothing(given: Any) -> None:
    assert told(report(given), 6_000) is None


def test_what_can_be_counts_and_is_summed_up() -> None:
    assert told(report([1_500, 900, 1]), 6_000) == Rebound(1_500, 900)
    assert told(report([1_502, 900, 1]), 6_000) is None  # more than 6 kW give in a quarter of an hour
    assert summed([Rebound(1_500, 900), Rebound(-300, 7_200, 3)]) == Rebound(1_200, 7_200, 4)
