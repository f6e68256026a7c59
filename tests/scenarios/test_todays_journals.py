"""A journal that this version writes is taken over by a process that opens it again, in each stage of events with all
that came since the first release: other contracts and settings in mid-event, answers of several kinds, residents, rebound,
staggered release; also when what is older has moved out to the archive, and when the end left no state."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hunter import plan_of
from released import NoBus
from worlds import T0

from agents.drivers.build import build_drivers
from agents.parties.memory import memory_of
from agents.runtime.build import build_actor
from agents.runtime.journal.journal import Journal
from agents.runtime.journal.outbox import leaves
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from broker.clock import Clock
from broker.simulation import Simulation
from protocol.actor import Entry

CASES = ((281, 5.01), (857, 12), (476, 40), (473, 75), (281, 115))
"""Of the hunter's worlds those that have the most of the new features, each at a minute: asked, answered or judged, bought,
delivering, over or relaxing for another event."""
KEYS = {"utility": "utility", "coordinator": "coordinator", "aggregator": "aggregator", "der": "ders"}


def stopped(seed: int, minutes: float) -> tuple[dict[str, Any], Simulation]:
    """The world of a seed, without its faults, up to a minute; and what settings some of each role began with."""
    world, plan = plan_of(seed)
    simulation = world.build(seed)
    simulation.run(until=T0)
    names = ("utility", "ac", world.aggregators[0].name, world.homes[0].name)
    began_with = {name: world.actors[name].settings for name in names}
    for after, who, order in plan.orders:
        simulation.give(T0 + after, who, order)
    simulation.run(until=T0 + timedelta(minutes=minutes))
    return began_with, simulation


class Process:
    """One party's journal, opened as a daemon opens it."""

    def __init__(self, path: Path, settings: Any, role: str) -> None:
        self.settings, key = settings, KEYS[role]
        given: dict[str, Any] = {key: (settings,) if key == "ders" else settings}
        self.journal = Journal(path, configuration=PartiesConfig(**given).as_bytes())
        self.journal.start()

    def folded(self) -> Shell:
        shell = Shell(
            build_actor(self.settings), NoBus(), Clock(T0), build_drivers(self.settings), journal=self.journal
        )
        shell.fold()
        return shell

    async def write(self, entries: list[Entry]) -> None:
        for entry in entries:
            number = self.journal.append(entry)
            for place, effect in enumerate(entry.effects):
                if leaves(effect):
                    self.journal.sent(entry.actor, (number, place))
        await self.journal.all_durable()


async def lived(path: Path, settings: Any, role: str, entries: list[Entry], *, archived: bool, clean: bool) -> object:
    """What a process knows that opens a journal of these entries; half of them lie in the archive where that was made."""
    half = len(entries) // 2 if archived else 0
    if half:
        process = Process(path, settings, role)
        await process.write(entries[:half])
        assert await process.journal.move_out([process.folded().state()]) is not None
        await process.journal.close()
    process = Process(path, settings, role)
    await process.write(entries[half:])
    await process.journal.close()
    process = Process(path, settings, role)
    shell = process.folded()
    if clean:
        shell.keep_snapshot()
        await process.journal.close()
        process = Process(path, settings, role)
        shell = process.folded()
        assert shell.past.since_snapshot == 0
    await process.journal.close()
    return orjson.loads(memory_of(shell.actor))


@pytest.mark.parametrize(("seed", "minutes"), CASES)
def test_process_that_opens_its_journal_knows_what_the_one_before_knew(
    seed: int, minutes: float, tmp_path: Path
) -> None:
    began_with, simulation = stopped(seed, minutes)
    for name, settings in began_with.items():
        actor = simulation.actor(name)
        entries = [entry for entry in simulation.trace if entry.actor == name]
        role = str(actor.status()["role"])
        knew = orjson.loads(memory_of(actor))
        for archived, clean in ((False, False), (True, False), (True, True)):
            path = tmp_path / f"{name}-{archived}-{clean}"
            assert asyncio.run(lived(path, settings, role, entries, archived=archived, clean=clean)) == knew, name


def test_worlds_have_what_came_since_the_first_release() -> None:
    found: set[str] = set()
    for seed, _ in CASES:
        _, plan = plan_of(seed)
        found |= {name for name, number in plan.features.items() if number}
        found |= {type(order).__name__ for _, _, order in plan.orders}
    assert {
        "other contracts", "other settings", "residents", "rooms", "rebound told", "staggered release",
        "interim readings", "owners take turns", "Reconfigured", "Issue",
    } <= found  # fmt: skip
