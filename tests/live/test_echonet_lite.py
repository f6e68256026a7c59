"""The driver `echonet` with a node of another making: a battery on echonet-lite, which reads and writes its own frames."""

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import node
import pytest

from agents.drivers.echonet import EchonetDriver, EchonetOptions
from agents.drivers.echonet.discovery import found_nodes
from agents.drivers.echonet.options import OwnAddress

pytestmark = pytest.mark.live
STARTS_WITHIN_S = 60.0


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


async def test_battery_of_another_making_is_found_read_set_and_given_back(tmp_path: Path) -> None:
    program = node.node()
    node.needs((node.MODULES / "echonet-lite").is_dir(), "echonet-lite is not installed in tests/node: run 'make node'")
    theirs, ours = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        program, str(node.FOLDER / "echonet_node.cjs"), str(theirs), str(ours), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            assert await process.stdout.readline() == b"ready\n"
        (found,) = await found_nodes(OwnAddress("127.0.0.1", ours), ["127.0.0.1"], theirs, 0.5)
        assert (found.maker, found.readable()) == ("000077", (("battery", 1),))
        options = EchonetOptions.model_validate(
            {
                "host": "127.0.0.1", "port": theirs, "bind": "127.0.0.1", "own_port": ours, "object": "battery",
                "memory": tmp_path / "found", "settles_s": 0,
            }
        )  # fmt: skip
        await followed(EchonetDriver({"bat": options}))
        told = [json.loads(await process.stdout.readline()) for _ in range(2)]
    finally:
        process.kill()
        await process.wait()
    assert told[0] == {"ec": "000007d0", "c2": "03", "da": "43"}
    assert (told[1]["da"], told[1]["c2"]) == ("44", "01")


async def followed(driver: EchonetDriver) -> None:
    """Read, set, read again, and given back."""
    running = asyncio.create_task(driver.run(lambda name, reading: None))
    try:
        before = await driver.read("bat")
        assert (before.power_w, before.soc_wh, before.soc_pct, before.register_wh) == (0, 10_000, 50, 900)
        await driver.set_power("bat", -2_000, datetime.now(UTC) + timedelta(minutes=5))
        assert (await driver.read("bat")).power_w == -2_000
        await driver.release("bat")
        assert (await driver.read("bat")).power_w == 0
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
