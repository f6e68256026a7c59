"""The system that `gridpact init` writes starts as it is, and a request becomes a deal in it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest
from paths import ROOT

from agents.cli.app import call
from agents.runtime.daemon.client import ask, converse
from agents.runtime.daemon.commands import CommandRefusal
from broker.mosquitto import free_port, private_broker

DAEMONS = ("utility", "ac", "ra-1", "ra-2", "homes")
SOON = timedelta(seconds=30)


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Everything in the folder, by its own script; stopped as a terminal's Ctrl-C or a service manager would."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(folder / "start.sh", stdout=asyncio.subprocess.PIPE, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


async def connected(folder: Path) -> None:
    """Until every daemon knows what it is at."""
    for name in DAEMONS:
        while True:
            try:
                if (await ask(folder / "run" / f"{name}.sock", {"do": "status"}))["parties"]:
                    break
            except CommandRefusal:
                pass
            await asyncio.sleep(0.1)


async def test_system_in_a_new_folder_starts_as_it_is_and_makes_a_deal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "system"
    ports = ["--port", str(free_port()), "--password-port", str(free_port())]
    assert call(["init", str(folder), *ports]) == 0
    async with asyncio.timeout(90):
        async with started(folder) as process:
            await connected(folder)
            utility = folder / "run" / "utility.sock"
            answer = await ask(utility, {"do": "status"})
            now = answer["parties"][0]["shell"]["now"]
            event = {
                "event_id": "first",
                "issue_at": now,
                "direction": "decrease_load",
                "slot_s": 60,
                "power_w": [6000],
            }
            notes = converse(utility, {"do": "watch"})
            await anext(notes)
            await ask(utility, {"do": "issue", "event": event | {"start": datetime.fromisoformat(now) + SOON}})
            async for note in notes:
                if note.get("event") == "all_confirmed":
                    break
            await notes.aclose()
        assert process.returncode == 0
    logs = {path.stem: path.read_bytes() for path in (folder / "log").glob("*.log")}
    assert {"broker", "authority", *(f"{role}" for role in ("der-homes", "utility-utility"))} <= set(logs)
    said = [(name, line) for name, log in logs.items() if "-" in name for line in log.splitlines()]
    assert [(name, line) for name, line in said if not line.startswith(b"{")] == []
    lines = [orjson.loads(line) for _, line in said]
    assert [line for line in lines if line.get("level") in ("error", "critical")] == []


async def test_port_that_is_taken_stops_the_start_and_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "system"
    async with private_broker() as other:
        assert call(["init", str(folder), "--port", str(other.port), "--password-port", str(free_port())]) == 0
        process = await asyncio.create_subprocess_exec(
            folder / "start.sh", stderr=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        async with asyncio.timeout(60):
            _, told = await process.communicate()
    assert process.returncode == 1
    assert b"broker has ended, so everything is stopped" in told
    assert b"Address already in use" in told
