"""Journals of every release, stopped with an event open in each of five stages, start in this version and go on."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import released
from released import (
    CLOSED,
    EVENT,
    FIXTURES,
    OPEN,
    SCENARIO,
    STOPS,
    configuration,
    journal_of,
    shells,
    stage_of,
    unpacked,
    without_snapshots,
)

from agents.negotiation.parent import ParentParty
from agents.parties.memory import memory_of
from agents.runtime.behaviour import intercept
from agents.runtime.daemon.changeover import Start, settings_to_run
from agents.runtime.files.scenario import load_scenario
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import StoredStep
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from broker.simulation import SimulatedParty, Simulation
from protocol.actor import Actor, Resumed, Send
from protocol.entries import decode_effects
from protocol.messages import Award
from protocol.plan import Plan

CASES = [(version, stage) for version in released.versions() for stage in OPEN]


@cache
def entries(version: str, stage: str) -> dict[str, list[StoredStep]]:
    """Of each party, as the release wrote them."""
    found: dict[str, list[StoredStep]] = {}
    with TemporaryDirectory() as folder:
        for path in unpacked(FIXTURES / version / stage, Path(folder)):
            for kept in JournalFile(path).entries():
                found.setdefault(kept.actor, []).append(kept)
    return found


def started(version: str, stage: str, folder: Path, *, from_state: bool) -> Iterator[Shell]:
    """Every party of a stop after its start; its journal is open until the next one is asked for."""
    for path in unpacked(FIXTURES / version / stage, folder):
        if not from_state:
            without_snapshots(path)
        journal = journal_of(path)
        for shell in shells(journal):
            assert shell.fold() == entries(version, stage)[shell.actor.name][-1].at
            yield shell
        asyncio.run(journal.close())


def awarded(actor: Actor) -> dict[str, Plan]:
    """What a party's children hold, W a slot."""
    assert isinstance(actor, ParentParty)
    return {
        child.name: child.award.power_w for child in actor.events[EVENT].children.asked() if child.award is not None
    }


def awards_sent(kept: list[StoredStep]) -> dict[str, Plan]:
    """What it sent them last, by its journal."""
    sends = [effect for one in kept for effect in decode_effects(one.effects) if isinstance(effect, Send)]
    return {send.edge.child: send.message.power_w for send in sends if isinstance(send.message, Award)}


NEWER = ("earlier", "earlier_until", "locked", "locked_answers", "set_aside", "before_w", "loosened", "again")
"""Keys of the state that the first release did not have: what is locked of an earlier round, and what was loosened; nor did
it ask anybody a third time."""


def as_first_released(memory: bytes) -> object:
    """A state without what the first release did not remember, or read: it read own storage at a start only."""

    def known(found: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in found.items() if key not in NEWER}
        return kept | ({"yard": kept["yard"] | {"devices": list(kept["yard"]["devices"])}} if "yard" in kept else {})

    return json.loads(memory, object_hook=known)


def test_journals_of_the_first_release_are_there() -> None:
    assert "0.1.0" in released.versions()
    for version in released.versions():
        assert {path.name for path in (FIXTURES / version).iterdir()} == set(STOPS)


@pytest.mark.parametrize(("version", "stage"), CASES)
@pytest.mark.parametrize("from_state", [True, False], ids=["state", "fold"])
def test_party_knows_the_event_in_its_stage_and_its_awards_to_the_watt(
    version: str, stage: str, from_state: bool, tmp_path: Path
) -> None:
    stages = {}
    for shell in started(version, stage, tmp_path, from_state=from_state):
        actor, kept = shell.actor, entries(version, stage)[shell.actor.name]
        assert shell.past.since_snapshot == (0 if from_state else len(kept))
        assert shell._journal is not None
        assert shell._journal.undone(actor.name) == []
        if stage == "collecting":
            assert list(shell.questions) == ([EVENT] if actor.name == "hems-a" else [])
        if actor.name in STOPS[stage].stages:
            stages[actor.name] = stage_of(actor)
            assert actor.deadline is not None
            assert actor.deadline > kept[-1].at
        if isinstance(actor, ParentParty):
            assert awarded(actor) == awards_sent(kept)
            assert bool(awarded(actor)) == (stage in ("standby", "delivering"))
    assert stages == STOPS[stage].stages


@pytest.mark.parametrize(("version", "stage"), CASES)
def test_state_of_a_clean_stop_is_what_all_entries_make(version: str, stage: str, tmp_path: Path) -> None:
    memories = [
        {
            shell.actor.name: as_first_released(memory_of(shell.actor))
            for shell in started(version, stage, tmp_path / str(from_state), from_state=from_state)
        }
        for from_state in (True, False)
    ]
    assert memories[0] == memories[1]
    assert set(memories[0]) >= {"utility", "ac", "ra-1", "ra-2", "hems-1", "hems-a"}


@pytest.mark.parametrize(("version", "stage"), CASES)
@pytest.mark.parametrize("from_state", [True, False], ids=["state", "fold"])
def test_party_takes_the_rest_of_the_evening_with_the_same_effects(
    version: str, stage: str, from_state: bool, tmp_path: Path
) -> None:
    for shell in started(version, stage, tmp_path, from_state=from_state):
        name = shell.actor.name
        before, whole = entries(version, stage)[name], entries(version, CLOSED)[name]
        assert [one[1:] for one in before] == [one[1:] for one in whole[: len(before)]]
        assert len(whole) > len(before) or stage_of(shell.actor) == CLOSED  # of a home without a deal
        assert shell._journal is not None
        for kept in whole[len(before) :]:
            shell.past._take_again(shell._journal, kept, devices_too=True)
        assert stage_of(shell.actor) == CLOSED


@pytest.mark.parametrize(("version", "stage"), CASES)
def test_started_parties_bring_the_event_to_its_end(version: str, stage: str, tmp_path: Path) -> None:
    parties, last_at = [], {}
    behaviours = load_scenario(SCENARIO).behaviours
    for shell in started(version, stage, tmp_path, from_state=True):
        name = shell.actor.name
        way_out = intercept(behaviours[name]) if name in behaviours else None
        parties.append(SimulatedParty(shell.actor, shell.stepper.drivers, intercept=way_out))
        last_at[name] = entries(version, stage)[name][-1].at
    simulation = Simulation(parties, STOPS[stage].at, seed=1)
    for name, at in last_at.items():
        simulation.give(STOPS[stage].at, name, Resumed(at))
    simulation.run(until=STOPS[CLOSED].at)
    for name in ("utility", "ac", "ra-1", "ra-2"):
        assert stage_of(simulation.actor(name)) == CLOSED
        assert awarded(simulation.actor(name)) == awards_sent(entries(version, CLOSED)[name])
    utility = simulation.actor("utility")
    assert isinstance(utility, ParentParty)
    assert utility.events[EVENT].outcome == "concluded"


@pytest.mark.parametrize("version", released.versions())
def test_settings_of_a_release_are_read_with_what_is_new_by_its_default(version: str, tmp_path: Path) -> None:
    for path in unpacked(FIXTURES / version / CLOSED, tmp_path):
        assert set(configuration(path).names()) <= set(entries(version, CLOSED))


def with_other_settings(settings: PartiesConfig) -> PartiesConfig:
    """What is taken when everybody is at rest: a device is called otherwise, an aggregator and a coordinator
    belong elsewhere; and, at once, a utility's other children."""
    ders = tuple(
        home.model_copy(
            update={
                "devices": tuple(
                    spec.model_copy(update={"resource_id": f"{spec.resource_id}-2"}) for spec in home.devices
                )
            }
        )
        for home in settings.ders
    )
    changed: dict[str, object] = {"ders": ders}
    for key, update in (
        ("aggregator", {"parent": "other"}),
        ("coordinator", {"parent": "other"}),
        ("utility", {"children": ("other",)}),
    ):
        one = getattr(settings, key)
        changed[key] = None if one is None else one.model_copy(update=update)
    return settings.model_copy(update=changed)


@pytest.mark.parametrize(("version", "stage"), CASES)
async def test_start_with_other_settings_leaves_the_event_in_its_stage_by_those_that_it_began_with(
    version: str, stage: str, tmp_path: Path
) -> None:
    stages = {}
    for path in unpacked(FIXTURES / version / stage, tmp_path):
        known = configuration(path)
        start = await settings_to_run(path, with_other_settings(known), STOPS[stage].at)
        assert (start.under, start.waits) == (known, known.utility is None)  # other children are taken for new events
        journal = journal_of(path)
        for shell in shells(journal):
            shell.fold()
            stages[shell.actor.name] = stage_of(shell.actor)
        await journal.close()
    assert {name: stages[name] for name in STOPS[stage].stages} == STOPS[stage].stages


@pytest.mark.parametrize("version", released.versions())
async def test_other_settings_are_taken_where_all_is_over(version: str, tmp_path: Path) -> None:
    for path in unpacked(FIXTURES / version / CLOSED, tmp_path):
        given = with_other_settings(configuration(path))
        assert await settings_to_run(path, given, STOPS[CLOSED].at + timedelta(hours=2)) == Start(given)
        assert configuration(path) == given
        assert list(JournalFile(path).entries()) == []
