"""Fifty OCPP chargers behind one limit: how long a set-point takes, and what a minute without us costs.

Each charger is a WebSocket client of its own (1.6J, frames by hand) in the process of the central system. It keeps its
limit with the end that it carries, and calls in again by itself when it loses us.
"""

import asyncio
import itertools
import json
import random
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from agents.drivers.ocpp import OcppDriver, OcppOptions
from bench.measure import Row, alone
from broker.mosquitto import free_port

CHARGERS, EACH_W, MOST_W = 50, 3_680, 7_360
AWAY_S, QUICK_AWAY_S = 60.0, 5.0
ROUNDS = 3
PAUSE_S = 1.0
"""At most so long until a charger calls in again."""


class BenchCharger:
    """One connector at which a vehicle is served."""

    def __init__(self, url: str) -> None:
        self._url, self._numbers = url, itertools.count()
        self.told: list[float] = []
        """When a limit came, monotonic s."""
        self.limit: tuple[float, datetime] | None = None
        """W, and its end: of the newest that has one."""
        self.lasting_w: float | None = None
        self.settled = asyncio.Event()

    async def run(self) -> None:
        while True:
            with suppress(OSError, WebSocketException):
                async with connect(self._url, subprotocols=[Subprotocol("ocpp1.6")], compression=None) as connection:
                    await self._serve(connection)
            await asyncio.sleep(random.uniform(0, PAUSE_S))

    async def _serve(self, connection: ClientConnection) -> None:
        now = datetime.now(UTC).isoformat()
        await self._call(connection, "BootNotification", chargePointVendor="v", chargePointModel="m")
        await self._call(connection, "StatusNotification", connectorId=1, errorCode="NoError", status="Charging")
        await self._call(connection, "StartTransaction", connectorId=1, idTag="t", meterStart=0, timestamp=now)
        async for text in connection:
            frame = json.loads(text)
            if frame[0] == 2:
                await connection.send(json.dumps([3, frame[1], self._answer(frame[2], frame[3])]))

    async def _call(self, connection: ClientConnection, action: str, **body: Any) -> None:
        await connection.send(json.dumps([2, str(next(self._numbers)), action, body]))

    def _answer(self, action: str, body: dict[str, Any]) -> dict[str, str]:
        if action == "SetChargingProfile":
            profile = body["csChargingProfiles"]
            limit_w = profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
            if "validTo" in profile:
                self.limit = limit_w, datetime.fromisoformat(profile["validTo"])
                self.told.append(time.monotonic())
            else:
                self.lasting_w = limit_w
        if action == "TriggerMessage":
            self.settled.set()
        return {"status": "Accepted"}

    def may_w(self) -> float:
        """What it may take now."""
        if self.limit is not None and self.limit[1] > datetime.now(UTC):
            return self.limit[0]
        return MOST_W if self.lasting_w is None else self.lasting_w


class Yard:
    """The central system and its chargers."""

    def __init__(self) -> None:
        port = free_port()
        more: dict[str, Any] = {"port": port, "site": "yard", "site_w": CHARGERS * EACH_W, "unit": "W"}
        self._options = {f"ev-{n}": OcppOptions(charge_point=f"CP-{n}", **more) for n in range(CHARGERS)}
        self.driver = OcppDriver(self._options)
        self.chargers = [BenchCharger(f"ws://127.0.0.1:{port}/CP-{n}") for n in range(CHARGERS)]
        self._central: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._central = asyncio.create_task(self.driver.run(lambda name, reading: None))

    async def end(self) -> None:
        assert self._central is not None
        self._central.cancel()
        await asyncio.gather(self._central, return_exceptions=True)

    async def set_all(self, power_w: int, until: datetime) -> list[float]:
        """How long each of them took until the charger had it and we knew, s."""

        async def one(name: str) -> float:
            began = time.perf_counter()
            await self.driver.set_power(name, power_w, until)
            return time.perf_counter() - began

        return list(await asyncio.gather(*map(one, self._options)))

    async def until_told(self, since: float) -> float:
        """How long until all were told a limit, s."""
        while not all(charger.told and charger.told[-1] > since for charger in self.chargers):
            await asyncio.sleep(0.01)
        return time.monotonic() - since


async def rows(quick: bool) -> list[Row]:
    """Latencies of set-points, and the time until all follow again."""
    yard, away_s = Yard(), QUICK_AWAY_S if quick else AWAY_S
    yard.begin()
    playing = [asyncio.create_task(charger.run()) for charger in yard.chargers]
    try:
        for charger in yard.chargers:
            await charger.settled.wait()
        middles, slowest = [], []
        for number in range(ROUNDS):
            took = sorted(await yard.set_all(EACH_W - 230 * number, datetime.now(UTC) + timedelta(hours=1)))
            middles.append(1_000 * took[len(took) // 2])
            slowest.append(1_000 * took[-1])
        most_w, back_s = await _without_us(yard, away_s)
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
        await yard.end()
    held = f"meanwhile the chargers may take {most_w:,.0f} W of {CHARGERS * EACH_W:,} W"
    return [
        alone("set-point of chargers of one site, all at once: median", CHARGERS, middles, "ms"),
        alone("the same: the slowest", CHARGERS, slowest, "ms", 1_000),
        alone(f"central system away for {away_s:.0f} s: until all are told again", CHARGERS, [back_s], "s", 10, held),
    ]


async def _without_us(yard: Yard, away_s: float) -> tuple[float, float]:
    """The most that the chargers may take meanwhile, W, and how long until all are told again once we are back, s."""
    await yard.end()
    ends_at, most_w = time.monotonic() + away_s, 0.0
    while time.monotonic() < ends_at:
        most_w = max(most_w, sum(charger.may_w() for charger in yard.chargers))
        await asyncio.sleep(0.1)
    since = time.monotonic()
    yard.begin()
    return most_w, await yard.until_told(since)
