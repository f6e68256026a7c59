"""The driver `echonet` with a home of another making, on echonet-lite, which reads and writes its own frames: a battery and a
vehicle are set, a solar plant and a smart meter are read."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import node
import pytest

from agents.drivers.contract import DeviceReading
from agents.drivers.echonet import EchonetDriver, EchonetOptions
from agents.drivers.echonet.discovery import found_nodes
from agents.drivers.echonet.options import OwnAddress

pytestmark = pytest.mark.live
STARTS_WITHIN_S = 60.0
BATTERY, VEHICLE, METER = "027d01", "027e01", "028801"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class Home:
    """A node's program, and where it is."""

    def __init__(self, process: asyncio.subprocess.Process, theirs: int, ours: int) -> None:
        self._process, self.theirs, self.ours = process, theirs, ours

    async def line(self) -> str:
        """The next one that it says."""
        assert self._process.stdout is not None
        async with asyncio.timeout(STARTS_WITHIN_S):
            return (await self._process.stdout.readline()).decode()

    async def was_set(self, eoj: str) -> dict[str, str]:
        """What it was set to next there."""
        while True:
            told_eoj, values = json.loads(await self.line())
            if told_eoj == eoj:
                return dict(values)

    def options(self, kind: str, **more: Any) -> EchonetOptions:
        own = {"host": "127.0.0.1", "port": self.theirs, "bind": "127.0.0.1", "own_port": self.ours, "object": kind}
        return EchonetOptions.model_validate(own | more)


@asynccontextmanager
async def home() -> AsyncIterator[Home]:
    program = node.node()
    node.needs((node.MODULES / "echonet-lite").is_dir(), "echonet-lite is not installed in tests/node: run 'make node'")
    theirs, ours = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        program, str(node.FOLDER / "echonet_node.cjs"), str(theirs), str(ours), stdout=asyncio.subprocess.PIPE
    )
    made = Home(process, theirs, ours)
    try:
        assert await made.line() == "ready\n"
        yield made
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def running(options: EchonetOptions) -> AsyncIterator[tuple[EchonetDriver, asyncio.Queue[DeviceReading]]]:
    """A driver of one device, and what it pushes."""
    driver, told = EchonetDriver({"it": options}), asyncio.Queue[DeviceReading]()
    task = asyncio.create_task(driver.run(lambda name, reading: told.put_nowait(reading)))
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            yield driver, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


async def test_battery_of_another_making_is_found_read_set_and_given_back(tmp_path: Path) -> None:
    async with home() as its:
        (found,) = await found_nodes(OwnAddress("127.0.0.1", its.ours), ["127.0.0.1"], its.theirs, 0.5)
        kinds = ("battery", "vehicle", "solar", "meter")
        assert (found.maker, found.readable()) == ("000077", tuple((kind, 1) for kind in kinds))
        async with running(its.options("battery", memory=tmp_path / "found", settles_s=0)) as (driver, _):
            before = await driver.read("it")
            assert (before.power_w, before.soc_wh, before.soc_pct, before.register_wh) == (0, 10_000, 50, 900)
            await driver.set_power("it", -2_000, soon())
            assert (await driver.read("it")).power_w == -2_000
            await driver.release("it")
            assert (await driver.read("it")).power_w == 0
        told = [await its.was_set(BATTERY) for _ in range(2)]
    assert told[0] == {"ec": "000007d0", "c2": "03", "da": "43"}
    assert (told[1]["da"], told[1]["c2"]) == ("44", "01")


async def test_vehicle_of_another_making_discharges_and_is_idle_again(tmp_path: Path) -> None:
    async with home() as its:
        async with running(its.options("vehicle", memory=tmp_path / "found", settles_s=0)) as (driver, _):
            before = await driver.read("it")
            assert (before.plugged, before.power_w, before.soc_wh, before.register_wh) == (True, 0, 30_000, 4_000)
            assert (before.most_charge_w, before.most_discharge_w, before.least_w) == (6_000, 3_000, 200)
            for power_w in (-3_000, 6_000):
                await driver.set_power("it", power_w, soon())
                assert (await driver.read("it")).power_w == power_w
            await driver.release("it")
            assert (await driver.read("it")).power_w == 0
        told = [await its.was_set(VEHICLE) for _ in range(4)]
    assert told[0] == {"cd": "10"}  # it looks for its vehicle
    assert told[1] == {"ec": "00000bb8", "dd": "03", "da": "43"}
    assert told[2] == {"eb": "00001770", "dc": "03", "da": "42"}
    assert (told[3]["da"], told[3]["dc"], told[3]["dd"]) == ("47", "01", "02")


async def test_solar_plant_and_smart_meter_of_another_making_are_read_with_unit_and_sign() -> None:
    async with home() as its:
        async with running(its.options("solar")) as (driver, _):
            solar = await driver.read("it")
        async with running(its.options("meter", zone="UTC")) as (driver, told):
            meter = await driver.read("it")
            while not (pushed := await told.get()).kept:
                pass
        days = [await its.was_set(METER) for _ in range(2)]
    assert (solar.power_w, solar.register_wh) == (-4_000, -123_456)
    assert (meter.power_w, meter.register_wh, meter.register_step_wh) == (-500, 1_234_400, 100)
    assert days == [{"e5": "01"}, {"e5": "00"}]
    ((at, wh),) = pushed.kept
    assert (at.time(), wh) == (time(), 123_400)
