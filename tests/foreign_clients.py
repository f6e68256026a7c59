"""Clients that know nothing of our code: mosquitto_sub and mosquitto_pub, and any program beside us."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from broker.mosquitto import SBIN, Broker

PATH = os.pathsep.join((os.environ.get("PATH", ""), SBIN))


class Running:
    """A program whose lines of output are kept as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self) -> str:
        """The next line that it prints; EOFError when it has ended."""
        assert self.process.stdout is not None
        raw = await self.process.stdout.readline()
        if not raw:
            raise EOFError("\n".join(self.lines))
        self.lines.append(raw.decode().rstrip())
        return self.lines[-1]

    async def rest(self) -> list[str]:
        """Stop it and read what it has printed."""
        if self.process.returncode is None:
            self.process.terminate()
        assert self.process.stdout is not None
        self.lines += (await self.process.stdout.read()).decode().splitlines()
        await self.process.wait()
        return self.lines


@asynccontextmanager
async def program(*command: str) -> AsyncIterator[Running]:
    """A program of somebody else's; ends with the block."""
    environment = os.environ | {"PATH": PATH, "PYTHONUNBUFFERED": "1"}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    running = Running(process)
    try:
        yield running
    finally:
        await running.rest()


def python(*arguments: str) -> Sequence[str]:
    return (sys.executable, *arguments)


def listening(broker: Broker, *topics: str) -> Sequence[str]:
    """mosquitto_sub that prints `topic payload`."""
    filters = [part for topic in topics for part in ("-t", topic)]
    return ("mosquitto_sub", "-h", broker.host, "-p", str(broker.port), "-q", "1", "-v", *filters)


async def say(broker: Broker, topic: str, body: dict[str, Any]) -> None:
    """mosquitto_pub."""
    command = (
        "mosquitto_pub",
        "-h",
        broker.host,
        "-p",
        str(broker.port),
        "-q",
        "1",
        "-t",
        topic,
        "-m",
        json.dumps(body),
    )
    async with program(*command) as running:
        await running.process.wait()
        assert running.process.returncode == 0, await running.rest()
