"""A watchdog gives devices back when their daemon is gone, again until they take it, and not while the daemon is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from played_driver import REFUSES, PlayedDriver

from agents.drivers import registry
from agents.drivers.contract import Abilities
from agents.runtime.daemon import watchdog
from agents.runtime.daemon.watchdog import Watchdog
from agents.runtime.files.config import build_config
from agents.settings.checked import ConfigError
from agents.settings.daemon import DaemonConfig

RELEASE = ("release", None)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[PlayedDriver]:
    """The drivers that were made; `played` is one that can be named."""
    made: list[PlayedDriver] = []

    class Driver(PlayedDriver):
        can_do = Abilities()

        def __init__(self, devices: object) -> None:
            super().__init__(can=self.can_do)
            made.append(self)

    monkeypatch.setattr(registry, "driver_class", lambda name, where: Driver)
    monkeypatch.setattr(watchdog, "AGAIN_S", 0.01)
    monkeypatch.setattr(watchdog, "LOOKS_S", 0.01)
    return made


def config(folder: Path, driver: str | None = "played") -> DaemonConfig:
    device = {
        "kind": "storage", "resource_id": "bat", "capacity_wh": 9_000, "soc_wh": 5_000, "max_charge_w": 3_000,
        "max_discharge_w": 3_000, "state_at": "2026-01-14T17:00:00Z", "driver": driver,
    }  # fmt: skip
    home = {"name": "h", "parent": "ra", "devices": [device if driver else {**device, "driver": "simulated"}]}
    return build_config({"control": {"dir": str(folder)}, "ders": [home]}, folder / "h.toml")


@asynccontextmanager
async def daemon(path: Path) -> AsyncIterator[asyncio.Event]:
    """Somebody who listens on its control socket, and dies at the end; the event: somebody has connected."""
    heard, talking = asyncio.Event(), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.append(writer)
        heard.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield heard
    finally:
        server.close()
        path.unlink(missing_ok=True)  # since 3.13 a closed server takes it away itself
        for writer in talking:
            writer.close()


@asynccontextmanager
async def watching(folder: Path, said: list[str]) -> AsyncIterator[Watchdog]:
    one = Watchdog(config(folder), "h.toml", said.append, 0.0)
    task = asyncio.create_task(one.run())
    try:
        async with asyncio.timeout(20):
            yield one
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_device_is_given_back_when_the_daemon_dies(tmp_path: Path, played: list[PlayedDriver]) -> None:
    said: list[str] = []
    async with daemon(tmp_path / "h.sock") as heard:
        async with asyncio.timeout(20):
            one = Watchdog(config(tmp_path), "h.toml", said.append, 0.0)
            running = asyncio.create_task(one.run())
            await heard.wait()
        assert said == []
    async with asyncio.timeout(20):
        assert await played[-1].command() == RELEASE
        while not said[-1].endswith("bat: given back"):
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait((running,))
    assert said == [f"{tmp_path}/h.sock: the daemon is gone: giving back bat", "bat: given back"]


async def test_device_that_refuses_is_tried_again(tmp_path: Path, played: list[PlayedDriver]) -> None:
    said: list[str] = []
    config(tmp_path)
    async with watching(tmp_path, said):
        driver = played[-1]
        driver.trouble = REFUSES
        assert await driver.command() == RELEASE
        assert await driver.command() == RELEASE
        driver.trouble = None
        while said[-1] != "bat: given back":
            await asyncio.sleep(0)
    assert "bat: was not given back: refuses" in said


async def test_daemon_that_is_back_is_left_to_release_its_devices(tmp_path: Path, played: list[PlayedDriver]) -> None:
    said: list[str] = []
    async with watching(tmp_path, said):
        played[-1].trouble = REFUSES
        await played[-1].command()
        async with daemon(tmp_path / "h.sock") as heard:
            await heard.wait()
            while said[-1] != f"{tmp_path}/h.sock: the daemon is back":
                await asyncio.sleep(0)


async def test_nothing_is_given_back_by_hand_while_the_daemon_runs(tmp_path: Path, played: list[PlayedDriver]) -> None:
    said: list[str] = []
    one = Watchdog(config(tmp_path), "h.toml", said.append, 0.0)
    async with daemon(tmp_path / "h.sock") as heard:
        assert not await one.once()
        await heard.wait()
    assert said == [f"{tmp_path}/h.sock: the daemon runs: nothing is given back"]
    assert await one.once()
    assert await played[-1].command() == RELEASE
    played[-1].trouble = REFUSES
    assert not await one.once()


@pytest.mark.parametrize("can", [Abilities(falls_back_s=30), Abilities(gives_back=True), None])
def test_device_that_somebody_else_gives_back_needs_none(
    tmp_path: Path, played: list[PlayedDriver], monkeypatch: pytest.MonkeyPatch, can: Abilities | None
) -> None:
    if can is not None:
        monkeypatch.setattr(registry.driver_class("", ""), "can_do", can)
    with pytest.raises(ConfigError, match=r"^h\.toml: no device needs a watchdog: each is simulated"):
        Watchdog(config(tmp_path, "played" if can else None), "h.toml", print, 0.0)
