"""An award that ends or changes inside a slot: what flowed until then is compared with what was due until then."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from readers import Readers, instants, scenario_of
from worlds import START, Story, World, battery

from agents.settings.members import Member
from agents.tools.watch.picture import Picture
from protocol.actor import Cancel, Decided

MINUTE = timedelta(minutes=1)
SLOT_2 = START + 30 * MINUTE


def even(*homes_of: int, slots: int = 3, storage: Iterable[Any] = (), **settings: Any) -> World:
    """Aggregators with so many homes each, of a battery of 5 kW that does nothing by itself; all of it is asked."""
    world = World()
    for number, count in enumerate(homes_of, 1):
        name = f"ra-{number}"
        homes = [world.home(f"{name}-h{i}", name, battery(f"b-{number}-{i}")) for i in range(count)]
        own = tuple(storage) if number == 1 else ()
        world.aggregator(name, homes, capacity_w=5_000, scale_w=5_000 * (count + len(own)), storage=own, **settings)
    world.event(*[5_000 * (sum(homes_of) + len(tuple(storage)))] * slots)
    return world


def played(world: World, *orders: tuple[Any, str, object]) -> Story:
    simulation = world.build()
    for at, name, order in orders:
        simulation.give(at, name, order)
    simulation.run()
    return Story(simulation, world)


def metered(story: Story, who: str) -> list[tuple[int, int]]:
    """Delivered and awarded Wh, slot by slot."""
    notes = story.notes("slot_metered", who)
    return [(int(note.data["delivered_wh"]), int(note.data["awarded_wh"])) for note in notes]


def account(story: Story, who: str) -> tuple[int, int]:
    note = story.notes("settled" if who == "utility" else "delivered", who)[-1]
    return int(note.data["delivered_wh"]), int(note.data["awarded_wh"])


def agree(story: Story, who: str) -> None:
    """What flowed is what was due, but for the seconds in which a change travels."""
    slots = metered(story, who)
    assert slots
    for given, due in (*slots, account(story, who)):
        assert given == pytest.approx(due, abs=12), (who, slots)


@pytest.mark.parametrize(
    "at", [SLOT_2 + 6 * MINUTE, SLOT_2 + 29 * MINUTE, START + 90 * MINUTE - 20 * timedelta(seconds=1)]
)
def test_home_that_withdraws_inside_a_slot_was_due_until_then(at: Any) -> None:
    story = played(even(1), (at, "ra-1-h0", Decided("e1", False)))
    for who in ("ra-1", "ac", "utility"):
        agree(story, who)
    until_wh = 5_000 * (at - START) / timedelta(hours=1)
    assert list(account(story, "utility")) == pytest.approx([until_wh] * 2, abs=12)
    assert violations(story.simulation.trace) == []


def test_one_of_many_that_withdraws_inside_a_slot_cuts_the_award_from_then_on() -> None:
    story = played(even(3), (SLOT_2 + 12 * MINUTE, "ra-1-h1", Decided("e1", False)))
    for who in ("ra-1", "ac", "utility"):
        agree(story, who)
    assert metered(story, "utility")[1][1] == pytest.approx(7_500 - 1_500, abs=12)


def test_home_that_is_raised_inside_a_slot_and_then_withdraws_was_due_more_in_between() -> None:
    world = even(2, 2)
    world.events.clear()
    world.event(*[8_000] * 3)
    world.aggregators = [
        one.model_copy(update={"members": tuple(replace(member, reliability_pct=50) for member in one.members)})
        for one in world.aggregators
    ]
    at = SLOT_2 + 12 * MINUTE
    story = played(world, (at, "ra-1-h0", Decided("e1", False)), (at + 3 * MINUTE, "ra-1-h1", Decided("e1", False)))
    assert {note.data["child"] for note in story.notes("replaced")} == {"ra-1-h1"}
    for who in ("ra-1", "ra-2", "ac", "utility"):
        agree(story, who)
    assert account(story, "utility")[1] == pytest.approx(9_000, abs=12)


def test_own_storage_that_gives_more_inside_a_slot_leaves_the_deal_as_it_was() -> None:
    world = even(2, storage=(battery("own"),))
    world.events.clear()
    world.event(*[10_000] * 3)
    story = played(world, (SLOT_2 + 12 * MINUTE, "ra-1-h0", Decided("e1", False)))
    for who in ("ra-1", "utility"):
        agree(story, who)
    assert account(story, "utility")[1] == 15_000


def test_aggregator_above_aggregators_was_due_until_then() -> None:
    world = World()
    for number in (1, 2):
        name = f"low-{number}"
        homes = [world.home(f"{name}-h{i}", name, battery(f"b-{number}-{i}")) for i in range(2)]
        world.aggregator(name, homes, parent="top", capacity_w=5_000)
    low = [Member(name=f"low-{n}", kind="aggregator", increase_load_w=10_000, decrease_load_w=10_000) for n in (1, 2)]
    world.aggregator("top", members=low, scale_w=20_000)
    world.event(*[20_000] * 3)
    story = played(world, (SLOT_2 + 12 * MINUTE, "low-1-h0", Decided("e1", False)))
    for who in ("low-1", "low-2", "top", "ac", "utility"):
        agree(story, who)


def test_deal_that_is_cut_and_then_cancelled_inside_a_slot() -> None:
    story = played(
        even(2),
        (SLOT_2 + 6 * MINUTE, "ra-1-h0", Decided("e1", False)),
        (SLOT_2 + 24 * MINUTE, "utility", Cancel("e1")),
    )
    assert account(story, "utility")[1] == pytest.approx(5_000 + 1_000 + 1_500, abs=12)


def test_whoever_listens_counts_what_was_due_until_then() -> None:
    story = played(even(1), (SLOT_2 + 6 * MINUTE, "ra-1-h0", Decided("e1", False)))
    picture = Picture()
    for at, _, post in sorted(story.simulation.posts, key=lambda one: one[0]):
        picture.take(post.topic, post.payload, at)
    rows = {row.party: row for row in picture.rows(story.simulation.now)}
    for name in ("utility", "ac", "ra-1"):
        assert rows[name].due_wh == pytest.approx(3_000, abs=12), name
        assert rows[name].delivered_wh == pytest.approx(3_000, abs=12), name


def cars(*homes_of: int) -> World:
    """Aggregators with so many homes each, of a car that charges again what it gave as soon as it is left to itself."""
    world = World()
    for number, count in enumerate(homes_of, 1):
        world.simple(f"ra-{number}", count)
    world.event(*[6_000 * sum(homes_of)] * 3)
    return world


def flowed_wh(story: Story, until: Any) -> int:
    """What the homes' meters show from the first slot on, against schedules that take nothing, Wh."""
    drivers = [story.simulation.nodes[home.name].stepper.drivers for home in story.world.homes]
    return -sum(driver.measure(START, until).energy_wh or 0 for one in drivers for driver in one.values())


@pytest.mark.parametrize("world_of", [even, cars])
@pytest.mark.parametrize("homes_of", [(2,), (2, 1)], ids=["nobody_is_left", "another_goes_on"])
@pytest.mark.parametrize("slot_at", [START, SLOT_2], ids=["first_slot", "second_slot"])
@pytest.mark.parametrize("leavers", [1, 2])
def test_what_leavers_gave_before_the_event_was_cancelled_in_their_slot_is_told(
    world_of: Any, homes_of: tuple[int, ...], slot_at: Any, leavers: int
) -> None:
    leave = [(slot_at + (5 + 7 * n) * MINUTE, f"ra-1-h{n}", Decided("e1", False)) for n in range(leavers)]
    story = played(world_of(*homes_of), *leave, (slot_at + 20 * MINUTE, "utility", Cancel("e1")))
    told_wh = flowed_wh(story, slot_at + 20 * MINUTE)
    for who in ("utility", "ac"):
        assert account(story, who)[0] == pytest.approx(told_wh, abs=12), who
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize("world_of", [even, cars])
@pytest.mark.parametrize("homes_of", [(2,), (2, 1)], ids=["nobody_is_left", "another_goes_on"])
def test_aggregator_that_withdraws_all_in_the_first_slot_is_metered_to_the_end(
    world_of: Any, homes_of: tuple[int, ...]
) -> None:
    leave = [(START + (5 + 7 * n) * MINUTE, f"ra-1-h{n}", Decided("e1", False)) for n in range(2)]
    story = played(world_of(*homes_of), *leave)
    told_wh = flowed_wh(story, START + 90 * MINUTE)
    assert account(story, "utility")[0] == pytest.approx(told_wh, abs=12)
    assert [note.data["slot"] for note in story.notes("slot_metered", "ra-1")] == [0, 1, 2]
    assert story.notes("closed", "ra-1")[-1].data["outcome"] == "concluded"
    assert violations(story.simulation.trace) == []


def test_every_reader_sees_an_aggregator_that_withdraws_all_go_on() -> None:
    world = even(2)
    simulation = world.build()
    for n in range(2):
        simulation.give(START + (5 + 7 * n) * MINUTE, f"ra-1-h{n}", Decided("e1", False))
    at_each = instants(simulation)
    next(at_each)
    readers = Readers(scenario_of(world, simulation), simulation)
    told = []
    for at in at_each:
        readers.catch_up()
        told += readers.disagreements(at)
    assert told == []
