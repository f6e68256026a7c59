"""An EcoCute is told an hour at which it heats, and never a power."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from played_node import SETC, PlayedNode

from agents.drivers.contract import DeviceTrouble
from agents.drivers.echonet import EchonetDriver, EchonetOptions
from agents.drivers.echonet.water_heater import shift_hour

HEATER = "026b01"
VALUES = {0x88: "42", 0x84: "04B0", 0x85: "00012D68", 0xB2: "41", 0xC7: "00", 0xCA: "0D"}
NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "hour"), [(0, 12), (29, 12), (31, 13), (-29, 12), (300, 17)])
def test_hour_is_the_nearest_one(minutes: int, hour: int) -> None:
    assert shift_hour(1_500, NOON + timedelta(minutes=minutes)) == hour


@pytest.mark.parametrize(
    ("power_w", "hours", "text"), [(0, 0, "never a power"), (-500, 0, "never a power"), (1_500, 8, "not to 20:00")]
)
def test_what_it_cannot_do_is_one_sentence(power_w: int, hours: int, text: str) -> None:
    with pytest.raises(DeviceTrouble, match=text):
        shift_hour(power_w, NOON + timedelta(hours=hours))


@asynccontextmanager
async def heater(folder: Path) -> AsyncIterator[tuple[EchonetDriver, PlayedNode]]:
    """A node with a water heater, and the driver of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        own_port = free.getsockname()[1]
    node = await PlayedNode.open({HEATER: VALUES})
    node.can_set(HEATER, 0xC7, 0xCA)
    more = {"host": "127.0.0.2", "port": node.port, "bind": "127.0.0.1", "own_port": own_port, "settles_s": 0}
    now = datetime.now().astimezone()
    lead_s = (now.replace(hour=12, minute=0) - now).total_seconds() % 86_400
    options = {"object": "water_heater", "memory": folder / "found", "lead_s": lead_s} | more
    driver = EchonetDriver({"eq": EchonetOptions.model_validate(options)})
    running = asyncio.create_task(driver.run(lambda name, reading: None))
    try:
        yield driver, node
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        node.close()


@pytest.mark.live
async def test_water_heater_is_read_in_our_units(tmp_path: Path) -> None:
    async with heater(tmp_path) as (driver, _):
        reading = await driver.read("eq")
        assert (reading.power_w, reading.register_wh, reading.most_discharge_w) == (1_200, 77_160.0, 0)


@pytest.mark.live
async def test_hour_is_written_read_back_and_given_back(tmp_path: Path) -> None:
    async with heater(tmp_path) as (driver, node):
        await driver.set_power("eq", 1_500, datetime.now(UTC) + timedelta(hours=1))
        assert (node.objects[HEATER][0xC7], node.objects[HEATER][0xCA]) == (b"\x01", bytes([12]))
        await driver.release("eq")
        assert (node.objects[HEATER][0xC7], node.objects[HEATER][0xCA]) == (b"\x00", b"\x0d")
        written = [values for service, _, values in node.asked if service == SETC]
        assert {code for values in written for code in values} == {0xC7, 0xCA}  # and never a power
        assert not (tmp_path / "found").exists()


@pytest.mark.live
async def test_water_heater_that_takes_it_and_does_nothing_is_told(tmp_path: Path) -> None:
    async with heater(tmp_path) as (driver, node):
        node.does_nothing = True
        with pytest.raises(DeviceTrouble, match="0xC7, 0xCA"):
            await driver.set_power("eq", 1_500, datetime.now(UTC) + timedelta(hours=1))
