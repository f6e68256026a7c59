"""One history: at every instant `status`, `up`, `explain`, `watch` and one who joins late say the same of every party above the devices, or
why one of them cannot know."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import paths
import pytest
from hunter import plan_of
from readers import Readers, instants, scenario_of
from worlds import START, T0, World, late, silent

from agents.cli.run import exit_of
from agents.cli.status import stage_and_deal
from agents.history.standing import FIGURES, LOST, PartyStage, WhyUnknown
from agents.runtime.exits import Exit
from agents.runtime.files.scenario import load_scenario
from agents.tools.explain.read import read
from agents.tools.run.life import Life
from agents.tools.run.simulate import build_simulation
from agents.tools.run.view import verdict
from agents.tools.watch.row import row_of
from broker.chance import Faults
from broker.simulation import Simulation
from protocol.actor import Decided, Issue
from protocol.units import Direction

NEVER_KNOWN = {
    ("status", "available_w"): {WhyUnknown.NOT_NOTED},
    ("status", "delivered_wh"): {WhyUnknown.NOT_NOTED},
    ("up", "stage"): {WhyUnknown.DUE_NOW},
    ("up", "available_w"): {WhyUnknown.STILL_ANSWERING},
    ("late", "available_w"): {WhyUnknown.NOT_NOTED},
    ("explain", "stage"): {WhyUnknown.DUE_NOW},
    ("explain", "available_w"): {WhyUnknown.STILL_ANSWERING},
}
"""The reasons that a reader of status or notes may give; of all else it knows everything."""
OF_THE_WIRE = {WhyUnknown.ON_ITS_WAY, WhyUnknown.NOT_ON_THE_WIRE, WhyUnknown.DUE_NOW, WhyUnknown.STILL_METERING}


def compared(readers: Readers, at_each: Iterable[datetime], without: tuple[str, ...] = ()) -> list[str]:
    found: list[str] = []
    for at in at_each:
        readers.catch_up()
        found += readers.disagreements(at, without)
    return found


@pytest.mark.parametrize("path", paths.EVENINGS, ids=lambda path: path.stem)
def test_all_readers_agree_at_every_instant_of_a_shipped_scenario(path: Path) -> None:
    scenario = load_scenario(path)
    simulation = build_simulation(scenario, seed=1, keep_trace=True)
    readers = Readers(scenario, simulation)
    assert compared(readers, instants(simulation)) == []
    for (reader, figure, reason), count in readers.reasons.items():
        allowed = OF_THE_WIRE if reader == "watch" else NEVER_KNOWN.get((reader, figure), set())
        assert reason in allowed, f"{reader} does not know {figure} {count} x: {reason}"
    for reader, figure in readers.asked:  # nobody agrees by knowing nothing
        least_pct = {"status": 5, "watch": 25, "late": 5}.get(reader, 85)
        assert readers.known[reader, figure] * 100 > least_pct * readers.asked[reader, figure], (reader, figure)


def seeded(seed: int, *, lossy: bool) -> tuple[Readers, list[str]]:
    """A world with its operator's orders; a lossy wire loses, repeats and delays, and then `watch` cannot know."""
    world, plan = plan_of(seed)
    faults = replace(plan.faults, crashes=(), commit_ms=(0, 0)) if lossy else Faults()
    simulation: Simulation = world.build(seed, faults)
    for after, who, order in plan.orders:
        simulation.give(T0 + after, who, order)
    at_each = instants(simulation)
    next(at_each)  # all have joined
    readers = Readers(scenario_of(world, simulation), simulation)
    return readers, compared(readers, at_each, ("watch",) if lossy else ())


@pytest.mark.parametrize("lossy", [False, True], ids=["good_wire", "lossy_wire"])
def test_all_readers_agree_in_many_worlds(lossy: bool) -> None:
    found = {seed: told[:3] for seed in range(20) if (told := seeded(seed, lossy=lossy)[1])}
    assert found == {}


def few_and_silent(asked_w: tuple[int, ...], scale_w: int = 0) -> World:
    """An aggregator of two homes that answers long before the utility decides, beside one whose home says nothing."""
    world = World(utility={"reply_pct": 80}, coordinator={"max_rerequests": 0})
    world.simple("ra-1", 2, scale_w=scale_w)
    world.simple("ra-2", 1)
    world.intercepts["ra-2"] = silent
    world.event(*asked_w)
    return world


@pytest.mark.parametrize(("asked_w", "minutes"), [((12_000, 12_000), 8), ((21_000, 10_000), 23)])
def test_all_readers_agree_on_an_answer_that_is_taken_back_until_nothing_is_left(
    asked_w: tuple[int, ...], minutes: int
) -> None:
    world = few_and_silent(asked_w, 15_000 if minutes > 8 else 0)
    simulation = world.build()
    for number in range(2):
        at = T0 + (minutes + number) * timedelta(minutes=1)
        simulation.give(at, f"ra-1-h{number}", Decided("e1", False))
    at_each = instants(simulation)
    next(at_each)
    readers = Readers(scenario_of(world, simulation), simulation)
    seen: list[object] = []
    for at in at_each:
        readers.catch_up()
        assert readers.disagreements(at) == []
        seen += [found["up"].stage for _, name, found in readers.standings(at) if name == "ra-1" and "up" in found]
    assert list(dict.fromkeys(seen))[-2:] == [PartyStage.OPTED_OUT, PartyStage.CLOSED]


@pytest.mark.parametrize(("name", "for_s"), [("utility", 10_800), ("ac", 290), ("ra-1", 290)])
def test_all_readers_that_know_agree_on_what_stands_again_after_a_change(name: str, for_s: int) -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    world.intercepts |= {f"ra-1-h{number}": late(timedelta(seconds=8)) for number in range(4)}
    simulation = world.build()
    changed_at = START - timedelta(seconds=300)
    simulation.give(changed_at, "utility", Issue("e1", "dr", Direction.DECREASE_LOAD, START, (24_000, 24_000)))
    simulation.at(changed_at + timedelta(seconds=1), lambda: simulation.kill(name, timedelta(seconds=for_s)))
    at_each = instants(simulation)
    next(at_each)
    readers = Readers(scenario_of(world, simulation), simulation)
    seen: dict[str, list[object]] = {}
    for at in at_each:
        readers.catch_up()
        for _, party, found in readers.standings(at) if at > START + timedelta(minutes=10) else ():
            for reader in ("explain", "watch"):
                if party == "ra-1" and reader in found and at < START + timedelta(minutes=50):
                    seen.setdefault(reader, []).append(found[reader].stage)
    on_its_way = {WhyUnknown.ON_ITS_WAY}
    assert {reader: set(stages) - on_its_way for reader, stages in seen.items()} == {
        "explain": {PartyStage.DELIVERING},
        "watch": {PartyStage.DELIVERING},
    }


@pytest.mark.parametrize("figure", FIGURES)
def test_reader_that_says_something_else_is_noticed(figure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(paths.TINY)
    simulation = build_simulation(scenario, seed=1, keep_trace=True)
    readers = Readers(scenario, simulation)
    real = readers.standings

    def one_lies(now: datetime):  # type: ignore[no-untyped-def]
        for event_id, name, found in real(now):
            if "up" in found and name == "ac":
                found["up"] = replace(found["up"], **{figure: {"stage": "asked"}.get(figure, 12_345)})
            yield event_id, name, found

    monkeypatch.setattr(readers, "standings", one_lies)
    told = compared(readers, instants(simulation))
    assert told
    assert all(f" ac {figure}: " in line for line in told)


def test_all_readers_say_that_a_deal_was_lost_again() -> None:
    world = World()
    world.simple("ra-1", 1)
    world.event(4_000, 4_000)
    simulation = world.build(keep_trace=True)
    simulation.give(START - timedelta(minutes=5), "ra-1-h0", Decided("e1", False))
    at_each = instants(simulation)
    next(at_each)
    readers = Readers(scenario_of(world, simulation), simulation)
    for at in at_each:
        readers.catch_up()
        assert readers.disagreements(at, ("watch",)) == []  # from the wire it is over once nothing stands
    summary = readers.board.summary()
    assert (summary["deal"], summary["stands"], summary["lost"]) == (False, False, True)
    assert verdict(summary) == "a deal was concluded and lost again: nothing of it stood"
    assert summary["events"][0]["outcome"] == LOST
    assert exit_of(summary) is Exit.NEGATIVE
    _, utility = next(iter(readers.picture.events["e1"].in_order()))
    assert row_of(utility, "e1", 0, simulation.now).outcome == LOST
    events: Any = simulation.actor("utility").status()["events"]
    assert [stage_and_deal(event)[0] for event in events] == [LOST]
    story = read(readers.evidence["e1"])
    assert story.outcome == LOST
    assert "Outcome: a deal was concluded and lost again; nothing of it stood." in story.summary
    life = Life(readers.scenario)
    for _, who, note in simulation.notes:
        if who == "utility":
            life.tell(simulation.now, who, note)
    assert (life.summary()["outcomes"], life.summary()["deal"], life.summary()["lost"]) == ({LOST: 1}, False, True)
