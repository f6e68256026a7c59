"""A journal that is damaged within: whoever starts from it or reads it says so in one sentence, wherever the damage is."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from memory_bus import MemoryBus
from worlds import T0, World

from agents.runtime.build import build_actor
from agents.runtime.daemon.findings import Verdict
from agents.runtime.daemon.takeover import takeover
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes
from agents.runtime.fleet.keeping import FleetJournal
from agents.runtime.journal.file import JournalFile, write_journal
from agents.runtime.journal.journal import Journal, JournalError
from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError
from agents.settings.daemon import PartiesConfig
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.clock import Clock

PAGE = 4_096


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.simple("ra-1", 30)
    made.event(20_000, 15_000)
    made.run()
    return made


async def journal_of(world: World, path: Path, names: tuple[str, ...] = ("ra-1",)) -> PartiesConfig:
    """The journal of some parties' evening."""
    assert world.simulation is not None
    ders = tuple(home for home in world.homes if home.name in names)
    settings = PartiesConfig(ders=ders) if ders else PartiesConfig(aggregator=world.aggregators[0])
    await write_journal(path, [one for one in world.simulation.trace if one.actor in names], settings)
    return settings


def cut_off(share: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def blank(share: float) -> Callable[[Path], None]:
    """Two pages are nothing but zeros."""

    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(int(path.stat().st_size * share) // PAGE * PAGE)
            file.write(bytes(2 * PAGE))

    return damage


def entry(column: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    """Other bytes of the last entries, as many as before."""

    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            rows = connection.execute(f"SELECT first, {column} FROM steps").fetchall()
            first, body = next(row for row in reversed(rows) if old in bytes(row[1]))
            connection.execute(f"UPDATE steps SET {column} = ? WHERE first = ?", (bytes(body).replace(old, new), first))

    return damage


DAMAGES = {
    "cut off at a tenth": cut_off(0.1),
    "cut off in the middle": cut_off(0.5),
    "cut off near its end": cut_off(0.9),
    "blank at a third": blank(0.3),
    "blank near its end": blank(0.8),
    "an input that is no JSON": entry("body", b'{"input":', b'{"input"\x00'),
    "an input of another version": entry("body", b'{"input":"', b'{"input":"x'),
    "effects that are no JSON": entry("body", b'{"effect":', b'{"effect"\x00'),
}


async def start(path: Path, world: World) -> None:
    settings = world.aggregators[0]
    journal = Journal(path, configuration=PartiesConfig(aggregator=settings).as_bytes())
    try:
        journal.start()
        shell = Shell(build_actor(settings), MemoryBus(), Clock(T0, T0), journal=journal)
        shell.fold()
        journal.undone("ra-1")
    finally:
        await journal.close()


def looked_at(path: Path) -> str:
    """What the doctor finds, or why it cannot."""
    try:
        found = takeover(JournalFile(path))
    except JournalError as error:
        return str(error)
    return found.text if found.verdict is Verdict.FAULT else ""


async def start_fleet(path: Path, settings: PartiesConfig) -> None:
    journal = FleetJournal(path, configuration=settings.as_bytes())
    journal.start()
    try:
        ways_out = {one.name: MemoryBus() for one in settings.ders}
        list(Gateway(Homes(settings.ders), ways_out, Clock(T0, T0), journal)._first_jobs())
    finally:
        await journal.close()


@pytest.mark.parametrize("damage", DAMAGES)
async def test_start_from_a_damaged_journal_says_so_in_a_sentence(tmp_path: Path, world: World, damage: str) -> None:
    path = tmp_path / "ra-1.journal"
    await journal_of(world, path)
    DAMAGES[damage](path)
    with pytest.raises(JournalError, match=rf"^{path}: .*(mend it or move|move it away|move the file away)"):
        await start(path, world)
    path.unlink()
    await start(path, world)  # nothing holds it


@pytest.mark.parametrize("damage", DAMAGES)
async def test_reader_of_a_damaged_journal_says_so_in_a_sentence(tmp_path: Path, world: World, damage: str) -> None:
    path = tmp_path / "ra-1.journal"
    await journal_of(world, path)
    DAMAGES[damage](path)
    with pytest.raises((JournalError, ConfigError), match=r"ra-1\.journal: "):
        verify(RecordingSource(path))
    assert f"{path}: " in looked_at(path)


@pytest.mark.parametrize("damage", DAMAGES)
async def test_fleet_with_a_damaged_journal_says_so_in_a_sentence(tmp_path: Path, world: World, damage: str) -> None:
    path = tmp_path / "fleet.journal"
    names = tuple(home.name for home in world.homes)
    settings = await journal_of(world, path, names)
    DAMAGES[damage](path)
    with pytest.raises(JournalError, match=rf"^{path}: "):
        await start_fleet(path, settings)
