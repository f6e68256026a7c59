"""A daemon that is started with other settings while an event is under way."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from worlds import battery

from agents.runtime.daemon.daemon import Daemon
from agents.runtime.journal.file import JournalFile
from agents.settings.daemon import BrokerSettings, ClockSettings, ControlSettings, DaemonConfig, JournalSettings
from agents.settings.parties import DerSettings, UtilitySettings
from broker.mosquitto import Broker
from protocol.actor import Issue
from protocol.units import Direction

SPEED = 300.0


def config(folder: Path, broker: Broker, anchor_at: datetime, battery_w: int) -> DaemonConfig:
    """A utility, and a home whose battery is another one: that is taken when everybody is at rest."""
    return DaemonConfig(
        broker=BrokerSettings(port=broker.port),
        clock=ClockSettings(origin_at=anchor_at, anchor_at=anchor_at, speed=SPEED),
        control=ControlSettings(dir=folder / "run"),
        journal=JournalSettings(path=folder / "utility.journal"),
        utility=UtilitySettings(children=("ac",)),
        ders=(DerSettings(name="h", parent="ra", devices=(battery("wall", battery_w),)),),
    )


async def test_daemon_ends_an_event_by_the_old_settings_and_begins_anew_with_the_new_ones(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.runtime.daemon.archiving.ARCHIVE_PERIOD_S", 0.05)
    anchor_at = datetime.now(UTC)
    before = config(tmp_path, broker, anchor_at, 3_000)
    first = Daemon(before)
    running = asyncio.create_task(first.run())
    async with asyncio.timeout(60):
        await first.taking.wait()
        assert first.clock is not None
        start = (first.clock.now() + timedelta(minutes=40)).replace(second=0, microsecond=0)
        await first.shells["utility"].give(Issue("e1", "dr", Direction.DECREASE_LOAD, start, (5_000,), 600))
        await first.journal.all_durable()
        signal.raise_signal(signal.SIGTERM)
        assert await running == 0

        after = config(tmp_path, broker, anchor_at, 5_000)
        second = Daemon(after)
        assert await second.run() is None
        assert second.in_force.under == before.parties()
        third = Daemon(after)
        running = asyncio.create_task(third.run())
        await third.taking.wait()
        signal.raise_signal(signal.SIGTERM)
        assert await running == 0
    assert third.in_force.under == after.parties()
    assert JournalFile(tmp_path / "utility.journal").configuration() == after.parties()
    (archive,) = (tmp_path / "utility.journal.archive").glob("*.sqlite")
    assert JournalFile(archive).configuration() == before.parties()
