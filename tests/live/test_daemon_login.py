"""A daemon as a process behind certificates: it is ready, or says why not and ends with the right code."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from hardened import Hardened, hardened_files, running

from agents.runtime.files.toml_out import to_toml
from agents.tools.access.certificates import utc_now

HOMES = """
[control]
dir = "{dir}/run"
name = "homes"
[journal]
path = "{dir}/homes.journal"
"""
HOME = """
[[ders]]
name = "hems-1-{number}"
parent = "ra-1"
[[ders.devices]]
kind = "load"
resource_id = "load-{number}"
rated_w = 900
schedule_w = 100
store_wh = 900
level_wh = 400
state_at = 2026-01-14T08:00:00Z
"""


def homes(hardened: Hardened) -> str:
    """A daemon's file for two homes with a certificate each; paths begin at the file."""
    table = {
        "host": "127.0.0.1", "port": hardened.files.plan.port, "ca": "bundles/{name}/ca.crt",
        "certificate": "bundles/{name}/party.crt", "key": "bundles/{name}/party.key",
    }  # fmt: skip
    text = to_toml({"broker": table}) + HOMES.format(dir=hardened.folder)
    return text + "".join(HOME.format(number=number) for number in (1, 2))


async def ended(hardened: Hardened, *, ready: bool = False) -> tuple[int | None, str]:
    """Exit code, and the last thing that it said; one that gets ready is ended by a signal."""
    path = hardened.folder / "homes.toml"
    path.write_text(homes(hardened))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents.cli", "run", "der", "--config", str(path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(40):
            if ready:
                while json.loads(await process.stdout.readline())["event"] != "ready":
                    pass
                process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    assert err == b""
    return process.returncode, json.loads(out.splitlines()[-1]).get("text", "")


async def test_homes_with_a_certificate_each_are_ready(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    for number in (1, 2):
        hardened.bundle(f"hems-1-{number}")
    async with running(hardened):
        assert await ended(hardened, ready=True) == (0, "")


async def test_revoked_home_ends_the_daemon_with_the_reason(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    for number in (1, 2):
        hardened.bundle(f"hems-1-{number}")
    hardened.authority.revoke("hems-1-2", utc_now())
    hardened.files.write(utc_now())
    async with running(hardened):
        code, text = await ended(hardened)
    assert code == 3
    assert text.endswith("our certificate is revoked: enrol anew")


@pytest.mark.parametrize("missing", ["party.key", "party.crt", "ca.crt"])
async def test_missing_file_ends_the_daemon_as_a_mistake_in_a_file(tmp_path: Path, missing: str) -> None:
    hardened = hardened_files(tmp_path)
    for number in (1, 2):
        hardened.bundle(f"hems-1-{number}")
    (tmp_path / "bundles" / "hems-1-2" / missing).unlink()
    assert await ended(hardened) == (
        2,
        f"{tmp_path}/bundles/hems-1-2/{missing}: cannot be read: No such file or directory",
    )
