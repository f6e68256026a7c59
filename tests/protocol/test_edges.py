"""Topics, and who hears what."""

import pytest

from protocol.edges import (
    BESIDE,
    ROUTES,
    Edge,
    Way,
    hearers,
    parse_topic,
    place_of,
    progress_of,
    progress_topic,
    subscriptions,
    topic,
)
from protocol.messages import Message

EDGE = Edge("ra-1", "hems-42")


@pytest.mark.parametrize("kind", ROUTES)
def test_a_topic_is_read_back_as_its_kind_and_edge(kind: str) -> None:
    assert topic(kind, EDGE) == f"dr/{kind}/ra-1/hems-42"
    assert parse_topic(topic(kind, EDGE)) == (kind, EDGE)


@pytest.mark.parametrize("kind", ROUTES)
def test_the_table_names_each_model_by_its_kind(kind: str) -> None:
    assert issubclass(ROUTES[kind].model, Message)
    assert ROUTES[kind].model.kind == kind


def test_only_what_stands_is_retained() -> None:
    assert {kind for kind, route in ROUTES.items() if route.retained} == {"request", "presence", "capability"}


def matches(pattern: str, text: str) -> bool:
    levels = zip(pattern.split("/"), text.split("/"), strict=True)
    return all(want in ("+", have) for want, have in levels)


@pytest.mark.parametrize("kind", ROUTES)
def test_subscriptions_hear_exactly_what_is_for_that_end(kind: str) -> None:
    parent = subscriptions("ra-1", as_parent=True, as_child=False)
    child = subscriptions("hems-42", as_parent=False, as_child=True)
    heard = topic(kind, EDGE)
    by = [name for name, mine in (("ra-1", parent), ("hems-42", child)) if any(matches(each, heard) for each in mine)]
    assert tuple(by) == hearers(kind, EDGE)
    assert len(by) == (2 if ROUTES[kind].way is Way.EITHER else 1)


def test_a_name_that_begins_like_another_hears_nothing_of_it() -> None:
    assert not any(matches(each, topic("offer", EDGE)) for each in subscriptions("ra", as_parent=True, as_child=True))


def test_what_is_on_no_edge_is_read_back_as_party_and_event_and_heard_by_no_party() -> None:
    where = progress_topic("ra-1", "evening-peak")
    assert where == "dr/progress/ra-1/evening-peak"
    assert progress_of(where) == ("ra-1", "evening-peak")
    assert place_of(where) is None
    assert progress_of(topic("offer", EDGE)) is None
    for name in ("ra-1", "evening-peak"):
        filters = subscriptions(name, as_parent=True, as_child=True)
        assert not any(matches(each, where) for each in filters)
    assert not BESIDE.keys() & ROUTES.keys()
