"""Writes down what a broker carries: a tap on `dr/#`, and a recording (broker/recording_file.py).

What has come in is acknowledged when its line is handed to the operating system, so a recorder that is killed loses
nothing that it had acknowledged; what comes while the broker is away waits in the senders' queues, and what comes while
the recorder is away for a moment waits in its session. Losses are noticed by the senders' numbers and told.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents.runtime.credentials import run_renewed
from agents.runtime.signals import signals
from broker.bus import Arrival
from broker.mqtt import Address
from broker.recording_file import RecordedMessage, RecordingWriter
from broker.tap import reached, tap

QUEUE = 10_000
"""Messages that wait for the disk; beyond that no more is read, and the broker queues (its own limit holds)."""
SESSION_S = 600


@dataclass(slots=True)
class Counter:
    """What is shown while it runs, and at its end."""

    messages: int = 0
    payload_bytes: int = 0
    parts: int = 1
    lost: int = 0
    """Messages that their senders numbered and that never came."""
    reconnects: int = 0
    waiting: int = 0

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Recorder:
    """One recording being made."""

    def __init__(
        self, address: Address, writer: RecordingWriter, changed: Callable[[RecordedMessage], RecordedMessage | None]
    ) -> None:
        """`changed` may change a line before it is written, or leave it out (None): pseudonyms, for example."""
        self.counter = Counter()
        self._address, self._writer, self._changed = address, writer, changed
        self._queue: asyncio.Queue[tuple[RecordedMessage, Callable[[], None]]] = asyncio.Queue(QUEUE)
        self._connected = asyncio.Event()
        self._bus = tap(address, "record", self._on_connected, SESSION_S, whole=True)
        self._connections = 0

    async def run(self, tell: Callable[[Counter], None], every_s: float, seconds: float | None = None) -> Counter:
        """Until SIGINT, SIGTERM or so many seconds; `tell` hears the counter all the while. Raises BrokerFailed,
        RecordingError."""
        stop = asyncio.Event()
        with signals(stop.set):
            await self._until(stop, tell, every_s, seconds)
        return self._count()

    async def _until(
        self, stop: asyncio.Event, tell: Callable[[Counter], None], every_s: float, seconds: float | None
    ) -> None:
        listening = asyncio.create_task(run_renewed(self._bus, self._deliver))
        writing = asyncio.create_task(self._write_on())
        try:
            unreached = f"no broker answers at {self._address.where}: check the address"
            await reached(listening, self._connected, self._bus, unreached)
            telling = asyncio.create_task(self._tell_on(tell, every_s))
            stopping = asyncio.create_task(stop.wait())
            tasks = (listening, writing, telling, stopping)
            done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in (telling, stopping):
                task.cancel()
            for task in (listening, writing, telling):
                if task in done:
                    task.result()
        finally:
            await self._end(listening, writing)

    async def _end(self, *tasks: asyncio.Task[None]) -> None:
        """No more is taken; what has been taken is written."""
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with suppress(asyncio.QueueEmpty):
            while True:
                self._put(*self._queue.get_nowait())
        self._writer.close()

    def _on_connected(self, connected: bool) -> None:
        if connected:
            self._connections += 1
            self._connected.set()

    async def _deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            line = RecordedMessage(
                time.monotonic_ns(),
                datetime.now(UTC),
                arrival.topic,
                arrival.payload,
                arrival.qos,
                arrival.retained,
                arrival.properties,
            )
            await self._queue.put((line, arrival.acknowledge))

    async def _write_on(self) -> None:
        """Lines in groups: all that waits is written, flushed once, and acknowledged."""
        while True:
            group = [await self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get_nowait())
            for line, _ in group:
                self._put(line)
            self._writer.flush()
            for _, acknowledge in group:
                acknowledge()

    def _put(self, line: RecordedMessage, acknowledge: Callable[[], None] = lambda: None) -> None:
        changed = self._changed(line)
        if changed is not None:
            self._writer.write(changed)
            self.counter.messages += 1
            self.counter.payload_bytes += len(changed.payload)

    async def _tell_on(self, tell: Callable[[Counter], None], every_s: float) -> None:
        while True:
            tell(self._count())
            await asyncio.sleep(every_s)

    def _count(self) -> Counter:
        counter = self.counter
        counter.parts, counter.lost = len(self._writer.paths), self._bus.gaps.lost
        counter.reconnects, counter.waiting = max(0, self._connections - 1), self._queue.qsize()
        return counter
