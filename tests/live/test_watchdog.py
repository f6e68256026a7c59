"""A daemon that is killed, and the watchdog beside it: its device is given back, and not while it runs."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from paths import ROOT

from broker.mosquitto import private_broker

DRIVER = '''
from pathlib import Path
from pydantic import BaseModel
from agents.drivers.contract import Abilities, DeviceReading

class Options(BaseModel):
    file: str

class Filed:
    """A device whose state is a file: it follows somebody as long as the file is there."""
    Options = Options

    def __init__(self, devices):
        self.devices = devices

    def abilities(self, device):
        return Abilities(poll_s=1)

    async def run(self, push):
        pass

    async def read(self, device):
        return DeviceReading(plugged=True, soc_wh=5_000, power_w=0)

    async def set_power(self, device, power_w, until):
        Path(self.devices[device].file).write_text(str(power_w))

    async def release(self, device):
        Path(self.devices[device].file).unlink(missing_ok=True)
'''
HOME = """
[broker]
port = {port}
[control]
dir = "{folder}/control"
[journal]
path = "{folder}/h.journal"
[[ders]]
name = "h"
parent = "ra"
[[ders.devices]]
kind = "storage"
resource_id = "bat"
capacity_wh = 9000
soc_wh = 5000
max_charge_w = 3000
max_discharge_w = 3000
state_at = 2026-01-14T17:00:00Z
driver = "filed"
options = {{ file = "{folder}/follows" }}
"""


def installed(folder: Path) -> Path:
    """A package with a driver, as an installer leaves it."""
    site = folder / "site"
    about = site / "filed-1.dist-info"
    about.mkdir(parents=True)
    (site / "filed.py").write_text(DRIVER)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: filed\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[gridpact.drivers]\nfiled = filed:Filed\n")
    return site


@pytest.mark.live
async def test_device_of_a_killed_daemon_is_given_back_by_the_watchdog(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{installed(tmp_path)}"}
    file, follows = tmp_path / "h.toml", tmp_path / "follows"

    async def begun(*arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.cli", *arguments, "--config", str(file)),
            stdout=asyncio.subprocess.PIPE, env=environment,
        )  # fmt: skip

    async with private_broker() as broker, asyncio.timeout(60):
        file.write_text(HOME.format(port=broker.port, folder=tmp_path))
        daemon = await begun("run", "der")
        assert daemon.stdout is not None
        while json.loads(await daemon.stdout.readline())["event"] != "ready":
            pass
        watchdog = await begun("watchdog", "--after", "0.2")
        assert watchdog.stdout is not None
        assert b"looks after bat" in await watchdog.stdout.readline()
        follows.write_text("-3000")
        daemon.kill()
        await daemon.wait()
        assert b"the daemon is gone: giving back bat" in await watchdog.stdout.readline()
        assert await watchdog.stdout.readline() == b"bat: given back\n"
        assert not follows.exists()
        watchdog.terminate()
        assert await watchdog.wait() == 0
        follows.write_text("-3000")
        by_hand = await begun("watchdog", "--once")
        assert await by_hand.wait() == 0
        assert not follows.exists()
