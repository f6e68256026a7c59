"""A daemon in real time on a machine whose clock is set: it follows, says so, and its journal tells when it ran back."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agents.runtime.daemon.client import ask
from agents.runtime.daemon.daemon import Daemon
from agents.runtime.journal.file import JournalFile
from agents.settings.daemon import BrokerSettings, ControlSettings, DaemonConfig, JournalSettings
from agents.settings.parties import UtilitySettings
from broker.clock import MACHINE, Clock
from broker.mosquitto import Broker
from protocol.actor import Reanchored

HOUR = timedelta(hours=1)


class Running:
    """A utility's daemon, and what it alerts."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.socket, self.journal = folder / "run" / "utility.sock", folder / "utility.journal"
        self.daemon = Daemon(
            DaemonConfig(
                broker=BrokerSettings(port=broker.port),
                control=ControlSettings(dir=folder / "run"),
                journal=JournalSettings(path=self.journal),
                utility=UtilitySettings(children=("ac",)),
            )
        )
        self.told: asyncio.Queue[str] = asyncio.Queue()

    @property
    def clock(self) -> Clock:
        assert self.daemon.clock is not None
        return self.daemon.clock

    async def set(self, by: timedelta) -> str:
        """Set the machine's clock so far off the true time; what is told of it."""
        self.clock._sources = MACHINE._replace(utc=lambda: datetime.now(UTC) + by)
        return await self.told.get()

    async def now(self) -> datetime:
        (party,) = (await ask(self.socket, {"do": "status"}))["parties"]
        return datetime.fromisoformat(party["shell"]["now"])


@asynccontextmanager
async def utility(folder: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    found, taking = Running(folder, broker), asyncio.Event()
    monkeypatch.setattr("agents.runtime.clock_watch.CLOCK_PERIOD_S", 0.05)
    found.daemon.taking = taking
    running = asyncio.create_task(found.daemon.run())
    async with asyncio.timeout(30):
        await asyncio.wait({asyncio.ensure_future(taking.wait()), running}, return_when=asyncio.FIRST_COMPLETED)
        tell = found.daemon.alerts.happened

        def heard(alert: str, text: str) -> None:
            tell(alert, text)
            found.told.put_nowait(f"{alert}: {text}")

        monkeypatch.setattr(found.daemon.alerts, "happened", heard)
        yield found
    signal.raise_signal(signal.SIGTERM)
    assert await running == 0


async def test_daemon_follows_a_clock_that_is_set_and_its_journal_tells_when_it_ran_back(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with utility(tmp_path, broker, monkeypatch) as daemon:
        assert await daemon.set(HOUR) == "clock_set: this machine's clock was set forward by 3600 s"
        assert abs(await daemon.now() - datetime.now(UTC) - HOUR) < HOUR / 2
        daemon.daemon.alerts.look()
        assert "clock_set" in daemon.daemon.alerts.active
        assert await daemon.set(timedelta()) == "clock_set: this machine's clock was set back by 3600 s"
        while daemon.clock.ahead_s:
            await asyncio.sleep(0)
        assert abs(await daemon.now() - datetime.now(UTC)) < HOUR / 2
        start = (datetime.now(UTC) + 2 * HOUR).isoformat()
        event: dict[str, Any] = {"event_id": "e1", "direction": "decrease_load", "start": start, "power_w": [1000]}
        await ask(daemon.socket, {"do": "issue", "event": event | {"issue_at": datetime.now(UTC).isoformat()}})
    entries = [kept.entry() for kept in JournalFile(daemon.journal).entries()]
    runs_back = [before.input for before, after in pairwise(entries) if after.at < before.at]
    assert [type(one) for one in runs_back] == [Reanchored]
