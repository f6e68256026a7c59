"""The real daemons of a bench, each a process on a private broker, and what they cost."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from agents.runtime.files.toml_out import to_toml

HERE = Path(__file__).resolve().parents[1]
STOP_WITHIN_S = 15
LINE_LIMIT = 4 * 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Daemon:
    """A process, and the notes that it has told so far."""

    name: str
    process: asyncio.subprocess.Process
    notes: list[dict[str, Any]]
    changed: asyncio.Event

    async def ready(self) -> None:
        """Connected. Raises RuntimeError when it ended instead."""
        await self.told("ready")

    async def told(self, event: str, times: int = 1, **values: object) -> dict[str, Any]:
        """The `times`-th note of that name with those values. Raises RuntimeError when the process ended before."""
        while True:
            found = [
                note
                for note in self.notes
                if note.get("event") == event and all(note.get(key) == value for key, value in values.items())
            ]
            if len(found) >= times:
                return found[times - 1]
            if self.notes and self.notes[-1].get("event") == "ended":
                raise RuntimeError(f"{self.name} ended early: {self.notes[-3:]}")
            self.changed.clear()
            await self.changed.wait()

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        return cpu_s(self.process.pid)

    def rss(self) -> int:
        """Resident memory, bytes."""
        return rss(self.process.pid)

    def peak_rss(self) -> int:
        """The most that it ever had, bytes."""
        return peak_rss(self.process.pid)


def cpu_s(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss(pid: int) -> int:
    """Resident memory of a process, bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_rss(pid: int) -> int:
    """The most that a process ever had resident, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def base_config(name: str, port: int, folder: Path) -> dict[str, Any]:
    """The tables of a daemon's file that say where it lives."""
    return {
        "broker": {"port": port},
        "control": {"dir": str(folder / "control"), "name": name},
        "journal": {"path": str(folder / f"{name}.journal")},
    }


@asynccontextmanager
async def daemon(
    role: str,
    name: str,
    config: dict[str, Any],
    folder: Path,
    root: Path = HERE,
    environment: Mapping[str, str] = {},
) -> AsyncIterator[Daemon]:
    """`gridpact run ROLE` with the packages of a checkout, for as long as the context lasts."""
    path = folder / f"{name}.toml"
    path.write_text(to_toml(config), encoding="utf-8")
    with (folder / f"{name}.stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "agents.cli", "run", role, "--config", str(path)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=LINE_LIMIT,
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1", **environment},
        )
    found = Daemon(name, process, [], asyncio.Event())
    listening = asyncio.create_task(listen(found))
    try:
        yield found
    finally:
        await stopped(process)
        await listening


async def stopped(process: asyncio.subprocess.Process) -> None:
    """End a process, and wait for its end."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def listen(found: Daemon) -> None:
    """Take in the lines of JSON that a process writes, until it ends."""
    assert found.process.stdout is not None
    while line := await found.process.stdout.readline():
        try:
            found.notes.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            found.notes.append({"event": "text", "text": line.decode(errors="replace").strip()})
        found.changed.set()
    found.notes.append({"event": "ended"})
    found.changed.set()
