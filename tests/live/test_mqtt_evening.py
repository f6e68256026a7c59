"""An evening with real processes in which homes drive chargers over the driver `mqtt`, each at a second broker of its own
house; the chargers are played by mosquitto_pub and mosquitto_sub. Three of them fail in mid-event."""

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import paths
import pytest
from chaos_path import system
from charger_evening import ENDS_MINUTES, SLOT_S, SPEED, ChargerEvening, noted, reported_wh, withdrawals

from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from protocol.actor import Entry, Setpoint

pytestmark = [pytest.mark.live, pytest.mark.slow]

HOMES = ("sound", "unplugged", "silent", "cut-off")
CHARGER = paths.ROOT / "tests" / "support" / "charger.sh"


class Charger:
    """One, at a broker of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder / name, name
        self.folder.mkdir(parents=True)
        self.broker = system.BrokerProcess(self.folder, {})
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        await self.broker.start()
        self.plug(True)
        arguments = (str(self.broker.port), self.name, str(self.folder), str(round(SPEED)))
        self.process = await asyncio.create_subprocess_exec("sh", str(CHARGER), *arguments, start_new_session=True)

    def plug(self, in_: bool) -> None:
        (self.folder / "plugged").write_text(f"{str(in_).lower()}\n")

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def said(self) -> list[str]:
        """What it was told, in its order."""
        log = self.folder / "log"
        return log.read_text().split() if log.exists() else []

    async def end(self) -> None:
        assert self.process is not None
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        await self.process.wait()
        await self.broker.end(signal.SIGKILL)

    def options(self) -> dict[str, Any]:
        state = f"{self.name}/state"
        return {
            "broker": {"port": self.broker.port},
            "power": {"topic": state, "path": "power", "unit": "W"},
            "imported": {"topic": state, "path": "total", "unit": "Wh"},
            "soc": {"topic": state, "path": "soc", "unit": "Wh"},
            "plugged": {"topic": state, "path": "plugged"},
            "command": [{"topic": f"{self.name}/set", "payload": "${power_w}"}],
            "release": [{"topic": f"{self.name}/set", "payload": "auto"}],
            "poll_s": 5,
        }


class Evening(ChargerEvening):
    """Four homes, each with a charger that could charge at 6 kW."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HOMES, max_discharge_w=3_000)
        self.chargers = {name: Charger(folder, name) for name in HOMES}

    def driven_by(self, home: str) -> dict[str, Any]:
        return {"driver": "mqtt", "options": self.chargers[home].options()}


async def play(folder: Path) -> tuple[Evening, system.Outcome, list[Entry]]:
    """The whole evening; what stands in all journals."""
    evening = Evening(folder)
    chargers = evening.chargers
    for charger in chargers.values():
        await charger.start()
    try:
        async with asyncio.timeout(240):
            await evening.start()
            await evening.notes("homes", "controlling", len(HOMES))
            await evening.until(13.5)  # the first slot is under way
            chargers["unplugged"].plug(False)
            chargers["silent"].signal(signal.SIGSTOP)
            await chargers["cut-off"].broker.end(signal.SIGKILL)
            await evening.until(ENDS_MINUTES)
        outcome = await evening.stop()
    finally:
        for charger in chargers.values():
            await charger.end()
    return evening, outcome, await evening.trace()


async def test_homes_with_real_chargers_deliver_and_those_that_fail_withdraw_with_a_cause(tmp_path: Path) -> None:
    evening, outcome, trace = await play(tmp_path)
    assert {edge: sum(plan) for edge, plan in outcome.awards.items() if edge.startswith("ra-1/")}.keys() == {
        f"ra-1/{home}" for home in HOMES
    }
    causes = withdrawals(trace, HOMES)
    assert causes.keys() == {"unplugged", "silent", "cut-off"}
    assert causes["unplugged"] == "ev-unplugged is unplugged"
    assert causes["silent"].startswith("ev-silent: silent")
    port = evening.chargers["cut-off"].broker.port
    assert causes["cut-off"].startswith(f"ev-cut-off: silent: its broker at 127.0.0.1:{port} is not reached")
    assert noted(trace, "ra-1", "withdrawn") == causes
    assert outcome.broken == []
    for name in evening.daemons:  # states of real devices are inputs: the journal makes every step again
        assert verify(RecordingSource(tmp_path / name)).divergence is None
    assert not [line for line in evening.daemons["homes"].lines if line.get("event") == "devices_simulated"]

    assert {home for home in HOMES if released(trace, home)} == {"unplugged", "silent", "cut-off"}
    assert evening.chargers["sound"].said() == ["0", "0", "auto"]
    assert evening.chargers["unplugged"].said() == ["0", "auto"]

    reports = reported_wh(trace)
    for slot in range(2):
        metered_wh, baseline_wh = reports["sound", slot]
        assert 0 <= metered_wh < baseline_wh == 3_000 * SLOT_S // 3_600
        assert ("silent", slot) not in reports
        assert ("cut-off", slot) not in reports


def released(trace: Iterable[Entry], home: str) -> bool:
    """Whether the home has given its device back before its time."""
    effects = (effect for entry in trace if entry.actor == home for effect in entry.effects)
    return any(isinstance(effect, Setpoint) and effect.power_w is None for effect in effects)
