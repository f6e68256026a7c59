"""Chargers over their real frames: what they say in our units, what they are told, and whom the socket lets in."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp_central import WITHIN_S, charging, running, soon, value
from played_charger import PlayedCharger
from websockets.exceptions import InvalidStatus

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp import OcppDriver, OcppOptions
from agents.drivers.ocpp.limit import LASTING_ID
from agents.drivers.registry import driver_class
from agents.settings.checked import ConfigError

pytestmark = pytest.mark.live


async def test_what_a_charger_says_is_told_in_our_units() -> None:
    async with charging(phases=3) as (found, charger, transaction):
        await charger.meter(
            transaction,
            {"value": "1500.5"},
            value("3.68", "Power.Active.Import", "kW"),
            value("16", "Current.Import", "A", "L1"),
            value("0.1", "Current.Import", "A", "L2"),
            value("41", "SoC", "Percent"),
        )
        reading = await found.until(lambda one: one.power_w is not None)
        assert (reading.plugged, reading.power_w, reading.register_wh, reading.soc_pct) == (True, 3_680, 1_500.5, 41.0)
        assert reading.least_w == 6 * 230  # one phase is in use
        assert reading.most_discharge_w == 0
        assert reading.fault == ""


async def test_powers_of_phases_are_added_and_export_is_less() -> None:
    async with charging(phases=3) as (found, charger, transaction):
        powers = [value("1000", "Power.Active.Import", "W", f"L{n}-N") for n in (1, 2, 3)]
        exported = value("0.2", "Energy.Active.Export.Register", "kWh")
        await charger.meter(transaction, *powers, value("2", "Energy.Active.Import.Register", "kWh"), exported)
        reading = await found.until(lambda one: one.power_w is not None)
        assert (reading.power_w, reading.register_wh) == (3_000, 1_800.0)


@pytest.mark.parametrize(
    ("unit", "power_w", "limit"),
    [("A", 2_300, 10.0), ("A", 1_400, 6.0), ("A", 1_300, 0.0), ("A", 0, 0.0), ("W", 2_345, 2_345.0)],
)
async def test_setpoint_is_a_limit_that_ends_by_itself(unit: str, power_w: int, limit: float) -> None:
    async with charging(unit=unit) as (found, charger, transaction):
        until = soon(900)
        await found.driver.set_power("ev", power_w, until)
        profile = (await charger.was_called("SetChargingProfile"))["csChargingProfiles"]
        schedule = profile["chargingSchedule"]
        assert (profile["chargingProfilePurpose"], profile["transactionId"]) == ("TxProfile", transaction)
        assert schedule["chargingRateUnit"] == unit
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": limit}]
        begins = datetime.fromisoformat(schedule["startSchedule"])
        assert timedelta(0) <= begins + timedelta(seconds=schedule["duration"]) - until < timedelta(seconds=1)
        assert [name for name, _ in charger.called if name == "RemoteStopTransaction"] == []


async def test_release_takes_our_limit_away_and_no_other() -> None:
    async with charging() as (found, charger, _):
        await found.driver.set_power("ev", 2_300, soon())
        ours = (await charger.was_called("SetChargingProfile"))["csChargingProfiles"]["chargingProfileId"]
        charger.answers["ClearChargingProfile"] = lambda _: {"status": "Unknown"}
        await found.driver.release("ev")
        cleared = [body for name, body in charger.called if name == "ClearChargingProfile"]
        assert {"id": ours} in cleared
        assert all(one["id"] in (ours, LASTING_ID + 1) for one in cleared)


async def test_vehicle_that_comes_while_a_limit_holds_gets_it_for_its_transaction() -> None:
    async with running() as found:
        charger = await PlayedCharger.open(found.url)
        await charger.boot()
        await charger.be("Available")
        await found.until(lambda one: one.plugged is False)
        await found.driver.set_power("ev", 2_300, soon())
        first = await charger.was_called("SetChargingProfile")
        assert first["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
        await charger.be("Charging")
        transaction = await charger.begin()
        second = await charger.was_called("SetChargingProfile", 2)
        assert second["csChargingProfiles"]["transactionId"] == transaction
        await charger.close()


async def test_charger_that_starts_anew_in_mid_event_is_told_again() -> None:
    async with charging() as (found, charger, _):
        await found.driver.set_power("ev", 2_300, soon())
        await charger.was_called("SetChargingProfile")
        await charger.close()
        again = await PlayedCharger.open(found.url)
        await again.boot()
        profile = (await again.was_called("SetChargingProfile"))["csChargingProfiles"]
        assert profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 10.0
        await again.close()


async def test_limit_that_is_over_is_not_said_again() -> None:
    async with charging() as (found, charger, _):
        await charger.was_called("TriggerMessage", 2)
        await found.driver.set_power("ev", 2_300, soon(-1))
        await charger.be("Available")
        await charger.begin()
        await charger.call("Heartbeat")
        assert [name for name, _ in charger.called if name == "SetChargingProfile"] == []


@pytest.mark.parametrize(
    ("answer", "text"),
    [({"status": "Rejected"}, "does not take a limit: Rejected"), ({"status": "NotSupported"}, "NotSupported")],
)
async def test_limit_that_is_refused_is_trouble(answer: Mapping[str, Any], text: str) -> None:
    async with charging() as (found, charger, _):
        charger.answers["SetChargingProfile"] = lambda _: answer
        with pytest.raises(DeviceTrouble, match=text):
            await found.driver.set_power("ev", 2_300, soon())


async def test_what_it_cannot_do_or_where_it_is_away_is_trouble() -> None:
    async with charging() as (found, charger, _):
        with pytest.raises(DeviceTrouble, match="cannot discharge"):
            await found.driver.set_power("ev", -2_300, soon())
        await charger.close()
        for call in (found.driver.read("ev"), found.driver.release("ev")):
            with pytest.raises(DeviceTrouble, match="not connected"):
                await _until_raises(call, lambda: found.driver.read("ev"))


async def _until_raises(call: Awaitable[object], again: Callable[[], Awaitable[object]]) -> None:
    """The connection is gone once the central system has seen it."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            await call
            await asyncio.sleep(0)
            call = again()


async def test_unplugged_and_faulty_are_told_as_what_they_are() -> None:
    async with charging() as (found, charger, transaction):
        await charger.meter(transaction, value("2300", "Power.Active.Import", "W"))
        await charger.be("Faulted", "GroundFailure")
        assert (await found.until(lambda one: one.fault != "")).fault == "GroundFailure"
        await charger.be("Available")
        reading = await found.until(lambda one: one.plugged is False and one.fault == "")
        assert reading.power_w == 0


async def test_heartbeat_alone_does_not_show_that_a_vehicle_charges(monkeypatch: pytest.MonkeyPatch) -> None:
    async with charging() as (found, charger, transaction):
        await charger.meter(transaction, value("2300", "Power.Active.Import", "W"))
        before = (await found.driver.read("ev")).age_s
        now = asyncio.get_running_loop().time()
        monkeypatch.setattr("agents.drivers.ocpp.charger.time.monotonic", lambda: now + 300)
        await charger.call("Heartbeat")
        assert before < 60 < (await found.driver.read("ev")).age_s


async def test_only_the_expected_charger_with_its_password_is_let_in(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("sesame\n")
    async with running(password_file=tmp_path / "password") as found:
        for url in (found.url, found.url.replace("CP-1", "CP-2"), found.url.replace("ws://", "ws://CP-1:wrong@")):
            with pytest.raises(InvalidStatus):
                await PlayedCharger.open(url)
        charger = await PlayedCharger.open(found.url.replace("ws://", "ws://CP-1:sesame@"))
        assert (await charger.boot())["status"] == "Accepted"
        await charger.close()


def test_two_devices_at_one_connector_are_one_sentence() -> None:
    options = OcppOptions(charge_point="CP-1")
    with pytest.raises(ConfigError, match="b: connector 1 of CP-1 is a already"):
        OcppDriver({"a": options, "b": options})


async def test_charger_of_2_0_1_is_read_and_limited_the_same_way() -> None:
    async with running(phases=3) as found:
        charger = await PlayedCharger.open(found.url, "ocpp2.0.1")
        charger.answers["SetVariables"] = lambda body: {
            "setVariableResult": [
                {"attributeStatus": "Accepted", "component": one["component"], "variable": one["variable"]}
                for one in body["setVariableData"]
            ]
        }
        await charger.call("BootNotification", reason="PowerUp", chargingStation={"model": "m", "vendorName": "v"})
        sampled = [
            {"value": 2.3, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}},
            {
                "value": 15,
                "measurand": "Energy.Active.Import.Register",
                "unitOfMeasure": {"unit": "Wh", "multiplier": 2},
            },
            {"value": 10, "measurand": "Current.Import", "phase": "L1", "unitOfMeasure": {"unit": "A"}},
        ]
        await charger.call(
            "TransactionEvent",
            eventType="Started",
            timestamp=charger.now(),
            triggerReason="CablePluggedIn",
            seqNo=0,
            transactionInfo={"transactionId": "t-7", "chargingState": "Charging"},
            evse={"id": 1, "connectorId": 1},
            meterValue=[{"timestamp": charger.now(), "sampledValue": sampled}],
        )
        reading = await found.until(lambda one: one.power_w is not None)
        assert (reading.plugged, reading.power_w, reading.register_wh) == (True, 2_300, 1_500.0)
        await found.driver.set_power("ev", 2_300, soon())
        asked = await charger.was_called("SetChargingProfile")
        assert (asked["evseId"], asked["chargingProfile"]["transactionId"]) == (1, "t-7")
        assert asked["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 10.0
        await charger.close()


def test_driver_without_its_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("agents.drivers.ocpp")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "ocpp.exceptions", None)
    with pytest.raises(
        ConfigError, match=r"homes.toml.driver: ocpp.* is not installed: pip install 'gridpact\[ocpp\]'"
    ):
        driver_class("ocpp", "homes.toml")
