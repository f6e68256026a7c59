"""Segments: what is over moves out in mid-event, each file begins with what was known, and every entry stands once."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import paths
import pytest
from memory_bus import MemoryBus
from worlds import T0, World, battery

from agents.drivers.simulated import build_driver
from agents.parties.aggregator.actor import Aggregator
from agents.runtime.daemon.changeover import settings_to_run
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal, JournalError
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import AggregatorSettings
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.clock import Clock
from protocol.actor import Entry


@pytest.fixture(scope="module")
def evening() -> tuple[AggregatorSettings, list[Entry]]:
    world = World()
    world.simple("ra-1", 5, storage=(battery("bat-1"),))
    world.event(20_000, 15_000)
    trace = world.run().simulation.trace
    return world.aggregators[0], [entry for entry in trace if entry.actor == "ra-1"]


def configuration(settings: AggregatorSettings) -> PartiesConfig:
    return PartiesConfig(aggregator=settings)


def shell(settings: AggregatorSettings, journal: Journal) -> Shell:
    drivers = {spec.resource_id: build_driver(spec) for spec in settings.storage}
    return Shell(Aggregator(settings), MemoryBus(), Clock(T0), drivers, journal=journal)


@asynccontextmanager
async def opened(path: Path, settings: AggregatorSettings) -> AsyncIterator[tuple[Journal, Shell]]:
    journal = Journal(path, configuration=configuration(settings).as_bytes())
    journal.start()
    running = shell(settings, journal)
    running.fold()
    try:
        yield journal, running
    finally:
        await journal.close()


def take(running: Shell, journal: Journal, entries: list[Entry]) -> None:
    """Take these inputs; all that they set off leaves at once."""
    for entry in entries:
        for number, taken in running.past.store(running.stepper.take(entry.input, entry.at)):
            for place in range(len(taken.effects)):
                journal.sent("ra-1", (number, place))


def inputs(entries: list[Entry]) -> list[Entry]:
    """What came in from outside: own storage is measured again."""
    return [one for one in entries if type(one.input).__name__ != "Measured" or one.input.slot is None]  # type: ignore[union-attr]


@pytest.mark.parametrize("parts", [2, 5])
async def test_party_goes_on_from_segments_as_if_all_entries_were_there(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]], parts: int
) -> None:
    settings, entries = evening
    given, path = inputs(entries), tmp_path / "ra-1.journal"
    size = -(-len(given) // parts)
    for at in range(0, len(given), size):
        async with opened(path, settings) as (journal, running):
            take(running, journal, given[at : at + size])
            moved = await journal.move_out([running.state()])
            assert moved is not None
            assert list(journal.entries("ra-1")) == []
            assert journal.length == 0
    async with opened(path, settings) as (journal, running):
        assert running.past.since_snapshot == 0
        whole = shell(settings, journal)
        for entry in given:
            whole.stepper.take(entry.input, entry.at)
        assert running.actor.status() == whole.actor.status()
        assert running.actor.deadline == whole.actor.deadline
    files = sorted((tmp_path / "ra-1.journal.archive").iterdir(), key=lambda file: int(file.stem.rpartition("-")[2]))
    numbers = [stored.seq for file in files for stored in JournalFile(file).entries()]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert [sorted(JournalFile(file).begins_with()) for file in files] == [[], *[["ra-1"]] * (len(files) - 1)]
    verified = verify(RecordingSource(tmp_path))
    assert verified.divergence is None
    assert verified.entries == len(numbers)


async def test_what_has_not_left_stays(tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]) -> None:
    settings, entries = evening
    given = inputs(entries)
    async with opened(tmp_path / "j", settings) as (journal, running):
        take(running, journal, given[:3])
        await journal.all_durable()
        for entry in given[3:8]:
            running.past.store(running.stepper.take(entry.input, entry.at))
        before = journal.pending
        assert before
        await journal.move_out([running.state()])
        left = list(journal.entries("ra-1"))
        assert left
    async with opened(tmp_path / "j", settings) as (journal, running):
        assert [step.seq for step in journal.entries("ra-1")] == [step.seq for step in left]
        assert len(journal.undone("ra-1")) == before
        assert running.past.since_snapshot == 0  # its state knows them


async def test_start_that_cannot_read_the_state_at_the_beginning_says_so(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    async with opened(tmp_path / "j", settings) as (journal, running):
        take(running, journal, inputs(entries)[:9])
        state = running.state()._replace(body=b"of another version")
        await journal.move_out([state])
    journal = Journal(tmp_path / "j", configuration=configuration(settings).as_bytes())
    with pytest.raises(
        JournalError, match=r"begins with what ra-1 knew .* run the gridpact that wrote it and stop it cleanly"
    ):
        shell(settings, journal).fold()
    await journal.close()


async def test_other_settings_wait_until_what_a_segment_has_begun_is_over(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    async with opened(tmp_path / "j", settings) as (journal, running):
        take(running, journal, inputs(entries)[:9])
        await journal.move_out([running.state()])
    other = configuration(settings.model_copy(update={"report_grace_s": settings.report_grace_s + 1}))
    known = (await settings_to_run(tmp_path / "j", other, entries[9].at)).under
    assert known.as_bytes() == configuration(settings).as_bytes()


@pytest.mark.parametrize("kill", ["making", "renaming", "forgetting", "committed"])
async def test_segment_that_a_kill_left_half_done_is_swept_up_and_every_entry_stands_once(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]], kill: str
) -> None:
    settings, entries = evening
    given, path = inputs(entries), tmp_path / "j"
    async with opened(path, settings) as (journal, running):
        take(running, journal, given[:9])
        count = len(list(journal.entries("ra-1"))) + journal.waiting
        state = running.state()
    program = f"""
import os
from pathlib import Path
from agents.runtime.journal import files, segments
from agents.runtime.journal.journal import Journal

def die(*given):
    os.kill(os.getpid(), 9)

journal = Journal(Path({str(path)!r}))
match {kill!r}:
    case "making":
        files.make_durable = die
    case "renaming":
        make_durable = files.make_durable
        files.make_durable = lambda path: die() if path.is_dir() else make_durable(path)
    case "forgetting":
        segments._forget = die
state = segments.PartyState(*{tuple(state)!r})
segments.segmented(journal._file.writes, journal.path, [state], {{"ra-1": {state.number}}})
die()
"""
    dying = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=os.environ | {"PYTHONPATH": str(paths.ROOT)}
    )
    assert await dying.wait() == -9
    async with opened(path, settings) as (journal, running):
        waiting = len(list(journal.entries("ra-1")))
        assert waiting == (0 if kill == "committed" else count)
        take(running, journal, given[9:])
        await journal.move_out([running.state()])
    files = list((tmp_path / "j.archive").iterdir())
    assert {file.suffix for file in files} == {".sqlite"}
    numbers = sorted(stored.seq for file in files for stored in JournalFile(file).entries())
    assert numbers == [*range(1, len(numbers) + 1)]
    assert len(numbers) > count


async def test_segment_of_one_party_leaves_those_of_another_alone(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    async with opened(tmp_path / "j", settings) as (journal, running):
        other = journal.append(entries[0]._replace(actor="another"))
        await journal.durable(other)
        take(running, journal, inputs(entries)[:9])
        await journal.move_out([running.state()])
        assert [step.seq for step in journal.entries("another")] == [other]
    async with opened(tmp_path / "j", settings) as (journal, _):
        files = list((tmp_path / "j.archive").iterdir())
        assert len(files) == 1
