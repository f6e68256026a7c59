"""Capacity that is reserved by contract: no alternative anywhere, what there is is bought, what is missing is stated."""

import orjson
import pytest
from checker import violations
from worlds import Story, World, battery, vehicle

from protocol.codec import decode_body, encode
from protocol.messages import Request

OBLIGED = {"obliged": True}


def short(*event_w: int, **utility: bool) -> Story:
    """Two homes of 6 kW below one aggregator that owns a battery of 3 kW, one of 6 kW below another."""
    world = World(utility=utility, coordinator={"plan": "by_scale"})
    world.aggregator(
        "ra-1",
        [world.home(f"h-{number}", "ra-1", vehicle(f"ev-{number}")) for number in (1, 2)],
        storage=(battery("own", 3_000),),
    )
    world.simple("ra-2", 1)
    world.event(*event_w)
    story = world.run()
    assert violations(story.simulation.trace) == []
    return story


def test_what_there_is_of_reserved_capacity_is_bought_and_the_rest_stated() -> None:
    story = short(40_000, **OBLIGED)
    assert story.sent("alternative") == []
    assert story.note("obliged_short", "utility").data == {
        "requested_w": (40_000,), "secured_w": (21_000,), "shortfall_w": (19_000,),
    }  # fmt: skip
    assert story.note("event_awarded", "utility").data["power_w"] == (21_000,)
    assert story.settled_wh() == (10_500, 10_500)


def test_same_request_without_the_contract_ends_in_alternatives_and_no_deal() -> None:
    story = short(40_000)
    assert len(story.sent("alternative")) > 2
    assert story.notes("event_awarded") == []
    assert story.notes("obliged_short") == []


def test_fallbacks_before_the_alternative_are_climbed_all_the_same() -> None:
    story = short(40_000, **OBLIGED)
    assert story.note("own_storage_added", "ra-1").data["storage_w"] == (3_000,)
    assert {"S26", "S28"} & set(story.steps("ra-1")) == {"S26"}  # nobody has agreed to loosen anything


def test_others_are_asked_for_what_one_is_short_of() -> None:
    world = World(utility=OBLIGED, coordinator={"plan": "by_scale"})
    world.simple("ra-1", 1, scale_w=12_000)
    world.simple("ra-2", 2, scale_w=6_000)
    world.event(18_000)
    story = world.run()
    assert story.settled_wh() == (9_000, 9_000)
    assert story.notes("obliged_short") == []
    assert story.note("plan_revised", "ac").data["shortfall_w"] == (6_000,)


def test_nothing_at_all_is_stated_too() -> None:
    world = World(utility=OBLIGED)
    world.simple("ra-1", 2, vehicle_changes={"reserve_wh": 30_000})
    world.event(6_000)
    story = world.run()
    assert story.note("obliged_short", "utility").data["shortfall_w"] == (6_000,)
    assert [note.data["outcome"] for note in story.notes("closed", "utility")] == ["no_deal"]


@pytest.mark.parametrize("utility", [{}, {"mandate": True}])
def test_every_request_to_who_asks_others_carries_the_contract(utility: dict[str, bool]) -> None:
    """A home decides nothing by it, and one of the first release would not take the request."""
    story = short(9_000, **OBLIGED, **utility)
    above, below = (
        [one for who in names for one in story.sent("request", who)] for names in (("utility", "ac"), ("ra-1", "ra-2"))
    )
    assert [len(requests) > 2 for requests in (above, below)] == [True, True]
    assert {request.terms.obliged for request in above if isinstance(request, Request)} == {True}
    assert {request.terms.obliged for request in below if isinstance(request, Request)} == {None}


def test_request_without_it_has_the_bytes_of_the_first_release() -> None:
    request = short(9_000).sent("request")[0]
    terms = orjson.loads(encode(request))["terms"]
    assert set(terms) == {"least_share_pct", "mandate", "price_milli_per_kwh", "currency"}
    obliged = short(9_000, **OBLIGED).sent("request")[0]
    assert orjson.loads(encode(obliged))["terms"]["obliged"] is True
    assert decode_body("request", encode(obliged)) == obliged
