"""A home that drops out charges again what it gave: that is replaced as well, or stated, at every edge of a slot."""

import json
from datetime import timedelta

import pytest
from checker import violations
from spare_evening import evening, flowed_wh
from worlds import START, Story, World

from agents.drivers.build import build_drivers
from agents.runtime.build import build_actor
from broker.simulated_broker import Intercept
from broker.stepper import Stepper, again
from protocol import messages as m
from protocol.actor import Actor, Cancel, Decided, Driver, Effect, Send
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


def unanswered(tiers: int = 2) -> Story:
    """Homes that drop out and are not heard: what they withdraw they say again and again, as their aggregator does."""
    world = evening(tiers, pct=100)
    simulation = world.build()
    simulation.intercept("ra-1-h0", dropped_kind("withdraw"))
    simulation.intercept("ra-2", dropped_kind("withdraw"))
    for name in ("ra-1-h0", *(home.name for home in world.homes if home.name.startswith("ra-2"))):
        simulation.give(START + 30 * MINUTE, name, Decided("e1", False))
    simulation.run(until=START + 50 * MINUTE)
    return Story(simulation, world)


def dropped_kind(kind: str) -> Intercept:
    return lambda sender, post: [] if post.topic.startswith(f"dr/{kind}/") else [(post, timedelta())]


@pytest.mark.parametrize("name", ["ra-1-h0", "ra-2"])
@pytest.mark.parametrize("upgraded_after", range(6))
def test_withdrawal_of_an_earlier_version_is_said_again_in_the_same_bytes(name: str, upgraded_after: int) -> None:
    story = unanswered()
    actor, drivers = fresh(story.world, name)
    stepper, said, left = Stepper(actor, drivers), set[bytes](), upgraded_after
    entries = [one for one in story.simulation.trace if one.actor == name]
    withdrawn = [number for number, one in enumerate(entries) if any(map(is_withdrawal, one.effects))]
    for number, entry in enumerate(entries):
        before = tuple(map(without_words, entry.effects))
        if left >= 0:
            made = stepper.fold_bytes(entry.at, entry.input, encode_effects(before), devices_too=True)
        else:
            made = list(again(stepper.actor, entry.at, entry.input))
        said |= {one.body for one in made if isinstance(one, Send) and is_withdrawal(one)}
        left -= number in withdrawn
    assert len(withdrawn) > 6
    assert len({decode_id(body) for body in said}) == len(said) >= 1


def is_withdrawal(effect: Effect) -> bool:
    return isinstance(effect, Send) and isinstance(effect.message, m.Withdraw)


def decode_id(body: bytes) -> object:
    return json.loads(body)["message_id"]


def fresh(world: World, name: str) -> tuple[Actor, dict[str, Driver]]:
    """A party as it starts."""
    settings = next(one for one in (*world.homes, *world.aggregators) if one.name == name)
    return build_actor(settings), dict(build_drivers(settings))


def without_words(effect: Effect) -> Effect:
    """As release 0.1.0 said it."""
    if isinstance(effect, Send) and isinstance(effect.message, m.Withdraw):
        cause = "the resident's override" if effect.edge.child.startswith("ra-2") else effect.message.cause
        return Send(effect.edge, effect.message.model_copy(update={"extensions": {}, "cause": cause}))
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
    if count < 6:  # of more homes so much is taken back that less flows than was due until they dropped out
        assert awarded_wh - 60 <= delivered_wh
    assert delivered_wh <= 18_000 * 1.05
    assert delivered_wh == pytest.approx(flowed_wh(story.simulation, world), abs=60)
    assert violations(story.simulation.trace) == []


def test_what_a_leaver_takes_back_that_hears_of_no_cancellation_is_none_of_the_event() -> None:
    world = evening(2)
    world.intercepts["ra-1"] = lambda sender, post: (
        []
        if post.topic == "dr/award/ra-1/ra-1-h0" and b'"outcome":"cancelled"' in post.payload
        else [(post, timedelta())]
    )
    simulation = world.build()
    simulation.give(START + 10 * MINUTE, "ra-1-h0", Decided("e1", False))
    simulation.give(START + 10 * MINUTE + timedelta(seconds=1), "utility", Cancel("e1"))
    simulation.run()
    account = Story(simulation, world).notes("settled", "utility")[-1].data
    assert account["delivered_wh"] == pytest.approx(2_633, abs=10)  # of its whole slot nothing counts


@pytest.mark.parametrize(("minutes", "delivered_wh"), [(10, 3_000), (30, 9_000), (40, 12_000)])
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
    assert account["delivered_wh"] == pytest.approx(delivered_wh, abs=20)
