"""The driver `ocpp` with a charger of another making: ocpp-rpc, which holds every frame against the standard's schemas."""

import asyncio
import json
from pathlib import Path

import node
import pytest
from ocpp_central import running, soon

pytestmark = pytest.mark.live
STARTS_WITHIN_S = 60.0
"""Node, and the schemas of a version that it makes ready."""


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_charger_of_another_making_is_read_limited_and_given_back(tmp_path: Path, version: str) -> None:
    (tmp_path / "password").write_text("sesame\n")
    program = node.node()
    node.needs((node.MODULES / "ocpp-rpc").is_dir(), "ocpp-rpc is not installed in tests/node: run 'make node'")
    async with running(password_file=tmp_path / "password", discharges=version == "ocpp2.1") as found:
        command = (
            program,
            str(node.FOLDER / "charger.cjs"),
            found.url.removesuffix("/CP-1"),
            "CP-1",
            "sesame",
            version,
        )
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            reading = await found.until(lambda one: one.power_w == 7_360, STARTS_WITHIN_S)
            assert (reading.plugged, reading.register_wh, reading.fault) == (True, 1_500, "")
            wanted_w = 2_300
            if version == "ocpp2.1":
                wanted_w = -wanted_w
                assert (await found.until(lambda one: one.departs_at is not None)).most_discharge_w == 5_000
            await found.driver.set_power("ev", wanted_w, soon())
            await found.until(lambda one: one.power_w == wanted_w)
            await found.driver.release("ev")
            async with asyncio.timeout(20):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0
    calls = [json.loads(line) for line in said.splitlines()]
    names = [name for name, _ in calls]
    assert "invalid" not in names, calls
    assert "ClearChargingProfile" in names
    profile = str(next(params for name, params in calls if name == "SetChargingProfile"))
    assert "TxProfile" in profile
