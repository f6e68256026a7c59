"""A driver of ECHONET Lite whose socket is open, for tests with played nodes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agents.drivers.contract import DeviceReading
from agents.drivers.echonet import EchonetDriver, EchonetOptions

WITHIN_S = 5.0


class Running:
    """A driver whose socket is open, and what it has pushed."""

    def __init__(self, driver: EchonetDriver, port: int) -> None:
        self.driver, self.own = driver, ("127.0.0.1", port)
        self.told: list[tuple[str, DeviceReading]] = []
        self._news = asyncio.Event()

    def push(self, name: str, reading: DeviceReading) -> None:
        self.told.append((name, reading))
        self._news.set()

    async def until(self, holds: Callable[[DeviceReading], bool]) -> DeviceReading:
        """The first reading that it has pushed of which this holds."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for _, reading in self.told:
                    if holds(reading):
                        return reading
                self._news.clear()
                await self._news.wait()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@asynccontextmanager
async def started(devices: dict[str, EchonetOptions]) -> AsyncIterator[Running]:
    """Its first reading waits for the socket."""
    driver = EchonetDriver(devices)
    found = Running(driver, next(iter(devices.values())).own_port)
    task = asyncio.create_task(driver.run(found.push))
    try:
        await driver.read(next(iter(devices)))
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
