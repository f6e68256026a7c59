"""A peer of the first release beside those of today: what it hears is what it knows, and what it says counts.

What it knows are its JSON Schemas, kept as they were (first_version.py), in which unknown fields are refused.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from checker import violations
from first_version import SCHEMAS, unknown_to_it
from worlds import LOOSENS, Story, World, battery, vehicle

from agents.settings.members import Member
from agents.settings.parties import PATENT_LADDER, Rung
from broker.bus import Post
from broker.simulated_broker import Intercept
from protocol.codec import decode
from protocol.edges import ROUTES, Way, parse_topic
from protocol.errors import RejectReason

OLD, NEW = "old", "new"
DOWN = [kind for kind, route in ROUTES.items() if route.way is not Way.UP]


def only_what_it_knows(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
    """An intercept: a device of the first release says no kind and no field that came later."""
    kind, _ = parse_topic(post.topic)
    if not post.payload:
        return [(post, timedelta())]
    if kind not in SCHEMAS:
        return []
    body = {key: value for key, value in json.loads(post.payload).items() if key in SCHEMAS[kind]["properties"]}
    return [(post._replace(payload=orjson.dumps(body)), timedelta())]


def evening(intercept: Intercept | None = None, **utility: Any) -> Story:
    """Two homes of 6 kW, one with all that came later in its contract and one with none of it, below an aggregator that
    uses all of it."""
    world = World(utility=utility, coordinator={"max_rerequests": 0})
    for name in (OLD, NEW):
        world.home(name, "ra-1", vehicle(f"ev-{name}", **LOOSENS))
    usual: dict[str, Any] = {"increase_load_w": 6_000, "decrease_load_w": 6_000, "relaxations": ("reserve_soc",)}
    book = (
        Member(name=OLD, resources=(f"ev-{OLD}",), **usual),
        Member(name=NEW, resources=(f"ev-{NEW}",), answers_dispatch=True, profiles=True, **usual),
    )  # fmt: skip
    world.aggregator(
        "ra-1", members=book, scale_w=12_000, ladder=(Rung.PLAN, *PATENT_LADDER), storage=(battery("own", 1_000),)
    )
    if intercept is not None:
        world.intercepts[OLD] = intercept
    world.event(12_000, 8_000, 12_000)
    return world.run()


def heard_by(story: Story, name: str) -> Iterable[tuple[str, bytes]]:
    for _, _, post in story.simulation.posts:
        kind, edge = parse_topic(post.topic)
        if kind in DOWN and edge.child == name and post.payload:
            yield kind, post.payload


@pytest.mark.parametrize("terms", [{}, {"mandate": True}, {"obliged": True}])
def test_device_of_the_first_release_hears_nothing_that_it_does_not_know(terms: dict[str, bool]) -> None:
    story = evening(only_what_it_knows, **terms)
    heard = list(heard_by(story, OLD))
    assert {kind for kind, _ in heard} >= {"request", "award", "dispatch"}
    assert [fault for kind, body in heard for fault in unknown_to_it(kind, body)] == []


def test_device_that_knows_more_hears_more() -> None:
    heard = list(heard_by(evening(), NEW))
    assert {fault.split("'")[1] for kind, body in heard for fault in unknown_to_it(kind, body)} == {
        "answer",
        "profiles",
    }


def test_what_a_device_of_the_first_release_says_counts_in_full() -> None:
    story = evening(only_what_it_knows)
    assert violations(story.simulation.trace) == []
    assert story.notes("refused") == []
    awarded_wh, delivered_wh = story.settled_wh()
    assert awarded_wh == delivered_wh == evening().settled_wh()[0]


def test_device_of_today_says_nothing_that_an_aggregator_of_the_first_release_does_not_know() -> None:
    """As long as it is asked by one: of what came later, `capability` is a topic that such an aggregator does not hear."""
    story = evening()
    said = [
        (kind, post.payload)
        for _, sender, post in story.simulation.posts
        if sender == OLD and (kind := parse_topic(post.topic)[0]) != "capability"
    ]
    assert {kind for kind, _ in said} >= {"offer", "confirm", "report"}
    assert [fault for kind, body in said for fault in unknown_to_it(kind, body)] == []


def with_a_field_more(*kinds: str, version: str = "1.0") -> Intercept:
    """An intercept: messages of these kinds have a field that nobody knows."""

    def way_out(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        kind, _ = parse_topic(post.topic)
        if kind not in kinds or not post.payload:
            return [(post, timedelta())]
        body = json.loads(post.payload) | {"version": version, "of_1_9": 1}
        return [(post._replace(payload=orjson.dumps(body)), timedelta())]

    return way_out


@pytest.mark.parametrize(
    ("version", "reason"), [("1.0", RejectReason.MALFORMED), ("1.9", RejectReason.UNSUPPORTED_VERSION)]
)
def test_offer_with_a_field_that_nobody_knows_is_refused_and_the_others_are_as_ever(
    version: str, reason: RejectReason
) -> None:
    story = evening(with_a_field_more("offer", version=version))
    refusals = [
        message
        for _, _, post in story.simulation.posts
        if "/reject/" in post.topic and (message := decode(post.topic, post.payload)[1]).refused_kind == "offer"  # type: ignore[union-attr]
    ]
    assert {refusal.reason for refusal in refusals} == {reason}  # type: ignore[union-attr]
    offered = [
        edge.child
        for _, _, post in story.simulation.posts
        if (edge := parse_topic(post.topic)[1]) and "/award/" in post.topic
    ]
    assert NEW in offered
    assert violations(story.simulation.trace) == []
