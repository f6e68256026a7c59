"""An aggregator's own storage lives on: what is in it, and whether it works, is what its readings tell."""

from datetime import datetime, timedelta

import pytest
from worlds import START, T0, Story, World, battery, vehicle

from agents.settings.parties import Rung
from broker.simulation import Simulation
from protocol.actor import Measured, Setpoint
from protocol.messages import Withdraw

MINUTE = timedelta(minutes=1)


def with_storage(*names: str, slots: int = 2) -> World:
    """A home that gives nothing, beside batteries that are the aggregator's own; 4 kW are asked."""
    world = World(utility={"accept_share_pct": 0}, coordinator={"accept_share_pct": 0})
    home = world.home("h", "ra-1", vehicle("ev", soc_wh=8_000, departure_soc_wh=8_000))
    storage = tuple(battery(name, 5_000) for name in names)
    world.aggregator("ra-1", [home], scale_w=10_000, storage=storage, ladder=(Rung.OWN_STORAGE, Rung.ALTERNATIVE))
    world.event(*[4_000] * slots)
    return world


def faulty(simulation: Simulation, at: datetime, resource_id: str) -> None:
    simulation.give(at, "ra-1", Measured(resource_id, at, None, None, fault="broken"))


def told(story: Story, resource_id: str) -> list[tuple[int | None, datetime]]:
    effects = [effect for entry in story.simulation.trace for effect in entry.effects]
    return [(one.power_w, one.at) for one in effects if isinstance(one, Setpoint) and one.resource_id == resource_id]


@pytest.mark.parametrize("days", [0, 1, 2, 5])
def test_own_storage_adds_what_is_left_in_it_however_long_ago_it_gave_the_rest(days: int) -> None:
    world = with_storage("own")
    world.event(4_000, 4_000, event_id="first", issue_at=T0 + MINUTE, start=T0 + timedelta(minutes=30), slot_s=5_400)
    start = START + timedelta(days=days, hours=4)
    world.event(4_000, 4_000, event_id="later", issue_at=start - timedelta(hours=1), start=start)
    world.events[0:1] = []
    story = Story(world.build(), world)
    story.simulation.run()
    left_wh = 15_000 - 1_000 - 4_000 * 3 / 0.95
    added = {note.event_id: note.data["storage_w"] for note in story.notes("own_storage_added", "ra-1")}
    assert added["first"] == (4_000, 4_000)
    assert added["later"] == pytest.approx((left_wh * 0.95,) * 2, abs=2)
    delivered = {note.event_id: note.data for note in story.notes("settled", "utility")}
    assert delivered["later"]["delivered_wh"] == pytest.approx(delivered["later"]["awarded_wh"], abs=2)


def test_own_storage_that_fails_in_mid_event_is_released_and_stated() -> None:
    world = with_storage("own")
    simulation, at = world.build(), START + 10 * MINUTE
    faulty(simulation, at, "own")
    simulation.run()
    story = Story(simulation, world)
    assert told(story, "own")[-1] == (None, at)
    stated = story.note("shortfall_stated", "ra-1")
    assert (stated.data["shortfall_w"], stated.data["cause"]) == ((4_000, 4_000), "own: broken")
    (withdrawn,) = [one for one in story.sent("withdraw", "ra-1") if isinstance(one, Withdraw)]
    assert (withdrawn.power_w, withdrawn.cause) == ((0, 0), "device")


def test_own_storage_that_fails_is_replaced_by_what_else_there_is() -> None:
    world = with_storage("own", "spare")
    simulation, at = world.build(), START + 10 * MINUTE
    faulty(simulation, at, "own")
    simulation.run()
    story = Story(simulation, world)
    assert told(story, "own")[-1] == (None, at)
    assert told(story, "spare")[0] == (-4_000, at)
    assert story.notes("shortfall_stated") == []
    awarded_wh, delivered_wh = story.settled_wh()
    assert delivered_wh == pytest.approx(awarded_wh, abs=2)


def test_own_storage_with_a_fault_adds_nothing_until_it_is_sound_again() -> None:
    world = with_storage("own")
    start = START + timedelta(hours=4)
    world.event(4_000, event_id="later", issue_at=start - timedelta(hours=1), start=start)
    simulation = world.build()
    faulty(simulation, T0 + MINUTE, "own")
    simulation.give(start - timedelta(hours=2), "ra-1", Measured("own", start - timedelta(hours=2), 15_000))
    simulation.run()
    story = Story(simulation, world)
    added = {note.event_id: note.data["storage_w"] for note in story.notes("own_storage_added", "ra-1")}
    assert added == {"e1": (0, 0), "later": (4_000,)}
    assert story.note("device_not_counted_on", "ra-1").data == {"resource_id": "own", "why": "faulty: broken"}
