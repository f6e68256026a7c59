"""One limit for the chargers of a site: who gets how much, in which order they are told, and what is left without us."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from ocpp_central import running, soon
from played_charger import PlayedCharger

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp import OcppDriver, OcppOptions
from agents.drivers.ocpp.limit import LASTING_ID
from agents.drivers.ocpp.site import Want, granted
from agents.settings.checked import ConfigError, checked

LATER = datetime(2030, 1, 1, tzinfo=UTC)
LIMIT_W, LEAST_W = 9_200, 1_380


def wants(*powers_w: int) -> dict[tuple[str, int], Want]:
    return {(f"CP-{number}", 1): Want(power_w, LEAST_W, LATER) for number, power_w in enumerate(powers_w)}


@pytest.mark.parametrize(
    ("powers_w", "free_w", "grants_w"),
    [
        ((3_000, 3_000), 9_000, (3_000, 3_000)),
        ((7_000, 7_000), 9_000, (4_500, 4_500)),
        ((7_000, 2_000), 8_000, (6_000, 2_000)),
        ((7_000, 7_000, 7_000), 3_000, (1_500, 1_500, 0)),
        ((7_000, 7_000), 1_000, (0, 0)),
        ((0, 7_000), 5_000, (0, 5_000)),
        ((-3_000, 7_000), 5_000, (-3_000, 5_000)),
        ((1_000, 7_000), 5_000, (0, 5_000)),
    ],
)
def test_limit_is_shared_by_least_powers_then_evenly(
    powers_w: tuple[int, ...], free_w: int, grants_w: tuple[int, ...]
) -> None:
    assert tuple(granted(wants(*powers_w), free_w).values()) == grants_w


@asynccontextmanager
async def site(count: int = 2) -> AsyncIterator[tuple[OcppDriver, list[PlayedCharger]]]:
    """Chargers that each serve a vehicle, behind 9.2 kW."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = {"port": port, "site": "yard", "site_w": LIMIT_W, "unit": "W"}
    driver = OcppDriver(
        {f"ev-{n}": OcppOptions.model_validate({"charge_point": f"CP-{n}"} | more) for n in range(count)}
    )
    task = asyncio.create_task(driver.run(lambda name, reading: None))
    chargers = [await PlayedCharger.open_once_heard(f"ws://127.0.0.1:{port}/CP-{n}") for n in range(count)]
    for charger in chargers:
        await charger.boot()
        await charger.be("Charging")
        await charger.begin()
        await charger.was_called("SetChargingProfile")  # its safe share
    try:
        yield driver, chargers
    finally:
        for charger in chargers:
            await charger.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def told_w(charger: PlayedCharger, times: int) -> float:
    """The limit that it was told as the n-th one, the safe share being the first."""
    profile = (await charger.was_called("SetChargingProfile", times))["csChargingProfiles"]
    return float(profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])


@pytest.mark.live
async def test_safe_share_has_no_end_and_lies_below_what_is_told_later() -> None:
    async with site() as (driver, chargers):
        safe = (await chargers[0].was_called("SetChargingProfile"))["csChargingProfiles"]
        assert "validTo" not in safe
        assert "duration" not in safe["chargingSchedule"]
        assert safe["chargingProfilePurpose"] == "TxDefaultProfile"
        assert await told_w(chargers[0], 1) == LIMIT_W / 2
        await driver.set_power("ev-0", 3_000, soon())
        limit = (await chargers[0].was_called("SetChargingProfile", 2))["csChargingProfiles"]
        assert limit["stackLevel"] > safe["stackLevel"]
        assert limit["chargingProfileId"] != safe["chargingProfileId"]


@pytest.mark.live
async def test_safe_share_of_a_site_that_it_is_no_part_of_any_more_is_taken_away() -> None:
    """It has no end: left by an earlier configuration it would hold for ever."""
    async with running() as found:
        charger = await PlayedCharger.open(found.url)
        await charger.boot()
        assert await charger.was_called("ClearChargingProfile") == {"id": LASTING_ID + 1}
        await charger.close()


@pytest.mark.live
async def test_who_follows_gets_what_the_safe_shares_of_others_leave() -> None:
    async with site() as (driver, chargers):
        await driver.set_power("ev-0", 7_000, soon())
        assert await told_w(chargers[0], 2) == LIMIT_W / 2
        await driver.set_power("ev-1", 2_000, soon())
        assert await told_w(chargers[1], 2) == 2_000
        assert await told_w(chargers[0], 3) == 7_000  # now there is room


@pytest.mark.live
async def test_room_is_made_before_it_is_used() -> None:
    async with site() as (driver, chargers):
        await driver.set_power("ev-1", 2_000, soon())
        await driver.set_power("ev-0", 7_000, soon())
        chargers[0].answers["SetChargingProfile"] = lambda _: {"status": "Rejected"}
        with pytest.raises(DeviceTrouble, match="does not take a limit"):
            await driver.set_power("ev-1", 7_000, soon())
        assert len([name for name, _ in chargers[1].called if name == "SetChargingProfile"]) == 2
        del chargers[0].answers["SetChargingProfile"]
        await driver.set_power("ev-1", 7_000, soon())
        assert await told_w(chargers[1], 3) == LIMIT_W / 2


@pytest.mark.live
async def test_who_is_given_back_gets_its_safe_share_once_others_take_less() -> None:
    async with site() as (driver, chargers):
        await driver.set_power("ev-1", 0, soon())
        await driver.set_power("ev-0", 7_000, soon())
        assert await told_w(chargers[0], 2) == 7_000
        await driver.release("ev-1")
        await chargers[1].was_called("ClearChargingProfile")
        assert await told_w(chargers[0], 3) == LIMIT_W / 2


@pytest.mark.live
async def test_what_is_granted_ends_when_the_first_of_the_others_ends() -> None:
    async with site() as (driver, chargers):
        first = soon(600)
        await driver.set_power("ev-1", 0, first)
        await driver.set_power("ev-0", 7_000, soon(3_600))
        profile = (await chargers[0].was_called("SetChargingProfile", 2))["csChargingProfiles"]
        assert abs(datetime.fromisoformat(profile["validTo"]) - first) < timedelta(seconds=1)


@pytest.mark.live
async def test_who_has_ended_without_a_word_takes_its_safe_share() -> None:
    async with site() as (driver, chargers):
        await driver.set_power("ev-1", 0, soon(-1))
        await driver.set_power("ev-0", 7_000, soon())
        assert await told_w(chargers[0], 2) == LIMIT_W / 2


def test_two_limits_of_one_site_are_one_sentence() -> None:
    made = [OcppOptions(charge_point=f"CP-{n}", site="yard", site_w=9_000 + n) for n in (1, 2)]
    with pytest.raises(ConfigError, match="two: site_w of yard is 9,001 W at another device and 9,002 W here"):
        OcppDriver({"one": made[0], "two": made[1]})


@pytest.mark.parametrize(
    ("options", "text"),
    [({"site": "yard"}, "site and site_w are given together"), ({"stack_level": 0}, "stack_level has to be 1 or more")],
)
def test_site_that_is_not_whole_is_one_sentence(options: dict[str, object], text: str) -> None:
    more = options if "site" in options else options | {"site": "yard", "site_w": 9_000}
    with pytest.raises(ConfigError, match=text):
        checked(OcppOptions, {"charge_point": "CP-1"} | more, "home.toml")
