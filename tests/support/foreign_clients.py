"""Clients that know nothing of our code: mosquitto_sub and mosquitto_pub, and any program beside us."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt

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
    command = ("mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "-q", "1", "-t", topic)
    async with program(*command, "-m", json.dumps(body)) as running:
        await running.process.wait()
        assert running.process.returncode == 0, await running.rest()


async def listens(broker: Broker, topic: str) -> None:
    """Return when somebody has subscribed to a topic: then the broker takes an empty message without a remark."""
    command = (
        "mosquitto_pub",
        "-V",
        "5",
        "-d",
        "-h",
        broker.host,
        "-p",
        str(broker.port),
        "-q",
        "1",
        "-t",
        topic,
        "-n",
    )
    said = ""
    while "PUBACK (Mid: 1, RC:0)" not in said:
        async with program(*command) as asking:
            with suppress(EOFError):
                while True:
                    said = f"{said}\n{await asking.line()}"


ANSWERED = {"request": "offer", "relax": "offer", "award": "confirm"}


@asynccontextmanager
async def owing(broker: Broker, name: str) -> AsyncIterator[Callable[[], bool]]:
    """Whether a client has not answered yet what it was asked: how far it is cannot be seen from here."""
    asked: set[str] = set()
    answered: set[str] = set()

    async def follow() -> None:
        async for message in tap.messages:
            kind, body = message.topic.value.split("/")[1], json.loads(message.payload or b"{}")
            if kind in ANSWERED and body:
                asked.add(body["message_id"])
            elif kind in ANSWERED.values():
                answered.add(body["message_id"])

    async with aiomqtt.Client(broker.host, broker.port) as tap:
        await tap.subscribe(f"dr/+/+/{name}", qos=1)
        following = asyncio.create_task(follow())
        yield lambda: len(answered) < len(asked)
        following.cancel()
