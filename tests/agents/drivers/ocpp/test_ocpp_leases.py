"""A charger of 2.0.1 or 2.1 that is away, off or alone: what was told holds no longer and no shorter than it should."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from ocpp_central import Running, running, soon
from played_charger2 import PlayedCharger2

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp.charger import HeldLimit
from agents.drivers.ocpp.limit import PROFILE_ID

pytestmark = [pytest.mark.live, pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])]


@asynccontextmanager
async def charging(version: str, **options: Any) -> AsyncIterator[tuple[Running, PlayedCharger2]]:
    """A charger that serves a vehicle."""
    async with running(**options) as found:
        charger = await PlayedCharger2.open(found.url, version)
        try:
            await charger.boot()
            await charger.tell("Started", power_w=7_000, imported_wh=1_000)
            await charger.was_called("TriggerMessage", 2)  # nothing else is to be told
            yield found, charger
        finally:
            await charger.close()


def profiles(charger: PlayedCharger2) -> list[Mapping[str, Any]]:
    return [body["chargingProfile"] for name, body in charger.called if name == "SetChargingProfile"]


async def came_back(found: Running, version: str) -> PlayedCharger2:
    """Another connection of it; it has not started anew."""
    charger = await PlayedCharger2.open(found.url, version)
    charger._sent = 1
    return charger


async def test_limit_is_by_a_clock_that_is_hours_off(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.drivers.ocpp.clock.STEADY_S", 0.1)
    for hours in (-9, 9):
        async with charging(version) as (found, charger):
            until = soon()
            await found.driver.set_power("ev", 2_300, until)
            charger.behind = timedelta(hours=hours)
            told = 1
            async with asyncio.timeout(20):  # a clock that is behind shows by its second value
                while len(profiles(charger)) == told:
                    await charger.tell("Updated", power_w=2_300)
            ends_at = datetime.fromisoformat(profiles(charger)[-1]["validTo"]) + charger.behind
            assert abs(ends_at - until) < timedelta(seconds=3)
            assert profiles(charger)[-1]["id"] == profiles(charger)[0]["id"]


async def test_limit_that_is_over_while_it_was_away_is_not_said_again(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.drivers.ocpp.charger.BOOTS_WITHIN_S", 0.1)
    async with charging(version) as (found, charger):
        await found.driver.set_power("ev", 2_300, soon())
        await charger.close()
        found.driver._chargers["ev"]._holds[1] = HeldLimit(2_300, soon(-1))
        again = await came_back(found, version)
        await again.tell("Updated", power_w=7_000)
        await again.was_called("TriggerMessage", 2)
        assert profiles(again) == []
        reading = await found.driver.read("ev")
        assert (reading.power_w, reading.fault) == (7_000, "")
        await again.close()


async def test_limit_that_still_holds_is_said_again_to_its_old_end(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.drivers.ocpp.charger.BOOTS_WITHIN_S", 0.1)
    async with charging(version) as (found, charger):
        await found.driver.set_power("ev", 0, soon(900))
        ends_at = profiles(charger)[0]["validTo"]
        await charger.close()
        again = await came_back(found, version)
        await again.was_called("SetChargingProfile")
        assert profiles(again)[0]["validTo"] == ends_at
        assert profiles(again)[0]["id"] == PROFILE_ID + 1
        await again.close()


async def test_limit_that_was_given_up_while_it_was_away_is_taken_away_once_it_is_back(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.drivers.ocpp.charger.BOOTS_WITHIN_S", 0.1)
    async with charging(version) as (found, charger):
        await found.driver.set_power("ev", 0, soon(900))
        await charger.close()
        with pytest.raises(DeviceTrouble, match=r"is not connected|has hung up"):
            await found.driver.release("ev")
        again = await came_back(found, version)
        await again.was_called("TriggerMessage", 2)
        assert profiles(again) == []  # it is told nothing of it any more
        await found.driver.release("ev")
        assert ("ClearChargingProfile", {"chargingProfileId": PROFILE_ID + 1}) in again.called
        await again.close()


async def test_heartbeat_alone_shows_no_vehicle_that_charges(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with charging(version) as (found, charger):
        now = asyncio.get_running_loop().time()
        monkeypatch.setattr("agents.drivers.ocpp.charger.time.monotonic", lambda: now + 300)
        await charger.call("Heartbeat")
        assert (await found.driver.read("ev")).age_s > 60


async def test_cable_that_was_pulled_while_it_was_away_is_known_by_its_status(version: str) -> None:
    async with charging(version) as (found, charger):
        await found.driver.set_power("ev", 2_300, soon())
        await charger.close()
        again = await came_back(found, version)
        await again.is_connected("Available")
        reading = await found.until(lambda one: one.plugged is False)
        assert (reading.power_w, reading.soc_pct, reading.departs_at) == (0, None, None)
        await again.close()


async def test_start_anew_between_a_limit_and_its_answer_lets_it_be_said_again(version: str) -> None:
    async with charging(version) as (found, charger):
        charger.answers["SetChargingProfile"] = None
        setting = asyncio.create_task(found.driver.set_power("ev", 2_300, soon()))
        await charger.was_called("SetChargingProfile")
        again = await PlayedCharger2.open(found.url, version)  # its old connection hangs
        await again.boot()
        await again.was_called("SetChargingProfile")
        assert profiles(again)[0]["id"] == profiles(charger)[0]["id"]
        setting.cancel()
        await asyncio.gather(setting, return_exceptions=True)
        await again.close()


async def test_values_of_an_outage_are_told_as_old_and_its_register_is_known(version: str) -> None:
    async with charging(version) as (found, charger):
        charger.behind = timedelta(minutes=20)
        await charger.tell("Updated", power_w=6_000, imported_wh=1_400)
        charger.behind = timedelta()
        await charger.tell("Updated", power_w=2_300, imported_wh=1_900)
        reading = await found.driver.read("ev")
        assert (reading.power_w, reading.register_wh) == (2_300, 1_900)
        assert not any(one.register_wh == 1_400 and one.age_s < 60 for one in found.told)
        assert reading.age_s < 5
