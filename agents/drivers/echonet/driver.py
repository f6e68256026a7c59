"""All devices of a process that name the driver `echonet`."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from agents.drivers.contract import Abilities, DeviceReading, DeviceTrouble, Push
from agents.drivers.echonet.device import EchonetDevice
from agents.drivers.echonet.meter import EchonetMeter
from agents.drivers.echonet.options import EchonetOptions
from agents.drivers.echonet.post import EchonetPost, post_at
from agents.drivers.echonet.water_heater import EchonetWaterHeater
from agents.settings.checked import ConfigError

APART_S = 1.0
"""A device that announces much is read once for all of it."""
OPENS_WITHIN_S = 1.0
"""What is asked while the socket opens waits so long for it."""
MADE = {"water_heater": EchonetWaterHeater, "meter": EchonetMeter}
T = TypeVar("T")


class EchonetDriver:
    """Asks the nodes, and reads those that announce something."""

    Options = EchonetOptions

    def __init__(self, devices: Mapping[str, EchonetOptions], /) -> None:
        self._devices: dict[str, EchonetDevice] = {}
        self._posts: dict[str, EchonetPost] = {}
        self._open = asyncio.Event()
        objects: dict[tuple[str, int, int], str] = {}
        memories: dict[Path, str] = {}
        for name, options in devices.items():
            at = str(options.host), options.port, options.eoj
            if objects.setdefault(at, name) != name:
                raise ConfigError(
                    f"{name}: this object of {options.host} is {objects[at]} already: say which `instance`"
                )
            if options.memory is not None and memories.setdefault(options.memory, name) != name:
                other = memories[options.memory]
                raise ConfigError(f"{name}: memory {options.memory} is that of {other} already: each has its own")
            post = self._posts[name] = post_at(options.own_address())
            self._devices[name] = MADE.get(options.object, EchonetDevice)(
                options, post.node(str(options.host), options.port)
            )

    def abilities(self, device: str) -> Abilities:
        return self._devices[device].options.abilities()

    def is_held(self, device: str) -> bool:
        return self._devices[device].is_held

    async def run(self, push: Push) -> None:
        posts, joined = list(dict.fromkeys(self._posts.values())), []
        try:
            for post in posts:
                joined.append(post)
                await post.join()
            self._open.set()
            async with asyncio.TaskGroup() as tasks:
                for name in self._devices:
                    tasks.create_task(self._hear(name, push))
        finally:
            self._open.clear()
            for post in joined:
                await post.leave()

    async def _hear(self, name: str, push: Push) -> None:
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        device, post = self._devices[name], self._posts[name]

        def tell() -> None:
            loop.call_soon_threadsafe(news.set)

        post.listen(device.node, device.options.eoj, tell)
        if isinstance(device, EchonetMeter):
            device.missed = tell
        try:
            while True:
                await news.wait()
                news.clear()
                with suppress(DeviceTrouble):  # the next poll tells it
                    if isinstance(device, EchonetMeter):
                        await self._call(name, device.recall)
                    push(name, await self.read(name))
                await asyncio.sleep(APART_S)
        finally:
            post.listen_no_more(tell)

    async def read(self, device: str) -> DeviceReading:
        return await self._call(device, self._devices[device].read)

    async def set_power(self, device: str, power_w: int, until: datetime) -> None:
        made = self._devices[device]
        await self._call(device, lambda: made.set_power(power_w))

    async def release(self, device: str) -> None:
        await self._call(device, self._devices[device].release)

    async def _call(self, device: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENS_WITHIN_S):
                await self._open.wait()
        return await self._posts[device].call(make)
