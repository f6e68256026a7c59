"""Standing capability through whole worlds: who tells it is asked by it, who does not by the contract, no journal has it."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import T0, Story, World, battery, vehicle

from agents.parties.der.actor import Der
from agents.parties.memory import memory_of
from agents.settings.parties import DerSettings
from broker.chance import Faults
from broker.node import Crash
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Foreseen, Measured, Outage, Received
from protocol.units import Direction

EVERY = {"capability_every_s": 600}
AWAY = {"plugs_in_at": T0 + timedelta(hours=5)}

HOUR = timedelta(hours=1)


def three_homes(*telling: str, **aggregator: Any) -> World:
    """Three cars of 6 kW by contract, one of which comes home after the event; some tell what they could give."""
    world = World()
    homes = []
    for name, changes in (("h-1", {}), ("h-2", {}), ("away", AWAY)):
        more = EVERY if name in telling else {}
        homes.append(world.home(name, "ra-1", vehicle(f"ev-{name}", **changes), **more))
    world.aggregator("ra-1", homes, **aggregator)
    world.event(12_000)
    return world


def asked_w(story: Story) -> dict[str, tuple[int, ...]]:
    return {
        name: request.power_w
        for name in ("h-1", "h-2", "away")
        for request in story.to("request", "ra-1", name)[:1]
        if isinstance(request, m.Request)
    }


def test_who_is_away_is_not_asked_and_the_others_are_asked_for_more() -> None:
    without = three_homes().run()
    assert asked_w(without) == {"h-1": (4_000,), "h-2": (4_000,), "away": (4_000,)}
    told = three_homes("h-1", "h-2", "away").run()
    assert asked_w(told) == {"h-1": (6_000,), "h-2": (6_000,)}
    assert told.note("capability_used", "ra-1").data == {"told": 3, "power_w": (12_000,)}
    assert told.note("settled", "utility").data["delivered_wh"] == 6_000
    assert violations(told.simulation.trace) == []


def test_who_tells_nothing_is_asked_by_its_contract() -> None:
    story = three_homes("away").run()
    assert asked_w(story) == {"h-1": (6_000,), "h-2": (6_000,)}


def test_journal_has_one_sum_for_a_request_and_no_message() -> None:
    story = three_homes("h-1", "h-2", "away").run()
    inputs = [entry.input for entry in story.simulation.trace]
    heard = [item for item in inputs if isinstance(item, Received) and isinstance(item.message, m.Capability)]
    assert heard == []
    (foreseen,) = [item for item in inputs if isinstance(item, Foreseen)]
    assert foreseen.power_w == {"h-1": (6_000,), "h-2": (6_000,), "away": (0,)}


def test_fold_of_the_journal_asks_for_the_same_without_any_message() -> None:
    world = three_homes("h-1", "h-2", "away")
    simulation = world.build()
    simulation.run()
    node = simulation.nodes["ra-1"]
    assert node.build is not None
    again = Stepper(node.build())
    for entry in node.journal:
        again.fold(entry)
    assert memory_of(again.actor) == memory_of(node.stepper.actor)


@pytest.mark.parametrize("point", ["received", "stepped", "appended", "committed", "published"])
def test_crash_at_the_request_changes_nothing(point: str) -> None:
    at = T0 + timedelta(minutes=5)
    faults = Faults(commit_ms=(1, 20), crashes=(Crash("ra-1", point, at, timedelta(seconds=5)),))
    story = three_homes("h-1", "h-2", "away").run(faults=faults)
    assert story.simulation.crashed
    assert story.note("settled", "utility").data["delivered_wh"] == 6_000
    assert violations(story.simulation.trace) == []


def test_aggregator_and_coordinator_sum_up_for_the_utility() -> None:
    world = three_homes("h-1", "h-2", storage=(battery("own", 5_000),), capability_every_s=600)
    world.coordinator = dict(EVERY)
    simulation = world.build()
    simulation.run()
    told = simulation.nodes["utility"].stepper.told["ac"]
    assert (told.told_by, told.counted) == (3, 4)
    assert told.band(Direction.DECREASE_LOAD).p50_w[-1] >= 5_000


def test_telling_ends_with_the_run() -> None:
    world = three_homes("h-1")
    world.events.clear()
    simulation = world.build()
    simulation.run()
    assert [post.topic for _, _, post in simulation.posts] == ["dr/capability/ra-1/h-1"]


def test_capability_of_a_stranger_is_told_by_nobody() -> None:
    world = three_homes("h-1")
    simulation = world.build()
    simulation.run()
    _, _, post = next(one for one in simulation.posts if "/capability/" in one[2].topic)
    simulation.publish(simulation.now, "x", post._replace(topic="dr/capability/ra-1/stranger"))
    simulation.run()
    assert list(simulation.nodes["ra-1"].stepper.told) == ["h-1"]


# -- S1 by ability


def two_aggregators(plan: str, *telling: str) -> World:
    """Two aggregators of two cars each by contract; the cars of one come home after the event."""
    world = World(coordinator={"plan": plan, "max_rerequests": 0})
    for name, changes in (("ra-1", {}), ("ra-2", AWAY)):
        homes = [world.home(f"{name}-h{n}", name, vehicle(f"ev-{name}-{n}", **changes), **EVERY) for n in range(2)]
        world.aggregator(name, homes, **(EVERY if name in telling else {}))
    world.event(
        10_000, 10_000, issue_at=T0 + timedelta(minutes=25)
    )  # an aggregator tells a sum once its homes have told
    return world


def parts_w(story: Story) -> dict[str, tuple[int, ...]]:
    found = {name: story.to("request", "ac", name)[:1] for name in ("ra-1", "ra-2")}
    return {name: one.power_w for name, some in found.items() for one in some if isinstance(one, m.Request)}


def test_plan_by_ability_asks_those_who_can() -> None:
    by_scale, by_ability = two_aggregators("by_scale").run(), two_aggregators("by_ability", "ra-1", "ra-2").run()
    assert parts_w(by_scale) == {"ra-1": (5_000, 5_000), "ra-2": (5_000, 5_000)}
    assert parts_w(by_ability) == {"ra-1": (10_000, 10_000)}
    assert by_ability.note("capability_used", "ac").data == {"told": 2, "power_w": (12_000, 12_000)}
    assert by_ability.note("event_awarded", "utility").data["power_w"] == (10_000, 10_000)
    assert violations(by_ability.simulation.trace) == []


def test_plan_by_ability_goes_by_scale_while_one_has_told_nothing() -> None:
    story = two_aggregators("by_ability", "ra-1").run()
    assert parts_w(story) == {"ra-1": (5_000, 5_000), "ra-2": (5_000, 5_000)}
    assert story.notes("capability_used", "ac") == []


def test_fold_of_a_coordinators_journal_plans_the_same() -> None:
    simulation = two_aggregators("by_ability", "ra-1", "ra-2").build()
    simulation.run()
    node = simulation.nodes["ac"]
    assert node.build is not None
    again = Stepper(node.build())
    for entry in node.journal:
        again.fold(entry)
    assert memory_of(again.actor) == memory_of(node.stepper.actor)


def able_w(home: Der, hours: int) -> tuple[int, int]:
    """What a home tells that it can probably give in the slot so many hours after the start, less and more load."""
    told, slot = home.capability({}, T0 + timedelta(hours=hours)), 1
    return told.decrease_load.p50_w[slot], told.increase_load.p50_w[slot]


def test_what_is_not_counted_on_is_not_told_as_what_a_home_could_give() -> None:
    home = Der(DerSettings(name="h", parent="ra-1", devices=(battery("b", state_valid_s=7_200),)))
    assert able_w(home, 1) == (0, 0)  # it was never read
    home.receive(Measured("b", T0, 15_000), T0)
    assert able_w(home, 1) == (5_000, 5_000)
    assert able_w(home, 3) == (0, 0)
    home.receive(Measured("b", T0 + HOUR, 15_000, fault="broken"), T0 + HOUR)
    assert able_w(home, 1) == (0, 0)
    home.receive(Measured("b", T0 + 2 * HOUR, 15_000), T0 + 2 * HOUR)
    assert able_w(home, 2) == (5_000, 5_000)
    home.receive(Outage(True), T0 + 2 * HOUR)
    assert able_w(home, 2) == (0, 0)


def test_telling_leaves_no_trace_in_what_a_home_knows() -> None:
    home = Der(DerSettings(name="h", parent="ra-1", devices=(battery("b", state_valid_s=7_200),)))
    home.receive(Measured("b", T0, 15_000), T0)
    before = memory_of(home), dict(home.home.troubled)
    home.capability({}, T0 + 5 * HOUR)
    assert (memory_of(home), home.home.troubled) == before
