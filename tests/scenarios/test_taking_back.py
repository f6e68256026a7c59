"""A home that drops out charges again what it gave: that is replaced as well, or stated, at every edge of a slot."""

from datetime import timedelta

import pytest
from checker import violations
from spare_evening import evening, flowed_wh
from worlds import START, Story, World

from agents.drivers.build import build_drivers
from agents.parties.der.actor import Der
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Cancel, Decided, Effect, Send
from protocol.entries import encode_effects
from protocol.units import Direction

MINUTE, INSTANT = timedelta(minutes=1), timedelta(milliseconds=1)


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
    assert isinstance(awarded_wh, int)
    assert isinstance(delivered_wh, int)
    assert awarded_wh <= delivered_wh + 120  # what was lost is not in it any more
    assert story.notes("shortfall_stated", "utility")


def test_home_says_what_it_takes_back_and_its_parent_tells_it() -> None:
    story = dropped(evening(), (30 * MINUTE, "ra-1-h0"))
    (withdrawal,) = story.sent("withdraw", "ra-1-h0")
    back_w = story.note("taking_back", "ra-1").data["power_w"]
    assert isinstance(back_w, tuple)
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


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("tiers", [2, 3])
def test_no_more_stands_than_is_given_however_many_drop_out_one_after_the_other(tiers: int, count: int) -> None:
    world = evening(tiers, storage=True)
    drops = [(timedelta(minutes=7 * n + 1), f"ra-{1 + n % 2}-h{n // 2}") for n in range(count)]
    story = dropped(world, *drops)
    awarded_wh, delivered_wh = story.settled_wh()
    assert isinstance(awarded_wh, int)
    assert isinstance(delivered_wh, int)
    assert awarded_wh - 60 <= delivered_wh <= 18_000 * 1.05
    assert delivered_wh == pytest.approx(flowed_wh(story.simulation, world), abs=60)
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize(("minutes", "delivered_wh"), [(10, 2_500), (30, 9_000), (40, 11_500)])
@pytest.mark.parametrize("tiers", [2, 3])
def test_what_is_taken_back_behind_a_cancellation_is_none_of_the_event(
    tiers: int, minutes: int, delivered_wh: int
) -> None:
    world = evening(tiers)
    simulation = world.build()
    simulation.give(START + minutes * MINUTE, "ra-1-h0", Decided("e1", False))
    simulation.give(START + minutes * MINUTE + timedelta(seconds=1), "utility", Cancel("e1"))
    simulation.run()
    account = Story(simulation, world).notes("settled", "utility")[-1].data
    assert account["delivered_wh"] == pytest.approx(delivered_wh, abs=200)
