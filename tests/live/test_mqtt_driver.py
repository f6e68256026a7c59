"""The driver `mqtt` at a real Mosquitto, with devices played by mosquitto_pub and mosquitto_sub."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos_path import system

from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.mqtt import MqttDriver, MqttOptions
from agents.drivers.register import ANEW_WH
from broker.mosquitto import Broker

pytestmark = pytest.mark.live

OPTIONS = {
    "power": {"topic": "box/state", "path": "power", "unit": "W"},
    "imported": {"topic": "box/state", "path": "total", "unit": "Wh"},
    "found": {"topic": "box/mode"},
    "command": [{"topic": "box/set", "payload": "${power_w}"}],
    "release": [{"topic": "box/set", "payload": "back to ${found}"}],
}
STATE = '{"power": 230, "total": 5000}'


def options(port: int, **changes: Any) -> MqttOptions:
    return MqttOptions.model_validate({"broker": {"port": port}, **OPTIONS, **changes})


async def say(port: int, topic: str, payload: str, *flags: str) -> None:
    command = ("mosquitto_pub", "-p", str(port), "-q", "1", "-t", topic, "-m", payload, *flags)
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


@asynccontextmanager
async def heard(port: int, topic: str) -> AsyncIterator[asyncio.Queue[str]]:
    """What is said on a topic."""
    command = ("mosquitto_sub", "-p", str(port), "-q", "1", "-t", topic, "-t", "begun", "-F", "%p")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    lines: asyncio.Queue[str] = asyncio.Queue()

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            lines.put_nowait(line.decode().strip())

    reading = asyncio.create_task(read())
    try:
        while lines.empty():
            await say(port, "begun", "begun")
        yield lines  # what was retained there came before the first `begun`
    finally:
        process.terminate()
        await process.wait()
        await reading


async def next_said(lines: asyncio.Queue[str]) -> str:
    while (line := await lines.get()) == "begun":
        pass
    return line


@asynccontextmanager
async def running(given: MqttOptions) -> AsyncIterator[tuple[MqttDriver, asyncio.Queue[DeviceReading]]]:
    """The driver of one device, and what it tells."""
    driver, told = MqttDriver({"box": given}), asyncio.Queue[DeviceReading]()
    async with asyncio.timeout(90):
        task = asyncio.create_task(driver.run(lambda _, reading: told.put_nowait(reading)))
        try:
            yield driver, told
        finally:
            task.cancel()
            await asyncio.wait([task])


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


async def test_retained_state_is_known_at_once_and_news_come_by_themselves(broker: Broker) -> None:
    await say(broker.port, "box/state", STATE, "-r")
    async with running(options(broker.port)) as (driver, told):
        first = await told.get()
        assert (first.power_w, first.register_wh) == (230, 5_000)
        await say(broker.port, "box/state", STATE.replace("230", "460"))
        while (await told.get()).power_w != 460:
            pass
        assert (await driver.read("box")).power_w == 460


async def test_register_that_begins_anew_is_told_as_another_one(broker: Broker) -> None:
    await say(broker.port, "box/state", STATE, "-r")
    both = {"exported": {"topic": "box/out", "unit": "Wh"}}
    async with running(options(broker.port, **both)) as (_, told):
        await say(broker.port, "box/out", "1200", "-r")
        while (await told.get()).register_wh != 3_800:
            pass
        await say(broker.port, "box/out", "0", "-r")  # alone
        while (await told.get()).register_wh != ANEW_WH + 5_000:
            pass
        await say(broker.port, "box/state", STATE.replace("5000", "10"))
        while (await told.get()).register_wh != 2 * ANEW_WH + 10:
            pass


async def test_register_of_two_topics_is_as_old_as_the_older_one(broker: Broker) -> None:
    both = {"exported": {"topic": "box/out", "unit": "Wh"}, "alive": "box/alive"}
    for topic, payload in (("box/state", STATE), ("box/out", "1200"), ("box/alive", "online")):
        await say(broker.port, topic, payload, "-r")
    async with running(options(broker.port, **both)) as (driver, told):
        await told.get()

        async def read() -> tuple[float, float]:
            """How old its last sign of life is, and its register."""
            state = await driver.read("box")
            assert state.register_age_s is not None
            return state.age_s, state.register_age_s

        async def until_its_register_is_older(is_older: bool) -> None:
            while True:
                age_s, register_age_s = await read()
                if (register_age_s > age_s) is is_older:
                    return
                await asyncio.sleep(0)

        await say(broker.port, "box/alive", "online")
        await until_its_register_is_older(True)
        await say(broker.port, "box/out", "1300")
        while (state := await told.get()).register_wh != 3_700:
            pass
        assert state.register_age_s is not None
        assert state.register_age_s > state.age_s  # the other one was not said
        await say(broker.port, "box/state", STATE)
        await until_its_register_is_older(False)


async def test_device_that_says_offline_is_faulty(broker: Broker) -> None:
    await say(broker.port, "box/alive", "offline", "-r")
    async with running(options(broker.port, alive="box/alive")) as (_, told):
        assert (await told.get()).fault == "said to be offline"
        await say(broker.port, "box/alive", "online", "-r")
        while (await told.get()).fault:
            pass


async def test_device_follows_and_is_left_as_it_was_found(broker: Broker) -> None:
    await say(broker.port, "box/mode", "pv", "-r")
    async with heard(broker.port, "box/set") as said, running(options(broker.port)) as (driver, told):
        await told.get()
        await driver.release("box")  # nothing is left of us: nothing is said
        await driver.set_power("box", -2_000, soon())
        assert await next_said(said) == "-2000"
        await driver.set_power("box", 0, soon())
        assert await next_said(said) == "0"
        await driver.release("box")
        assert await next_said(said) == "back to pv"
        await driver.release("box")
        await driver.set_power("box", 1, soon())
        assert await next_said(said) == "1"


async def test_device_whose_own_way_is_not_known_is_not_taken_over(broker: Broker) -> None:
    async with running(options(broker.port)) as (driver, _):
        with pytest.raises(DeviceTrouble, match="what it does by itself is not known: nothing was heard on box/mode"):
            await driver.set_power("box", 1_000, soon())


async def test_meter_takes_no_command(broker: Broker) -> None:
    async with running(options(broker.port, command=[], release=[])) as (driver, _):
        with pytest.raises(DeviceTrouble, match="it is a meter"):
            await driver.set_power("box", 1_000, soon())
        await driver.release("box")


HOLDER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from agents.drivers.mqtt import MqttDriver, MqttOptions
from agents.drivers.register import ANEW_WH

async def hold():
    driver = MqttDriver({"box": MqttOptions.model_validate_json(sys.argv[1])})
    running = asyncio.create_task(driver.run(lambda *_: None))
    await driver.set_power("box", 1234, datetime.now(UTC) + timedelta(minutes=5))
    print("held", flush=True)
    await running

asyncio.run(hold())
"""


async def killed_while_it_holds(given: MqttOptions) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, given.model_dump_json(exclude_none=True), stdout=pipe
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    process.kill()
    await process.wait()


async def test_broker_releases_the_device_of_a_process_that_died(broker: Broker) -> None:
    await say(broker.port, "box/mode", "pv", "-r")
    async with asyncio.timeout(90), heard(broker.port, "box/set") as said:
        await killed_while_it_holds(options(broker.port))
        assert [await next_said(said), await next_said(said)] == ["1234", "back to pv"]


async def test_next_life_gives_back_what_the_first_one_found(broker: Broker) -> None:
    await say(broker.port, "box/mode", "pv", "-r")
    async with asyncio.timeout(90), heard(broker.port, "box/set") as said:
        await killed_while_it_holds(options(broker.port))
        await say(broker.port, "box/mode", "now", "-r")  # as we had set it
        async with running(options(broker.port)) as (driver, told):
            await told.get()
            assert driver.is_held("box")
            await driver.release("box")
            assert not driver.is_held("box")
            assert [await next_said(said) for _ in range(3)] == ["1234", "back to pv", "back to pv"]
            await driver.set_power("box", 1, soon())
            await driver.release("box")
            assert [await next_said(said) for _ in range(2)] == ["1", "back to now"]


async def read_on(driver: MqttDriver) -> None:
    while await driver.read("box"):
        await asyncio.sleep(0)


async def test_broker_of_the_device_comes_back_and_hears_the_set_point_again(tmp_path: Path) -> None:
    own = system.BrokerProcess(tmp_path, {})
    await own.start()
    try:
        await say(own.port, "box/mode", "pv", "-r")
        command = [{"topic": "box/set", "payload": "${power_w}", "retain": True}]  # a late listener hears it as well
        async with running(options(own.port, command=command)) as (driver, _):
            await driver.set_power("box", 777, soon())
            await own.end(signal.SIGKILL)
            with pytest.raises(DeviceTrouble, match=f"its broker at 127.0.0.1:{own.port} is not reached"):
                await read_on(driver)
            await own.start()
            async with heard(own.port, "box/set") as said:
                assert await next_said(said) == "777"
    finally:
        await own.end(signal.SIGKILL)
