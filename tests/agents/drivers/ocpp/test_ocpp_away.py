"""A charger that is not there: what is known of why, and that one place which cannot be had takes no other away."""

import asyncio
import socket
from pathlib import Path

import pytest
from ocpp_central import WITHIN_S, running
from played_charger import PlayedCharger
from websockets.exceptions import InvalidStatus

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp import OcppDriver, OcppOptions, central

pytestmark = pytest.mark.live


async def trouble(driver: OcppDriver, device: str = "ev") -> str:
    """Why nothing can be read."""
    with pytest.raises(DeviceTrouble) as told:
        await driver.read(device)
    return str(told.value)


async def refused(url: str, identity: str) -> None:
    with pytest.raises(InvalidStatus):
        await PlayedCharger.open(url.replace("CP-1", identity))


async def test_charger_that_never_called_in_is_told_with_where_it_would_have_to() -> None:
    async with running() as found:
        at = found.url.removeprefix("ws://").partition("/")[0]
        assert await trouble(found.driver) == (
            f"charger CP-1 is not connected: it has not called in at {at}, which is reached from this machine only: say `host`"
        )


async def test_charger_under_another_name_is_told_by_it() -> None:
    async with running() as found:
        for identity in ("CP-7", "CP%208", "x" * 49, "CP-9", "CP-9", "a", "b"):
            await refused(found.url, identity)
        assert (await trouble(found.driver)).endswith("CP-9, a, b called in, which no device here is")  # the last ones


async def test_charger_with_a_wrong_password_is_told_until_it_has_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    async with running(password_file=tmp_path / "password") as found:
        await refused(found.url, "CP-1")
        assert await trouble(found.driver) == (
            "charger CP-1 is not connected: it called in with a wrong password or certificate"
        )
        charger = await PlayedCharger.open(found.url.replace("//", "//CP-1:secret@"))
        await charger.boot()
        await charger.be("Available")
        assert (await found.driver.read("ev")).plugged is False
        await charger.close()
        async with asyncio.timeout(WITHIN_S):
            while found.driver._chargers["ev"]._session is not None:
                await asyncio.sleep(0)
        assert await trouble(found.driver) == "charger CP-1 is not connected"  # it was, and nothing else is known


async def test_charger_of_another_version_is_told_by_what_it_would_have_to_speak() -> None:
    async with running() as found:
        with pytest.raises(InvalidStatus):
            await PlayedCharger.open(found.url, "ocpp1.5")
        assert await trouble(found.driver) == (
            "charger CP-1 is not connected: it called in and offers none of ocpp2.1, ocpp2.0.1, ocpp1.6"
        )


async def test_port_that_is_taken_takes_no_other_away_and_is_had_once_it_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for pause in ("FIRST_PAUSE_S", "LONGEST_PAUSE_S"):
        monkeypatch.setattr(central, pause, 0.01)
    with socket.socket() as other, socket.socket() as free:
        for one in (other, free):
            one.bind(("127.0.0.1", 0))
        other.listen()
        taken, port = other.getsockname()[1], free.getsockname()[1]
        free.close()
        devices = {
            "ev": OcppOptions(charge_point="CP-1", port=taken),
            "van": OcppOptions(charge_point="CP-2", port=port),
        }
        driver = OcppDriver(devices)
        task = asyncio.create_task(driver.run(lambda name, reading: None))
        charger = await PlayedCharger.open_once_heard(f"ws://127.0.0.1:{port}/CP-2")
        await charger.boot()
        await charger.be("Available")
        assert (await driver.read("van")).plugged is False
        said = f"none can call in: 127.0.0.1:{taken}: Address already in use: another program has that port"
        assert said in await trouble(driver)
        other.close()
        late = await PlayedCharger.open_once_heard(f"ws://127.0.0.1:{taken}/CP-1")
        await late.boot()
        await late.be("Preparing")
        assert (await driver.read("ev")).plugged is True
        for caller in (charger, late):
            await caller.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
