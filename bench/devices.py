"""Many devices with a connection each in one process: `python bench/devices.py PORT PARENT FIRST COUNT`.

A part of `bench/connections.py`. Every device is a raw MQTT 3.1.1 client that answers requests with offers and
connects again by itself with full jitter. Lines of JSON on stdout tell when all are connected (again), and when all
have offered: with the seconds from the request's `sent_at` to the broker's acknowledgement of the offer.
"""

import asyncio
import random
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.wire import RawClient

AT_ONCE = 100
"""Devices of this process that are being connected at the same time."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class Devices:
    """All of this process."""

    def __init__(self, port: int, parent: str, first: int, count: int) -> None:
        self.port, self.parent = port, parent
        self.names = [f"hems-{number:06}" for number in range(first, first + count)]
        self.connected: dict[str, None] = {}
        self.seconds: dict[str, dict[str, float]] = {}
        """event -> device -> time to its first acknowledged offer."""
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        for name in self.names:
            self._start(name)
        await asyncio.Event().wait()

    def _start(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._connect(name))

    async def _connect(self, name: str) -> None:
        failures = 0
        while True:
            try:
                async with self._places:
                    device = Device(self, name)
                    await device.client.connect("127.0.0.1", self.port, [f"dr/request/{self.parent}/{name}"])
                break
            except OSError:
                failures += 1
                await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)))
        self.connected[name] = None
        if len(self.connected) == len(self.names):
            say(event="connected", at=time.time())

    def lost(self, name: str) -> None:
        """The broker is gone: come back after a pause that differs from everybody else's."""
        if self.connected.pop(name, 0) is None:
            loop = asyncio.get_running_loop()
            loop.call_later(random.uniform(0, 2 * FIRST_PAUSE_S), self._start, name)

    def answered(self, name: str, event_id: str, seconds: float) -> None:
        done = self.seconds.setdefault(event_id, {})
        if name not in done:
            done[name] = seconds
            if len(done) == len(self.names):
                say(event="answered", event_id=event_id, seconds=list(done.values()))


class Device:
    """One device: offers what it is asked for."""

    def __init__(self, devices: Devices, name: str) -> None:
        self.devices, self.name = devices, name
        self.client = RawClient(name, self._heard)
        self.client.acknowledged = self._acknowledged
        self.client.on_lost = lambda: devices.lost(name)
        self._waiting: tuple[str, float] | None = None

    def _heard(self, topic: bytes, payload: bytes) -> None:
        if not payload:
            return
        body = orjson.loads(payload)
        self._waiting = (body["event_id"], datetime.fromisoformat(body["sent_at"]).timestamp())
        self.client.publish(f"dr/offer/{self.devices.parent}/{self.name}".encode(), self._offer(body))

    def _acknowledged(self) -> None:
        if self._waiting is not None:
            event_id, sent_at = self._waiting
            self._waiting = None
            self.devices.answered(self.name, event_id, time.time() - sent_at)

    def _offer(self, request: dict[str, Any]) -> bytes:
        return orjson.dumps(
            {
                "message_id": f"{self.name}.offer.{request['request_id']}",
                "sent_at": request["sent_at"],
                "event_id": request["event_id"],
                "request_id": request["request_id"],
                "round": request["round"],
                "revision": 1,
                "opt": "opt_in",
                "power_w": request["power_w"],
                "available_w": request["power_w"],
                "valid_until": request["interval_period"]["start"],
            }
        )


def say(**line: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(Devices(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])).run())
