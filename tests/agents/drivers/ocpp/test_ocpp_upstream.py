"""A charger that its vendor's backend shares: who answers what, and what is left when the backend is away."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from ocpp_central import WITHIN_S, running, soon, value
from played_charger import PlayedCharger
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

pytestmark = pytest.mark.live
ANSWERS: dict[str, dict[str, Any]] = {
    "BootNotification": {"status": "Accepted", "currentTime": "2026-01-14T17:00:00Z", "interval": 77},
    "StartTransaction": {"transactionId": 4711, "idTagInfo": {"status": "Accepted"}},
}


class Backend:
    """Of another maker: it answers by hand, or not at all."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.answers = True
        self.results: list[list[Any]] = []
        self.connection: ServerConnection | None = None
        self.password: str | None = None
        self.there = asyncio.Event()
        self.told = asyncio.Event()

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.connection, self.password = connection, connection.request.headers.get("Authorization")
        self.there.set()
        async for text in connection:
            frame = json.loads(text)
            if frame[0] != 2:
                self.results.append(frame)
                self.told.set()
                continue
            self.heard.append((frame[2], frame[3]))
            if self.answers:
                await connection.send(json.dumps([3, frame[1], ANSWERS.get(frame[2], {})]))


@asynccontextmanager
async def backend() -> AsyncIterator[tuple[Backend, str]]:
    found = Backend()
    async with serve(found.serve, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield found, f"ws://127.0.0.1:{port}/vendor/CP-1"


async def test_backend_answers_and_we_hear() -> None:
    async with backend() as (vendor, url), running(upstream=url) as found:
        charger = await PlayedCharger.open(found.url.replace("ws://", "ws://CP-1:sesame@"))
        async with asyncio.timeout(WITHIN_S):
            await vendor.there.wait()
        assert (await charger.boot())["interval"] == 77
        await charger.be("Charging")
        transaction = await charger.begin()
        assert transaction == 4711
        await charger.meter(transaction, value("2300", "Power.Active.Import", "W"))
        assert (await found.until(lambda one: one.power_w is not None)).power_w == 2_300
        await found.driver.set_power("ev", 2_300, soon())
        profiles = [body["csChargingProfiles"] for name, body in charger.called if name == "SetChargingProfile"]
        assert profiles[-1]["transactionId"] == 4711
        assert [name for name, _ in vendor.heard] == [
            "BootNotification", "StatusNotification", "StartTransaction", "MeterValues",
        ]  # fmt: skip
        assert vendor.password is not None  # the charger's own
        await charger.close()


async def test_what_the_backend_calls_is_answered_by_the_charger() -> None:
    async with backend() as (vendor, url), running(upstream=url) as found:
        charger = await PlayedCharger.open(found.url)
        async with asyncio.timeout(WITHIN_S):
            await vendor.there.wait()
            assert vendor.connection is not None
            await vendor.connection.send(json.dumps([2, "theirs", "RemoteStopTransaction", {"transactionId": 4711}]))
            await vendor.told.wait()
        assert await charger.was_called("RemoteStopTransaction") == {"transactionId": 4711}
        assert vendor.results == [[3, "theirs", {"status": "Accepted"}]]
        await charger.close()


@pytest.mark.parametrize("call", ["ClearChargingProfile", "SetChargingProfile"])
async def test_limits_that_the_backend_may_have_taken_away_are_said_again(call: str) -> None:
    more = {"site": "yard", "site_w": 9_200, "unit": "W"}
    async with backend() as (vendor, url), running(upstream=url, **more) as found:
        charger = await PlayedCharger.open(found.url)
        async with asyncio.timeout(WITHIN_S):
            await vendor.there.wait()
        await charger.boot()
        await charger.be("Charging")
        await charger.begin()
        await charger.was_called("TriggerMessage", 2)  # nothing else is to be told
        await found.driver.set_power("ev", 2_300, soon())
        before = len(limits(charger))
        assert vendor.connection is not None
        await vendor.connection.send(json.dumps([2, "theirs", call, {"connectorId": 0}]))
        async with asyncio.timeout(WITHIN_S):
            while [one for one in limits(charger)[before:] if one] != [9_200, 2_300]:
                await asyncio.sleep(0)
        assert vendor.results == [[3, "theirs", {"status": "Accepted"}]]
        await charger.close()


def limits(charger: PlayedCharger) -> list[float | None]:
    """Those that it was told; None: by its backend."""
    told = [body.get("csChargingProfiles") for name, body in charger.called if name == "SetChargingProfile"]
    return [None if one is None else one["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] for one in told]


async def test_charger_goes_on_when_its_backend_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.drivers.ocpp.upstream.ANSWERS_WITHIN_S", 0.1)
    async with backend() as (vendor, url), running(upstream=url) as found:
        charger = await PlayedCharger.open(found.url)
        async with asyncio.timeout(WITHIN_S):
            await vendor.there.wait()
        vendor.answers = False
        assert (await charger.boot())["interval"] != 77
        assert [name for name, _ in vendor.heard] == ["BootNotification"]
        await charger.close()


async def test_charger_goes_on_when_its_backend_is_away() -> None:
    async with running(upstream="ws://127.0.0.1:1/CP-1") as found:
        charger = await PlayedCharger.open(found.url)
        assert (await charger.boot())["status"] == "Accepted"
        await charger.be("Charging")
        await charger.begin()
        await found.driver.set_power("ev", 2_300, soon())
        await charger.was_called("SetChargingProfile")
        await charger.close()
