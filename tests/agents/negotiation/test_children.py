"""The sums that run along with a crowd's answers and awards are what summing up anew gives."""

from collections.abc import Callable
from typing import Any

import pytest
from worlds import World

from agents.negotiation.answers import ChildAnswers
from agents.negotiation.child import in_full, in_short
from agents.negotiation.children import Children
from agents.parties.aggregator.actor import Aggregator
from agents.parties.memory import memory_of, remember
from protocol.plan import total


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sums up anew after every change; the number of changes that were looked at."""
    seen = [0]

    def check(children: Children) -> None:
        seen[0] += 1
        answered, awarded = children.taking_part(), children.awarded()
        slots = max((len(child.request.power_w) for child in children.asked() if child.request), default=1)
        nothing = (0,) * slots
        assert (children.offered_w or nothing) == total([answer.power_w for _, answer in answered], slots)
        assert (children.awarded_w or nothing) == total([plan for _, plan in awarded], slots)
        assert (children.yes, children.awarded_count) == (len(answered), len(awarded))
        assert [child.name for child, _ in children.with_spare()] == [child.name for child, _ in awarded if child.spare]

    def looked_at(owner: type, name: str, children_of: Callable[[Any], Children]) -> None:
        changing = getattr(owner, name)

        def changed(self: Any, *given: Any) -> Any:
            result = changing(self, *given)
            check(children_of(self))
            return result

        monkeypatch.setattr(owner, name, changed)

    looked_at(ChildAnswers, "take_offer", lambda answers: answers.children)
    looked_at(ChildAnswers, "take_alternative", lambda answers: answers.children)
    looked_at(Children, "bind", lambda children: children)
    return seen


@pytest.mark.parametrize("asked_w", [6_000, 24_000])
def test_running_sums_are_those_of_summing_up_anew(checked: list[int], asked_w: int) -> None:
    world = World()
    world.simple("ra-1", 3)
    world.simple("ra-2", 3)
    world.event(asked_w)
    world.run()
    assert checked[0] > 10


def test_children_remember_and_what_many_have_in_common_stays_one_object() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(24_000)
    world.run()
    aggregator = world.actors["ra-1"]
    fresh = Aggregator(world.aggregators[0])
    remember(fresh, memory_of(aggregator))
    (event,), (again,) = aggregator.events.values(), fresh.events.values()
    assert again.children.by_name == event.children.by_name
    assert (again.children.awarded_w, again.children.yes) == (event.children.awarded_w, event.children.yes)
    first, second, _ = again.children.by_name.values()
    assert first.own is second.own


def test_answers_and_awards_of_a_crowd_are_one_object_and_name_each_ones_offer() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(24_000)
    story = world.run()
    aggregator = world.actors["ra-1"]
    assert isinstance(aggregator, Aggregator)
    (event,) = aggregator.events.values()
    first, second, _ = event.children.by_name.values()
    assert first.own is not None
    assert first.own is second.own
    assert first.award is not None
    assert first.award is second.award
    offered = {offer.message_id for offer in story.sent("offer")}
    accepted = [award.accepts for award in story.sent("award", "ra-1")]
    assert len(accepted) == len(set(accepted)) == 3
    assert set(accepted) <= offered


@pytest.mark.parametrize("ref", ["h-1.offer.e1.1.1.own", "offer.h-1.h-1", "e1:1", "h-1", "h-10.offer"])
def test_id_is_the_same_once_the_name_was_taken_out_and_put_back(ref: str) -> None:
    assert in_full(in_short(ref, "h-1"), "h-1") == ref


def test_mix_of_a_child_whose_newer_answer_was_set_aside_is_counted_once() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(6_000)
    world.run()
    aggregator = world.actors["ra-1"]
    assert isinstance(aggregator, Aggregator)
    (event,) = aggregator.events.values()
    children, child = event.children, event.children.asked()[0]
    assert child.own is not None
    assert child.relaxed is None
    children.set_aside(child)
    children.mix(child, tuple(power // 2 for power in child.own.power_w))
    assert children.offered_w == total([answer.power_w for _, answer in children.taking_part()], event.subject.slots)
