"""Devices with a connection each: memory at both ends, and the broker killed under all of them.

The devices run in processes of their own (`bench/devices.py`), the aggregator is the real daemon. First a stage in
peace; then the broker is killed and started again, and while everybody connects again the next request comes. The
storm is told against the calm: the time until all are back against their first connection, the p99 from request to
acknowledged offer against the same in peace.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.daemons import LINE_LIMIT, Daemon, base_config, daemon, listen, rss, stopped
from bench.ingest import LONG_S, asked, book
from bench.measure import Row, row
from bench.wire import QOS1, RETAIN, RawClient
from broker.mosquitto import free_port, private_broker
from protocol.codec import encode

PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Stormed:
    """One run."""

    first_s: float
    """Until all were connected, at first."""
    back_s: float
    """Until all were back, from the broker's death on."""
    calm_p99_s: float
    storm_p99_s: float
    broker_bytes: float
    """Memory for each device."""
    ra_bytes: float


async def stormed(homes: int) -> Stormed:
    """Fresh processes, one stage in peace, one in the storm."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpact-bench-")))
        book(folder, homes)
        port = free_port()
        under = await stack.enter_async_context(AsyncExitStack())
        broker = await under.enter_async_context(private_broker(port))
        config = base_config("ra-1", port, folder) | {
            "aggregator": {"name": "ra-1", "parent": "ac", "members_file": "members.csv"}
        }
        ra = await stack.enter_async_context(daemon("aggregator", "ra-1", config, folder))
        await ra.ready()
        broker_before, ra_before = rss(broker.pid), ra.rss()
        began = time.time()
        each = -(-homes // PROCESSES)
        crowds = [
            await stack.enter_async_context(DeviceProcess(port, first, min(each, homes - first)))
            for first in range(0, homes, each)
        ]
        first_s = await all_connected(crowds, 1) - began
        broker_bytes = (rss(broker.pid) - broker_before) / homes
        await ask_for(port, homes, "e1")
        calm = await all_answered(crowds, "e1")
        ra_bytes = (ra.rss() - ra_before) / homes
        died_at = time.time()
        os.kill(broker.pid, signal.SIGKILL)
        await under.aclose()
        await stack.enter_async_context(private_broker(port))
        await ask_for(port, homes, "e2")
        storm = await all_answered(crowds, "e2")
        back_s = await all_connected(crowds, 2) - died_at
    return Stormed(first_s, back_s, p99(calm), p99(storm), broker_bytes, ra_bytes)


class DeviceProcess:
    """A process of devices, as a context."""

    def __init__(self, port: int, first: int, count: int) -> None:
        self.arguments = (str(port), "ra-1", str(first), str(count))

    async def __aenter__(self) -> Daemon:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(Path(__file__).with_name("devices.py")), *self.arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
        )
        self.found = Daemon("devices", process, [], asyncio.Event())
        self.listening = asyncio.create_task(listen(self.found))
        return self.found

    async def __aexit__(self, *_: object) -> None:
        await stopped(self.found.process)
        await self.listening


async def all_connected(crowds: Sequence[Daemon], times: int) -> float:
    """When the last device was connected, for the first or the second time."""
    async with asyncio.timeout(LONG_S):
        return max([float((await crowd.told("connected", times))["at"]) for crowd in crowds])


async def all_answered(crowds: Sequence[Daemon], event_id: str) -> list[float]:
    """Seconds from request to acknowledged offer, of all devices."""
    async with asyncio.timeout(LONG_S):
        return [s for crowd in crowds for s in (await crowd.told("answered", event_id=event_id))["seconds"]]


async def ask_for(port: int, homes: int, event_id: str) -> None:
    """Ask the aggregator as its parent would."""
    parent = await RawClient("ac").connect("127.0.0.1", port)
    parent.publish(b"dr/request/ac/ra-1", encode(asked(homes, event_id)), QOS1 | RETAIN)
    await parent.flushed()
    parent.close()


def p99(figures: Sequence[float]) -> float:
    return sorted(figures)[int(0.99 * (len(figures) - 1))]


async def rows(quick: bool) -> list[Row]:
    """The storm, and what a device costs."""
    homes, rounds = (500, 1) if quick else (10_000, 1)
    runs = [await stormed(homes) for _ in range(rounds)]
    return [
        row("reconnect storm", homes, [(run.back_s, run.first_s) for run in runs], "s", "their first connection"),
        row("p99 in the storm", homes, [(run.storm_p99_s, run.calm_p99_s) for run in runs], "s", "the same in peace"),
        row(
            "memory a device", homes, [(run.ra_bytes, run.broker_bytes) for run in runs], "B",
            "the broker's for its connection",
        ),
    ]  # fmt: skip
