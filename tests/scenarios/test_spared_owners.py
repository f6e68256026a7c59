"""A coordinator that spares owners: no aggregator asks to loosen anything before all have told what they can do without."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import LOOSENS, T0, Story, World, vehicle

from agents.parties.coordinator.actor import Coordinator
from agents.parties.memory import memory_of, remember
from agents.settings.parties import CoordinatorSettings
from broker.chance import Faults
from protocol import messages as m

SLOTS = 2
LOOSE = LOOSENS | {"soc_wh": 31_000, "departure_soc_wh": 28_000}
"""3 kWh of its own, 23 kWh with its owner's consent."""


def two(asked_w: int, others: int = 3, **coordinator: Any) -> World:
    """Asked by scale alike: two cars with little of their own, and some that have more than is asked of them."""
    world = World(coordinator={"max_rerequests": 2, **coordinator})
    few = [world.home(f"h-{n}", "ra-1", vehicle(f"ev-{n}", **LOOSE)) for n in range(2)]
    many = [world.home(f"b-{n}", "ra-2", vehicle(f"ev-b{n}")) for n in range(others)]
    world.aggregator("ra-1", few, scale_w=12_000, over_request=False)
    world.aggregator("ra-2", many, scale_w=12_000, over_request=False)
    world.event(*[asked_w] * SLOTS)
    return world


def disturbed(story: Story) -> int:
    awards = [one for one in story.sent("award", "ra-1") if isinstance(one, m.Award)]
    return len({one.accepts for one in awards if ".relaxed." in (one.accepts or "")})


def deal_w(story: Story) -> object:
    return story.note("event_awarded", "utility").data["power_w"]


def test_nobody_is_disturbed_where_another_aggregator_has_it() -> None:
    plain, sparing = two(20_000).run(), two(20_000, spare_owners=True).run()
    assert deal_w(plain) == deal_w(sparing) == (20_000,) * SLOTS
    assert disturbed(plain) > 0
    assert disturbed(sparing) == 0
    assert sparing.notes("relax_asked") == []
    assert violations(sparing.simulation.trace) == []


def test_what_nobody_has_is_asked_of_the_owners_after_all() -> None:
    story = two(20_000, others=2, spare_owners=True).run()
    assert deal_w(story) == (20_000,) * SLOTS
    assert disturbed(story) > 0
    assert violations(story.simulation.trace) == []


def test_homes_are_not_told_of_it() -> None:
    story = two(20_000, spare_owners=True).run()
    requests = [one for one in story.sent("request", "ra-1") if isinstance(one, m.Request)]
    assert requests
    assert all(request.terms.spares_owners is None for request in requests)
    first, *later = [one for one in story.to("request", "ac", "ra-1") if isinstance(one, m.Request)]
    assert first.terms.spares_owners
    assert not any(request.terms.spares_owners for request in later)


def test_without_another_round_nobody_is_spared() -> None:
    story = two(20_000, spare_owners=True, max_rerequests=0).run()
    assert all(not one.terms.spares_owners for one in story.to("request", "ac", "ra-1") if isinstance(one, m.Request))


def test_round_that_spares_is_remembered() -> None:
    world = two(20_000, spare_owners=True)
    simulation = world.build()
    simulation.run(until=T0 + timedelta(minutes=6))
    actor = simulation.actor("ac")
    assert isinstance(actor, Coordinator)
    settings = actor.settings
    assert isinstance(settings, CoordinatorSettings)
    fresh = Coordinator(settings)
    remember(fresh, memory_of(actor))
    assert memory_of(fresh) == memory_of(actor)


@pytest.mark.parametrize("seed", range(4))
def test_losses_and_delays_break_no_promise(seed: int) -> None:
    story = two(20_000, spare_owners=True).run(seed, Faults(delay_ms=(1, 2_000), loss_pct=20, repeat_pct=30))
    assert violations(story.simulation.trace) == []
