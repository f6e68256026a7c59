"""A home that drops out charges again what it gave: that is replaced as well, or stated, at every edge of a slot."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from worlds import START, Story, World, battery, vehicle

from agents.drivers.build import build_drivers
from agents.parties.der.actor import Der
from agents.settings.members import Member
from broker.simulation import Simulation
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Decided, Effect, Send
from protocol.entries import encode_effects
from protocol.units import Direction

MINUTE, INSTANT = timedelta(minutes=1), timedelta(milliseconds=1)
LOW = {"soc_wh": 10_000, "departure_soc_wh": 10_000}
"""Of a car that has room, and nothing to charge by itself."""


def evening(
    tiers: int = 2, direction: Direction = Direction.DECREASE_LOAD, pct: int = 50, storage: bool = False
) -> World:
    """Eight cars of 6 kW under two aggregators, asked for 18 kW in two slots; where `pct` is 50 they offer twice as much."""
    world = World()
    less = direction is Direction.DECREASE_LOAD
    own: dict[str, Any] = {"storage": (battery("st-1"),)} if storage else {}
    for name in ("ra-1", "ra-2"):
        homes = [world.home(f"{name}-h{n}", name, vehicle(f"{name}-ev{n}", **({} if less else LOW))) for n in range(4)]
        above = {"scale_w": 9_000} if tiers == 2 else {"parent": "ra-up"}
        world.aggregator(name, homes, **above, **own)  # type: ignore[arg-type]
        own = {}
    world.aggregators = [
        one.model_copy(update={"members": tuple(replace(member, reliability_pct=pct) for member in one.members)})
        for one in world.aggregators
    ]
    if tiers == 3:
        below = [
            Member(name=name, kind="aggregator", increase_load_w=24_000, decrease_load_w=24_000)
            for name in ("ra-1", "ra-2")
        ]
        world.aggregator("ra-up", members=below, scale_w=18_000)
        world.aggregators.insert(0, world.aggregators.pop())
    world.event(18_000, 18_000, direction=direction)
    return world


def flowed_wh(simulation: Simulation, world: World) -> int:
    """What really changed, Wh in the event's direction: against the same devices left to themselves."""
    event, total = world.events[0], 0
    end = event.start + timedelta(seconds=event.slot_s) * len(event.power_w)
    for settings in (*world.homes, *world.aggregators):
        alone = build_drivers(settings)
        for name, driver in simulation.nodes[settings.name].stepper.drivers.items():
            total += driver.measure(event.start, end).energy_wh or 0
            total -= alone[name].measure(event.start, end).energy_wh or 0
    return event.direction.sign * total


def dropped(world: World, *drops: tuple[timedelta, str]) -> Story:
    simulation = world.build()
    for after, home in drops:
        simulation.give(START + after, home, Decided("e1", False))
    simulation.run()
    return Story(simulation, world)


BOUNDARIES = {
    "before the lead": -2 * MINUTE,
    "at the lead": -MINUTE,
    "before the start": -INSTANT,
    "at the start": 0 * MINUTE,
    "behind the start": INSTANT,
    "in a slot": 10 * MINUTE,
    "before the boundary": 30 * MINUTE - INSTANT,
    "at the boundary": 30 * MINUTE,
    "behind the boundary": 30 * MINUTE + INSTANT,
    "before the end": 60 * MINUTE - INSTANT,
    "behind the end": 60 * MINUTE + INSTANT,
}


@pytest.mark.parametrize("after", BOUNDARIES.values(), ids=BOUNDARIES)
@pytest.mark.parametrize("tiers", [2, 3])
def test_what_a_home_takes_back_is_replaced_at_every_boundary(tiers: int, after: timedelta) -> None:
    world = evening(tiers)
    story = dropped(world, (after, "ra-1-h0"))
    assert story.settled_wh() == (18_000, pytest.approx(18_000, abs=60))
    assert flowed_wh(story.simulation, world) == pytest.approx(18_000, abs=60)
    assert story.notes("shortfall_stated") == []


@pytest.mark.parametrize("after", [10 * MINUTE, 30 * MINUTE])
@pytest.mark.parametrize("storage", [False, True])
def test_what_nobody_can_replace_of_it_is_stated(after: timedelta, storage: bool) -> None:
    world = evening(pct=100, storage=storage)
    world.events[0] = world.events[0].model_copy(update={"power_w": (48_000, 48_000)})
    story = dropped(world, (after, "ra-1-h0"), (after, "ra-2-h0"))
    awarded_wh, delivered_wh = story.settled_wh()
    assert delivered_wh == pytest.approx(flowed_wh(story.simulation, world), abs=60)
    assert awarded_wh <= delivered_wh + 120  # what was lost is not in it any more
    assert story.notes("shortfall_stated", "utility")


def test_home_says_what_it_takes_back_and_its_parent_tells_it() -> None:
    story = dropped(evening(), (30 * MINUTE, "ra-1-h0"))
    (withdrawal,) = story.sent("withdraw", "ra-1-h0")
    back_w = story.note("taking_back", "ra-1").data["power_w"]
    assert isinstance(withdrawal, m.Withdraw)
    assert withdrawal.extensions == {"takes_back_w": list(back_w)}
    given_wh = story.notes("slot_metered", "ra-1")[0].data["delivered_wh"]
    assert back_w[0] == 0
    assert 0 < back_w[1] <= 6_000
    assert isinstance(given_wh, int)


def test_car_that_has_charged_its_part_does_not_take_it_back_in_the_event() -> None:
    story = dropped(evening(direction=Direction.INCREASE_LOAD), (30 * MINUTE, "ra-1-h0"))
    assert story.notes("taking_back") == []
    assert story.settled_wh() == (18_000, pytest.approx(18_000, abs=60))


def test_home_that_drops_out_before_it_gave_anything_takes_nothing_back() -> None:
    story = dropped(evening(), (-MINUTE, "ra-1-h0"))
    assert story.notes("taking_back") == []


def test_journal_of_a_home_that_did_not_say_it_is_taken_again() -> None:
    world = evening()
    story, told = dropped(world, (30 * MINUTE, "ra-1-h0")), 0
    stepper = Stepper(Der(world.homes[0]), build_drivers(world.homes[0]))
    for entry in story.simulation.trace:
        if entry.actor == "ra-1-h0":
            before = tuple(map(without_words, entry.effects))
            told += before != entry.effects
            stepper.fold_bytes(entry.at, entry.input, encode_effects(before), devices_too=True)
    assert told


def without_words(effect: Effect) -> Effect:
    """As release 0.1.0 said it."""
    if isinstance(effect, Send) and isinstance(effect.message, m.Withdraw):
        return Send(effect.edge, effect.message.model_copy(update={"extensions": {}}))
    return effect
