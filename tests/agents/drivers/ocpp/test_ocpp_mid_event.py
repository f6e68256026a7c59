"""What goes on at a charger while a limit holds: restarts, refusals, other connections, a clock that is off."""

import asyncio
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp_central import WITHIN_S, charging, running, soon, value
from played_charger import PlayedCharger

from agents.drivers.contract import DeviceReading
from agents.drivers.ocpp import OcppDriver, OcppOptions
from agents.drivers.ocpp.limit import PROFILE_ID
from agents.settings.checked import ConfigError

pytestmark = pytest.mark.live


def purpose(body: Mapping[str, Any]) -> str:
    """Of a limit that it was told."""
    return str(body["csChargingProfiles"]["chargingProfilePurpose"])


async def test_charger_that_knows_no_triggers_is_told_its_limit_all_the_same() -> None:
    async with charging() as (found, charger, _):
        await found.driver.set_power("ev", 2_300, soon())
        await charger.close()
        again = await PlayedCharger.open(found.url)
        for action in ("TriggerMessage", "ChangeConfiguration"):
            again.answers[action] = lambda _: {"error": "NotImplemented"}
        await again.boot()
        await again.was_called("SetChargingProfile")
        await again.was_called("TriggerMessage", 2)  # it goes on with what it may know
        await again.close()


async def test_limit_for_a_transaction_that_the_charger_forgot_is_for_any() -> None:
    async with charging() as (found, charger, _):
        charger.answers["SetChargingProfile"] = lambda body: {
            "status": "Rejected" if purpose(body) == "TxProfile" else "Accepted"
        }
        await found.driver.set_power("ev", 2_300, soon())
        assert purpose(await charger.was_called("SetChargingProfile", 2)) == "TxDefaultProfile"


async def test_limit_that_was_refused_after_a_restart_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.drivers.ocpp.charger.AGAIN_AFTER_S", 0.01)
    async with charging() as (found, charger, _):
        await found.driver.set_power("ev", 2_300, soon())
        answers = iter(["Rejected"] * 4)
        charger.answers["SetChargingProfile"] = lambda _: {"status": next(answers, "Accepted")}
        await charger.boot()
        await charger.was_called("SetChargingProfile", 6)


async def test_next_transaction_is_limited_before_it_begins() -> None:
    async with charging() as (found, charger, transaction):
        await found.driver.set_power("ev", 0, soon())
        await charger.was_called("SetChargingProfile")
        await charger.end(transaction, 1_200)
        profiles = [await charger.was_called("SetChargingProfile", number) for number in (1, 2)]
        assert [purpose(one) for one in profiles] == ["TxProfile", "TxDefaultProfile"]
        assert (await found.until(lambda one: one.register_wh == 1_200)).plugged


async def test_status_of_the_charger_as_a_whole_unplugs_nobody() -> None:
    async with charging() as (found, charger, transaction):
        await charger.be("Available", connector=0)
        await charger.meter(transaction, value("2300", "Power.Active.Import", "W"))
        await charger.meter(None, value("9000", "Power.Active.Import", "W"), connector=0)
        reading = await found.driver.read("ev")
        assert (reading.plugged, reading.power_w, reading.fault) == (True, 2_300, "")
        await charger.be("Unavailable", connector=0)
        assert (await found.driver.read("ev")).fault == "taken out of service"
        await charger.be("Available", connector=0)
        assert (await found.driver.read("ev")).fault == ""


async def test_transaction_that_began_while_we_were_away_is_limited_as_such() -> None:
    async with running() as found:
        charger = await PlayedCharger.open(found.url)
        await charger.be("Charging")
        await charger.meter(-1, value("2300", "Power.Active.Import", "W"))
        await found.driver.set_power("ev", 2_300, soon())
        await charger.meter(77, value("2300", "Power.Active.Import", "W"))
        second = await charger.was_called("SetChargingProfile", 2)
        assert second["csChargingProfiles"]["transactionId"] == 77
        await charger.close()


async def test_limit_in_amperes_follows_the_phases_that_a_vehicle_uses() -> None:
    async with charging(phases=3) as (found, charger, transaction):
        await charger.was_called("TriggerMessage", 2)  # nothing else is to be told
        await found.driver.set_power("ev", 4_600, soon())
        await charger.meter(transaction, value("6", "Current.Import", "A", "L1"))
        limits = [await charger.was_called("SetChargingProfile", number) for number in (1, 2)]
        periods = [one["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0] for one in limits]
        assert [one["limit"] for one in periods] == [6.6, 20.0]


async def test_values_that_a_charger_kept_while_it_was_away_are_told_as_old() -> None:
    async with charging() as (found, charger, transaction):
        charger.behind = timedelta(minutes=20)
        await charger.meter(transaction, {"value": "1400"})
        charger.behind = timedelta(0)
        await charger.meter(transaction, {"value": "1900"})
        assert [one.register_wh for one in found.told if one.register_wh == 1_400] == []
        assert (await found.driver.read("ev")).register_wh == 1_900


async def test_limit_is_by_the_clock_of_the_charger() -> None:
    async with charging() as (found, charger, transaction):
        await found.driver.set_power("ev", 2_300, soon())
        charger.behind = timedelta(hours=-9)
        await charger.meter(transaction, {"value": "1400"})
        second = await charger.was_called("SetChargingProfile", 2)
        begins = datetime.fromisoformat(second["csChargingProfiles"]["chargingSchedule"]["startSchedule"])
        assert abs(begins - datetime.now(UTC) - timedelta(hours=9)) < timedelta(minutes=1)


async def test_new_connection_of_a_charger_takes_the_place_of_one_that_hangs() -> None:
    async with charging() as (found, charger, _):
        others = [await PlayedCharger.open(found.url) for _ in range(3)]
        await others[-1].boot()
        async with asyncio.timeout(WITHIN_S):
            for gone in (charger, *others[:-1]):
                await gone.gone()
        await found.driver.set_power("ev", 2_300, soon())
        assert others[-1].called[-1][0]
        await others[-1].was_called("SetChargingProfile")
        await others[-1].close()


async def test_release_while_the_other_connector_is_told_again_is_no_trouble() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [OcppOptions(charge_point="CP-1", port=port, connector=number) for number in (1, 2)]
    driver = OcppDriver({"one": options[0], "two": options[1]})
    told: list[tuple[str, DeviceReading]] = []
    task = asyncio.create_task(driver.run(lambda name, reading: told.append((name, reading))))
    charger = await PlayedCharger.open_once_heard(f"ws://127.0.0.1:{port}/CP-1")
    await charger.boot()
    await charger.be("Charging", connector=2)
    second = await charger.begin(connector=2)
    await driver.set_power("two", 2_300, soon())
    await driver.set_power("one", 1_400, soon())
    assert (await charger.was_called("SetChargingProfile"))["connectorId"] == 2
    await charger.boot()
    await driver.release("one")
    await charger.meter(second, value("2300", "Power.Active.Import", "W"), connector=2)
    while ("ClearChargingProfile", {"id": PROFILE_ID + 1}) not in charger.called:
        await asyncio.sleep(0)
    assert ("two", 2_300) in [(name, one.power_w) for name, one in told]
    assert {name for name, _ in told} == {"two"}
    await charger.boot()
    await charger.was_called("TriggerMessage", 4)  # it still works
    await charger.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_connectors_of_one_charger_with_two_passwords_are_one_sentence() -> None:
    options = [OcppOptions(charge_point="CP-1", connector=n, password_file=Path(f"p{n}")) for n in (1, 2)]
    with pytest.raises(
        ConfigError, match="one, two: password_file, sample_s, stack_level and upstream are of a charger"
    ):
        OcppDriver({"one": options[0], "two": options[1]})


def test_two_certificates_at_one_port_are_one_sentence() -> None:
    options = [OcppOptions(charge_point=f"CP-{n}", certificate=Path(f"c{n}"), key=Path("k")) for n in (1, 2)]
    with pytest.raises(ConfigError, match="two: port 9000 is that of one with another host, certificate, key or ca"):
        OcppDriver({"one": options[0], "two": options[1]})
