"""The driver `ocpp` on a port of its own, with what it tells, for tests."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from played_charger import PlayedCharger

from agents.drivers.contract import DeviceReading
from agents.drivers.ocpp import OcppDriver, OcppOptions

WITHIN_S = 5.0


class Running:
    """A driver of one device called `ev`, and what it has told."""

    def __init__(self, driver: OcppDriver, port: int) -> None:
        self.driver, self.url = driver, f"ws://127.0.0.1:{port}/ocpp/CP-1"
        self.told: list[DeviceReading] = []
        self._news = asyncio.Event()

    def push(self, name: str, reading: DeviceReading) -> None:
        assert name == "ev"
        self.told.append(reading)
        self._news.set()

    async def until(self, holds: Callable[[DeviceReading], bool], within_s: float = WITHIN_S) -> DeviceReading:
        """The first reading that it has told of which this holds."""
        async with asyncio.timeout(within_s):
            while True:
                for reading in self.told:
                    if holds(reading):
                        return reading
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Running]:
    """A central system on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = OcppDriver({"ev": OcppOptions(charge_point="CP-1", port=port, **options)})
    found = Running(made, port)
    task = asyncio.create_task(made.run(found.push))
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0)
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def charging(**options: Any) -> AsyncIterator[tuple[Running, PlayedCharger, int]]:
    """The same with a charger that serves a vehicle."""
    async with running(**options) as found:
        charger = await PlayedCharger.open(found.url)
        try:
            assert (await charger.boot())["status"] == "Accepted"
            await charger.be("Charging")
            yield found, charger, await charger.begin()
        finally:
            await charger.close()


def soon(seconds: int = 1_800) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def value(number: str, measurand: str, unit: str, phase: str | None = None) -> Mapping[str, str]:
    found = {"value": number, "measurand": measurand, "unit": unit}
    return found if phase is None else found | {"phase": phase}
