"""Vehicles that feed back, over frames of OCPP 2.1: needs, set-points, pauses, faults."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp_central import Running, running, soon
from played_charger2 import PlayedCharger2

from agents.drivers.contract import DeviceTrouble

pytestmark = pytest.mark.live

NEEDS = {
    "departureTime": "2026-01-15T06:30:00Z",
    "v2xChargingParameters": {
        "maxChargePower": 7000,
        "maxDischargePower": 6000,
        "minDischargePower": 500,
        "evTargetEnergyRequest": 12000,
        "evMinEnergyRequest": -8000,
        "evMinV2XEnergyRequest": -6000,
        "targetSoC": 80,
    },
}


@asynccontextmanager
async def both_ways(**options: Any) -> AsyncIterator[tuple[Running, PlayedCharger2]]:
    """A charger at whose vehicle asks for both ways."""
    async with running(discharges=True, **options) as found:
        charger = await PlayedCharger2.open(found.url)
        try:
            await charger.boot()
            await charger.tell("Started", imported_wh=1_000)
            assert (await charger.need(**NEEDS))["status"] == "NoChargingProfile"
            yield found, charger
        finally:
            await charger.close()


async def test_needs_of_a_vehicle_are_told_in_our_units() -> None:
    async with both_ways(capacity_wh=40_000) as (found, _):
        reading = await found.until(lambda one: one.departs_at is not None)
        assert reading.departs_at == datetime(2026, 1, 15, 6, 30, tzinfo=UTC)
        assert (reading.most_charge_w, reading.most_discharge_w, reading.least_w) == (7_000, 6_000, 500)
        assert (reading.soc_pct, reading.wanted_wh) == (50.0, 12_000)


async def test_setpoint_is_signed_and_ends_by_itself() -> None:
    async with both_ways(offline_s=240) as (found, charger):
        until = soon(900)
        await found.driver.set_power("ev", -3_000, until)
        asked = await charger.was_called("SetChargingProfile")
        profile = asked["chargingProfile"]
        (schedule,) = profile["chargingSchedule"]
        assert (asked["evseId"], profile["transactionId"], profile["maxOfflineDuration"]) == (1, "t-7", 240)
        assert (schedule["chargingRateUnit"], profile["chargingProfileKind"]) == ("W", "Absolute")
        (period,) = schedule["chargingSchedulePeriod"]
        assert period == {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -3_000}
        ends = datetime.fromisoformat(schedule["startSchedule"]) + timedelta(seconds=schedule["duration"])
        assert timedelta(0) <= ends - until < timedelta(seconds=1)
        assert abs(datetime.fromisoformat(profile["validTo"]) - until) < timedelta(seconds=1)


async def test_pause_is_a_limit_of_0_both_ways_and_never_the_end_of_a_transaction() -> None:
    async with both_ways() as (found, charger):
        await found.driver.set_power("ev", 0, soon())
        period = await charger.period()
        assert (period["setpoint"], period["limit"], period["dischargeLimit"]) == (0, 0, 0)
        assert "RequestStopTransaction" not in {name for name, _ in charger.called}


async def test_vehicle_that_charges_only_is_limited() -> None:
    async with running(discharges=True) as found:
        charger = await PlayedCharger2.open(found.url)
        await charger.boot()
        await charger.tell("Started", imported_wh=1_000)
        await charger.need("AC_single_phase")
        await found.driver.set_power("ev", 2_300, soon())
        assert await charger.period() == {"startPeriod": 0, "limit": 10.0}
        with pytest.raises(DeviceTrouble, match="the vehicle has to ask for both ways"):
            await found.driver.set_power("ev", -2_300, soon())
        await charger.close()


async def test_vehicle_is_offered_both_ways_only_where_it_may_feed_back() -> None:
    for discharges in (True, False):
        async with running(discharges=discharges) as found:
            charger = await PlayedCharger2.open(found.url)
            answer = await charger.call("Authorize", idToken={"idToken": "", "type": "NoAuthorization"})
            assert ("AC_BPT" in answer.get("allowedEnergyTransfer", [])) is discharges
            await charger.close()


async def test_what_flows_back_is_below_0_and_counts_down() -> None:
    async with both_ways() as (found, charger):
        await charger.tell("Updated", given_w=2_900, power_w=0, imported_wh=1_000, exported_wh=250)
        reading = await found.until(lambda one: one.power_w is not None)
        assert (reading.power_w, reading.register_wh) == (-2_900, 750)


async def test_vehicle_that_says_its_needs_while_it_follows_is_told_a_setpoint_then() -> None:
    async with running(discharges=True) as found:
        charger = await PlayedCharger2.open(found.url)
        await charger.boot()
        await charger.tell("Started", imported_wh=1_000)
        await found.driver.set_power("ev", 2_300, soon())
        assert (await charger.need(**NEEDS))["status"] == "Accepted"
        assert "limit" in await charger.period(1)
        assert (await charger.period(2))["setpoint"] == 2_300
        await charger.close()


async def test_setpoint_that_is_not_answered_is_said_again_under_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.drivers.ocpp.telling.ANSWERS_WITHIN_S", 0.2)
    monkeypatch.setattr("agents.drivers.ocpp.charger.AGAIN_AFTER_S", 0.01)
    async with both_ways() as (found, charger):
        charger.answers["SetChargingProfile"] = None
        with pytest.raises(DeviceTrouble, match="does not answer SetChargingProfile"):
            await found.driver.set_power("ev", -3_000, soon())
        del charger.answers["SetChargingProfile"]
        await charger.boot()  # it has something to be told
        told = [(await charger.was_called("SetChargingProfile", n))["chargingProfile"] for n in (1, 2)]
        assert told[0]["id"] == told[1]["id"]
        assert [one["chargingSchedule"][0]["chargingSchedulePeriod"][0]["setpoint"] for one in told] == [-3_000] * 2


async def test_vehicle_that_takes_a_setpoint_and_does_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with both_ways(follows_within_s=60) as (found, charger):
        await found.driver.set_power("ev", -3_000, soon())
        now = asyncio.get_running_loop().time()
        monkeypatch.setattr("agents.drivers.ocpp.charger.time.monotonic", lambda: now + 70)
        await charger.tell("Updated", power_w=0, imported_wh=1_000)
        reading = await found.until(lambda one: one.fault != "")
        assert reading.fault == "does not follow: 0 W flow, it was told -3,000 W"
        await found.driver.release("ev")
        assert (await found.driver.read("ev")).fault == ""


async def test_charger_that_starts_anew_while_it_discharges_is_told_again() -> None:
    async with both_ways() as (found, charger):
        await found.driver.set_power("ev", -3_000, soon())
        await charger.close()
        again = await PlayedCharger2.open(found.url)
        await again.boot()
        await again.tell("Updated", imported_wh=1_000)
        assert (await again.period())["setpoint"] == -3_000
        await again.close()


async def test_cable_that_is_pulled_leaves_nothing_to_discharge() -> None:
    async with both_ways() as (found, charger):
        await charger.tell("Ended", "Idle", imported_wh=1_200)
        await charger.is_connected("Available")
        reading = await found.until(lambda one: one.plugged is False)
        assert (reading.power_w, reading.most_discharge_w, reading.departs_at) == (0, 0, None)


async def test_departure_is_by_our_clock() -> None:
    async with both_ways() as (found, charger):
        charger.behind = timedelta(hours=-9)
        await charger.tell("Updated", imported_wh=1_000)
        await charger.tell("Updated", imported_wh=1_001)
        reading = await found.driver.read("ev")
        assert reading.departs_at is not None
        assert abs(reading.departs_at - datetime(2026, 1, 14, 21, 30, tzinfo=UTC)) < timedelta(minutes=1)


async def test_next_life_knows_what_the_vehicle_of_a_transaction_needs(tmp_path: Path) -> None:
    kept = tmp_path / "needs"
    async with both_ways(memory=kept, capacity_wh=40_000):
        pass
    async with running(discharges=True, memory=kept, capacity_wh=40_000) as found:
        charger = await PlayedCharger2.open(found.url)
        await charger.tell("Updated", imported_wh=5_000)
        reading = await found.until(lambda one: one.register_wh == 5_000)
        assert (reading.most_discharge_w, reading.soc_pct) == (6_000, 60.0)
        await charger.close()
    async with running(discharges=True, memory=kept) as found:
        other = await PlayedCharger2.open(found.url)
        other.transaction = "t-8"
        await other.tell("Started", imported_wh=5_000)
        assert (await found.until(lambda one: one.register_wh == 5_000)).most_discharge_w == 0
        await other.close()


async def test_charger_of_2_0_1_hands_on_departure_and_energy() -> None:
    async with running() as found:
        charger = await PlayedCharger2.open(found.url, "ocpp2.0.1")
        await charger.tell("Started", imported_wh=1_000)
        needs: Mapping[str, Any] = {
            "departureTime": "2026-01-15T06:30:00Z",
            "acChargingParameters": {"energyAmount": 9000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230},
        }
        assert (await charger.need("AC_single_phase", **needs))["status"] == "Rejected"  # there is no plan for it yet
        reading = await found.until(lambda one: one.wanted_wh is not None)
        assert (reading.wanted_wh, reading.most_discharge_w) == (9_000, 0)
        await charger.close()
