"""A private Mosquitto, started from the repository's mosquitto.conf on a port of its own, and stopped again."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

SBIN = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
"""Where packages put the program when the PATH does not say so."""

START_TIMEOUT_S = 10.0


class BrokerMissing(RuntimeError):
    """The program is not installed; `str(error)` says how to install it."""


class BrokerFailed(RuntimeError):
    """The program did not start; `str(error)` has its own words."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running private broker."""

    host: str
    port: int
    pid: int


def program() -> str:
    """Where Mosquitto is. Raises BrokerMissing."""
    found = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), SBIN)))
    if found is None:
        raise BrokerMissing(
            "Mosquitto is not installed: run 'sudo apt-get install mosquitto' (Debian, Ubuntu) or "
            "'brew install mosquitto' (macOS), or use 'gridpact simulate', which needs no broker."
        )
    return found


def configuration() -> str:
    """The text of mosquitto.conf: the repository's, or in an installed wheel the copy beside this file."""
    here = Path(__file__).resolve().parent
    for path in (here.parent / "mosquitto.conf", here / "mosquitto.conf"):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise BrokerFailed("mosquitto.conf is missing from this installation: install gridpact again.")


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def adapted(text: str, port: int) -> str:
    """The configuration with our listener; `user` only where it applies (as root)."""
    lines = []
    for line in text.splitlines():
        if line.startswith("listener "):
            line = f"listener {port} 127.0.0.1"
        if not line.startswith("user ") or os.geteuid() == 0:
            lines.append(line)
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def private_broker(port: int | None = None) -> AsyncIterator[Broker]:
    """A broker of our own for as long as the context lasts. Raises BrokerMissing, BrokerFailed."""
    chosen = port or free_port()
    with tempfile.TemporaryDirectory(prefix="gridpact-broker-") as folder:
        path = Path(folder) / "mosquitto.conf"
        path.write_text(adapted(configuration(), chosen), encoding="utf-8")
        async with started_broker(path, chosen) as running:
            yield running


@asynccontextmanager
async def started_broker(path: Path, port: int) -> AsyncIterator[Broker]:
    """A broker of a configuration that listens on a port of this host. Raises BrokerMissing, BrokerFailed."""
    process = await asyncio.create_subprocess_exec(
        program(),
        "-c",
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # or Ctrl-C at a terminal would end it before those that still need it
    )
    assert process.stderr is not None
    draining: asyncio.Task[None] | None = None
    try:
        await _running(process.stderr, port)
        draining = asyncio.create_task(_drain(process.stderr))
        yield Broker("127.0.0.1", port, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if draining is not None:
            await draining


async def _running(log: asyncio.StreamReader, port: int) -> None:
    """Wait for the broker's own word that it runs."""
    said: list[str] = []
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while line := (await log.readline()).decode(errors="replace").strip():
                said.append(line)
                if line.endswith("running"):
                    return
    except TimeoutError:
        said.append(f"no word within {START_TIMEOUT_S:.0f} s")
    raise BrokerFailed(f"Mosquitto did not start on port {port}: {' / '.join(said[-3:]) or 'it ended without a word'}")


async def _drain(log: asyncio.StreamReader) -> None:
    """Read on, so that a full pipe never blocks the broker."""
    while await log.readline():
        pass
