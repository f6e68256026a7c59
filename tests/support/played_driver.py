"""A driver whose device is played by a test: it can hang, block its thread, throw, and come late."""

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from agents.drivers.contract import Abilities, DeviceReading, DeviceTrouble, Push


class PlayedOptions(BaseModel):
    """It has none."""


class PlayedDriver:
    """Takes what it is told and remembers it; `commands` can be waited for from the test's loop."""

    Options = PlayedOptions

    def __init__(self, devices: Mapping[str, Any] = {"ev": None}, can: Abilities = Abilities()) -> None:  # noqa: B008
        self.can = can
        self.state = DeviceReading(plugged=True, soc_wh=20_000, power_w=0, register_wh=1_000.0)
        self.trouble: Exception | None = None
        self.hangs = False
        self.blocks = threading.Event()
        self.blocks.set()
        self.read_times = 0
        self.ran = threading.Event()
        self.push: Push | None = None
        self._commands: asyncio.Queue[tuple[str, int | None]] = asyncio.Queue()
        self._test: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._test = asyncio.get_running_loop()

    def abilities(self, device: str) -> Abilities:
        return self.can

    async def run(self, push: Push) -> None:
        self.push = push
        self.ran.set()

    async def read(self, device: str) -> DeviceReading:
        self.read_times += 1
        await self._fail()
        return self.state

    async def set_power(self, device: str, power_w: int, until: datetime) -> None:
        self._told("set", power_w)
        await self._fail()

    async def release(self, device: str) -> None:
        self._told("release", None)
        await self._fail()

    async def command(self) -> tuple[str, int | None]:
        """The next that it is told."""
        return await self._commands.get()

    async def _fail(self) -> None:
        self.blocks.wait()
        if self.trouble is not None:
            raise self.trouble
        if self.hangs:
            await asyncio.Event().wait()

    def _told(self, what: str, power_w: int | None) -> None:
        if self._test is not None and not self._test.is_closed():
            self._test.call_soon_threadsafe(self._commands.put_nowait, (what, power_w))


REFUSES = DeviceTrouble("refuses")
