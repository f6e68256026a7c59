"""A daemon whose party never rests: what is over moves out, and the party goes on as it was."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from memory_bus import MemoryBus
from patient_clock import PatientClock
from worlds import START, T0

from agents.parties.utility.actor import Utility
from agents.runtime.daemon.archiving import Archiving
from agents.runtime.daemon.in_force import SettingsInForce
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.daemon import DaemonConfig, JournalSettings
from agents.settings.parties import UtilitySettings
from protocol.actor import Cancel, Issue
from protocol.units import Direction

SETTINGS = UtilitySettings(children=("ac",))
ORDER = Issue("e1", "dr", Direction.DECREASE_LOAD, START + timedelta(hours=9), (1_000,), 900)


async def test_party_with_an_open_event_keeps_a_flat_file_and_its_memory(tmp_path: Path) -> None:
    config = DaemonConfig(utility=SETTINGS, journal=JournalSettings(archive_after=100))
    path, settings = tmp_path / "utility.journal", config.parties().as_bytes()
    journal = Journal(path, configuration=settings)
    journal.start()
    bus = MemoryBus()
    shell = Shell(Utility(SETTINGS), bus, PatientClock(T0, 1.0), journal=journal)
    archiving = Archiving(config.journal, journal, {"utility": shell}, SettingsInForce(config), asyncio.Event())
    task = asyncio.create_task(shell.run())
    sizes, moved = [], tmp_path / "utility.journal.archive"
    async with asyncio.timeout(30):
        await shell.give(ORDER)
        asked = await bus.posts.get()
        assert asked.sent is not None
        asked.sent()
        for round_ in range(4):
            assert not moved.exists() or len(list(moved.iterdir())) == round_
            for _ in range(100):
                await shell.give(Cancel("nobody's"))
            await archiving.at_rest()
            assert len(list(moved.iterdir())) == round_ + 1
            assert journal.length < 100
            await archiving.at_rest()  # there is not enough to be moved yet
            sizes.append(path.stat().st_size)
    before = shell.actor.status()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await journal.close()
    assert len(set(sizes[1:])) == 1
    files = sorted(moved.iterdir(), key=lambda file: int(file.stem.rpartition("-")[2]))
    numbers = [step.seq for file in (*files, path) for step in JournalFile(file).entries()]
    assert numbers == [*range(1, len(numbers) + 1)]
    again = Journal(path, configuration=settings)
    started = Shell(Utility(SETTINGS), MemoryBus(), PatientClock(T0, 1.0), journal=again)
    started.fold()
    assert started.actor.status() == before
    assert started.past.since_snapshot < 100
    await again.close()
