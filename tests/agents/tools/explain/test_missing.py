"""What was awarded and not delivered: every Wh has its cause."""

from datetime import timedelta
from typing import Any

import pytest
from worlds import START, Story, World, battery

from agents.tools.explain import words
from agents.tools.explain.evidence import gather
from agents.tools.explain.missing import CAUSES
from agents.tools.explain.read import read
from broker.chance import Faults
from broker.node import Crash
from protocol.actor import Cancel, Decided

MINUTE = timedelta(minutes=1)


def mute(sender: str, post: Any) -> list[Any]:
    """An intercept: its meter tells nothing."""
    return [] if "/report/" in post.topic else [(post, timedelta())]


def evening(*, cars: bool = False, silent: bool = False, storage: bool = False, spare: bool = False) -> World:
    world = World()
    devices = [() if cars else (battery(f"b-{n}"),) for n in range(4)]
    homes = [world.home(f"ra-1-h{n}", "ra-1", *devices[n]) for n in range(4)]
    own = (battery("own", 2_000),) if storage else ()
    world.aggregator("ra-1", homes, capacity_w=5_000, storage=own, scale_w=20_000 + 2_000 * storage)
    world.event(*[12_000 if spare else 20_000 + 2_000 * storage] * 3)
    if silent:
        world.intercepts["ra-1-h3"] = mute
    return world


def told(
    world: World, *orders: tuple[Any, str, object], faults: Faults | None = None
) -> tuple[dict[str, int], int, list[str]]:
    """Missing Wh by cause, what is missing of the first award, and the summary."""
    simulation = world.build(faults=faults or Faults())
    for at, name, order in orders:
        simulation.give(at, name, order)
    simulation.run()
    story = read(gather("e1", simulation.trace, {}))
    settled = Story(simulation, world).notes("settled", "utility")[-1].data
    until_s = next((int((at - START).total_seconds()) for at, _, one in orders if isinstance(one, Cancel)), 5_400)
    first_wh = sum(world.events[0].power_w[:1]) * until_s // 3600
    return {one.cause: one.energy_wh for one in story.missing}, first_wh - settled["delivered_wh"], story.summary


LEAVES = (START + 42 * MINUTE, "ra-1-h0", Decided("e1", False))
STOPS = (START + 70 * MINUTE, "utility", Cancel("e1"))


@pytest.mark.parametrize("cars", [False, True])
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("storage", [False, True])
@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize("orders", [(), (LEAVES,), (LEAVES, STOPS)], ids=["nobody", "leaves", "cancelled"])
def test_causes_add_up_to_what_is_missing(
    cars: bool, silent: bool, storage: bool, spare: bool, orders: tuple[Any, ...]
) -> None:
    causes, missing_wh, _ = told(evening(cars=cars, silent=silent, storage=storage, spare=spare), *orders)
    assert set(causes) <= set(CAUSES)
    assert sum(causes.values()) == pytest.approx(max(0, missing_wh), abs=3)


def test_home_that_drops_out_is_named_as_the_cause() -> None:
    causes, missing_wh, summary = told(evening(), LEAVES)
    assert missing_wh == pytest.approx(4_000, abs=5)
    assert causes["resident"] == pytest.approx(4_000, abs=5)
    assert sum(causes.values()) - causes["resident"] == pytest.approx(0, abs=5)
    assert "a resident dropped out 4 kWh" in summary[2]


def test_silent_meter_is_named_as_the_cause_as_long_as_it_is_not_stated() -> None:
    causes, missing_wh, _ = told(evening(silent=True))
    assert missing_wh == pytest.approx(7_500, abs=5)
    assert causes["not_told"] + causes["less_metered"] == pytest.approx(7_500, abs=5)


@pytest.mark.parametrize("down_s", [2_400, 4_200])
def test_homes_that_were_not_commanded_in_time_are_not_said_to_have_given_less(down_s: int) -> None:
    """Their aggregator was away: the dispatch of a slot left late, or never."""
    crash = Crash("ra-1", "acknowledged", START + 10 * MINUTE, timedelta(seconds=down_s))
    causes, missing_wh, summary = told(evening(), faults=Faults(crashes=(crash,)))
    assert causes["not_commanded"] == pytest.approx(missing_wh, abs=60)
    assert sum(causes.values()) == pytest.approx(missing_wh, abs=3)
    assert causes.get("gave_less", 0) <= 60  # until a dispatch arrives
    assert any("homes were commanded late, or not at all" in line for line in summary)


def test_nothing_is_missing_where_all_is_delivered() -> None:
    causes, missing_wh, summary = told(evening(storage=True))
    assert (causes, missing_wh) == ({}, 0)
    assert not any("Missing" in line for line in summary)


def test_every_cause_has_its_words() -> None:
    assert set(words.MISSING) == set(CAUSES)
