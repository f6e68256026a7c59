"""One charger: its connectors, the connection that it has at present, and what it is to follow."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.ocpp.connector import Connector, Sample
from agents.drivers.ocpp.limit import limit_of
from agents.drivers.ocpp.options import OcppOptions
from agents.drivers.ocpp.session import ChargerSession

BOOTS_WITHIN_S = 3.0
"""A charger that has started anew says so at once; one that lost its connection only goes on."""
Told = Callable[[str, DeviceReading], None]


@dataclass(frozen=True, slots=True)
class HeldLimit:
    """The power that a connector follows for us."""

    power_w: int
    until: datetime


class Charger:
    """What is known of it outlives a connection."""

    def __init__(self, name: str, devices: Mapping[int, tuple[str, OcppOptions]]) -> None:
        """`devices`: by connector, a device's name and options."""
        self.name = name
        self.connectors = {number: Connector(options) for number, (_, options) in devices.items()}
        self._devices = devices
        self._holds: dict[int, HeldLimit] = {}
        self._session: ChargerSession | None = None
        self._booted = asyncio.Event()
        self._push: Told = lambda name, reading: None
        self._last_number = int(time.time())

    # -- its connection

    async def serve(self, session: ChargerSession, push: Told) -> None:
        """Until the connection is gone."""
        self._session, self._push = session, push
        self._booted.clear()
        settling = asyncio.create_task(self._settle(session))
        try:
            await session.start()
        finally:
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)
            if self._session is session:
                self._session = None

    async def _settle(self, session: ChargerSession) -> None:
        """What it is to send, and what holds: after a restart of it nothing stands there any more."""
        try:
            async with asyncio.timeout(BOOTS_WITHIN_S):
                await self._booted.wait()
        except TimeoutError:
            pass
        while True:
            self._booted.clear()
            try:
                await session.settle()
                for number in list(self._holds):
                    await self._follow(number)
            except DeviceTrouble:
                pass  # what it does not do is seen by its readings; a set-point that fails is said again
            await self._booted.wait()

    # -- what it says

    def alive(self) -> None:
        for connector in self.connectors.values():
            connector.alive(time.monotonic())

    def booted(self) -> None:
        self._booted.set()

    def status(self, connector: int, status: str, error: str) -> None:
        for number in self._meant(connector):
            self.connectors[number].be(status, error, time.monotonic())
            self._tell(number)

    def begun(self, connector: int, transaction: int | str) -> None:
        for number in self._meant(connector):
            self.connectors[number].begin(transaction, time.monotonic())
            if number in self._holds:  # a limit is of one transaction
                self._again(number)
            self._tell(number)

    def ended(self, transaction: int | str) -> None:
        for number, one in self.connectors.items():
            if one.transaction == transaction:
                one.end(time.monotonic())
                self._tell(number)

    def metered(self, connector: int, samples: list[Sample]) -> None:
        for number in self._meant(connector):
            self.connectors[number].meter(samples, time.monotonic())
            self._tell(number)

    def transaction_of(self, connector: int) -> int | str | None:
        one = self.connectors.get(connector)
        return None if one is None else one.transaction

    def next_transaction(self) -> int:
        self._last_number += 1
        return self._last_number

    def _meant(self, connector: int) -> list[int]:
        """0 is the charger as a whole: what it says is said of its only connector."""
        if connector == 0 and len(self.connectors) == 1:
            return list(self.connectors)
        return [connector] if connector in self.connectors else []

    def _tell(self, number: int) -> None:
        reading = self.connectors[number].reading(time.monotonic())
        if reading is not None:
            self._push(self._devices[number][0], reading)

    def reading(self, number: int) -> DeviceReading:
        """Raises DeviceTrouble."""
        self._standing()
        reading = self.connectors[number].reading(time.monotonic())
        if reading is None:
            raise DeviceTrouble(f"charger {self.name} has not said yet how its connector {number} is")
        return reading

    # -- what it is told

    async def set_power(self, number: int, power_w: int, until: datetime) -> None:
        """Raises DeviceTrouble."""
        self._holds[number] = HeldLimit(power_w, until)
        await self._follow(number)

    async def release(self, number: int) -> None:
        """Raises DeviceTrouble."""
        self._holds.pop(number, None)
        await self._standing().clear(number)

    async def _follow(self, number: int) -> None:
        hold, connector = self._holds[number], self.connectors[number]
        limit = limit_of(hold.power_w, connector.options, connector.phases, datetime.now(UTC), hold.until)
        if limit is None:
            del self._holds[number]  # over: the charger has dropped it by itself
            return
        await self._standing().limit(number, limit)

    def _again(self, number: int) -> None:
        task = asyncio.ensure_future(self._follow(number))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _standing(self) -> ChargerSession:
        if self._session is None:
            raise DeviceTrouble(f"charger {self.name} is not connected")
        return self._session
