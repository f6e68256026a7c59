"""The sums that run along with a crowd's answers and awards are what summing up anew gives."""

import pickle
from typing import Any

import pytest
from worlds import World

from agents.aggregator.actor import Aggregator
from agents.children import Children
from protocol.plan import total


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sums up anew after every change; the number of changes that were looked at."""
    seen = [0]

    def check(children: Children) -> None:
        seen[0] += 1
        answered, held = children.answered(), children.held()
        slots = max((len(child.request.power_w) for child in children.asked() if child.request), default=1)
        nothing = (0,) * slots
        assert (children.offered_w or nothing) == total([answer.power_w for _, answer in answered], slots)
        assert (children.held_w or nothing) == total([plan for _, plan in held], slots)
        assert (children.yes, children.held_count) == (len(answered), len(held))
        assert [child.name for child, _ in children.with_spare()] == [child.name for child, _ in held if child.spare]

    for name in ("take_offer", "take_alternative", "bind"):
        changing = getattr(Children, name)

        def changed(self: Children, *given: Any, changing: Any = changing) -> Any:
            result = changing(self, *given)
            check(self)
            return result

        monkeypatch.setattr(Children, name, changed)
    return seen


@pytest.mark.parametrize("asked_w", [6_000, 24_000])
def test_running_sums_are_those_of_summing_up_anew(checked: list[int], asked_w: int) -> None:
    world = World()
    world.simple("ra-1", 3)
    world.simple("ra-2", 3)
    world.event(asked_w)
    world.run()
    assert checked[0] > 10


def test_children_are_the_same_after_a_snapshot_and_plans_stay_shared() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(24_000)
    world.run()
    aggregator = world.actors["ra-1"]
    assert isinstance(aggregator, Aggregator)
    (event,) = aggregator.events.values()
    again = pickle.loads(pickle.dumps(event.children))
    assert again.by_name == event.children.by_name
    first, second, _ = again.by_name.values()
    assert first.own.power_w is second.own.power_w
