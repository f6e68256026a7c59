"""More is asked of an event that stands, shortly before its start, while somebody is away: what stood is had again."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import START, Story, World

from agents.negotiation.lost_memory import refused_below
from protocol import messages as m
from protocol.actor import Issue
from protocol.errors import RejectReason
from protocol.units import Direction

SECOND = timedelta(seconds=1)


def asked_for_more(
    down: str | None, down_s: int, before_s: int = 100, more_w: tuple[int, ...] = (24_000, 24_000), **utility: Any
) -> Story:
    """20 kW stand with four homes; more is asked so many seconds before the start, while a party is down."""
    world = World(utility=utility)
    world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    simulation = world.build()
    at = START - before_s * SECOND
    simulation.give(at, "utility", Issue("e1", "dr", Direction.DECREASE_LOAD, START, more_w))
    if down is not None:
        simulation.at(at, lambda: simulation.kill(down, down_s * SECOND))
    simulation.run()
    assert violations(simulation.trace) == []
    return Story(simulation, world)


def outcome(story: Story) -> tuple[int, int]:
    """Awarded and delivered Wh."""
    (settled,) = story.notes("settled", "utility")
    return int(settled.data["awarded_wh"]), int(settled.data["delivered_wh"])


@pytest.mark.parametrize(("before_s", "down_s"), [(100, 40), (100, 60), (60, 30), (300, 250)])
@pytest.mark.parametrize("down", ["utility", "ac", "ra-1", "ra-1-h0"])
def test_no_less_stands_than_before_whoever_is_away_meanwhile(down: str, before_s: int, down_s: int) -> None:
    story = asked_for_more(down, down_s, before_s)
    awarded_wh, delivered_wh = outcome(story)
    assert awarded_wh >= 20_000 - (
        2_000 if down == "ra-1-h0" and down_s > 60 else 0
    )  # one of four is not there in time
    assert delivered_wh == awarded_wh
    assert story.notes("peer_lost_memory") == []


def test_larger_deal_is_bought_at_once_where_all_are_there() -> None:
    story = asked_for_more(None, 0)
    assert outcome(story) == (24_000, 24_000)
    assert story.notes("larger_deal_missed") == []
    assert [r.revision for r in story.sent("request", "utility") if isinstance(r, m.Request)] == [1, 2]


def test_utility_that_comes_back_behind_the_start_asks_nobody_again() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    simulation = world.build()
    at = START - 100 * SECOND
    more = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (24_000, 24_000))
    simulation.give(at, "utility", more)
    simulation.at(at, lambda: simulation.kill("ac", 70 * SECOND))
    simulation.at(START - 45 * SECOND, lambda: simulation.kill("utility", 120 * SECOND))
    simulation.run()
    story = Story(simulation, world)
    assert [note.data["asks_at"] < START for note in story.notes("larger_deal_missed")] == [True]
    assert all(request.sent_at < START for request in story.sent("request", "utility"))
    assert story.notes("closed", "utility")


def test_what_stood_is_asked_for_where_so_much_more_is_not_there() -> None:
    story = asked_for_more(None, 0, 300, (60_000, 60_000))
    missed = story.note("larger_deal_missed", "utility").data
    assert (missed["offered_w"], missed["stood_w"], missed["power_w"]) == ((24_000,) * 2, (20_000,) * 2, (20_000,) * 2)
    assert outcome(story) == (20_000, 20_000)


def test_what_stood_counts_in_the_slots_in_which_it_is_still_asked() -> None:
    story = asked_for_more("ra-1", 40, 100, (24_000, 16_000))
    assert story.note("larger_deal_missed", "utility").data["stood_w"] == (20_000, 16_000)
    assert outcome(story) == (18_000, 18_000)


def test_change_while_a_change_is_decided_remembers_what_stood_before_both() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    simulation = world.build()
    for before_s, power_w in ((120, 24_000), (110, 23_000)):
        change = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (power_w, power_w))
        simulation.give(START - before_s * SECOND, "utility", change)
    simulation.at(START - 121 * SECOND, lambda: simulation.kill("ra-1", 70 * SECOND))
    simulation.run()
    story = Story(simulation, world)
    assert {note.data["stood_w"] for note in story.notes("larger_deal_missed")} == {(20_000, 20_000)}
    assert outcome(story)[0] >= 20_000
    assert violations(simulation.trace) == []


def test_refusal_of_a_dispatch_that_overtook_its_award_is_no_lost_memory() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(12_000, 12_000, issue_at=START - 50 * SECOND)
    simulation = world.build()
    simulation.run(until=START - 40 * SECOND)
    event = simulation.actor("ra-1").events["e1"]  # type: ignore[attr-defined]
    child = event.children["ra-1-h0"]
    said = f"ra-1.dispatch.{event.awards.award_id('ra-1-h0', child.award)}.0.{child.award.revision}"
    for number, lost in ((said, False), (f"{said}.9", True)):
        reject = m.Reject(
            message_id=number,
            sent_at=simulation.now,
            refused_id=number,
            refused_kind="dispatch",
            refused_by=m.Side.CHILD,
            reason=RejectReason.UNKNOWN_AWARD,
        )
        refused_below(event, "ra-1-h0", reject, simulation.now)
        assert (child.awarded_w is None) is lost
