"""All devices of a process that name the driver `mqtt`."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from agents.drivers.contract import Abilities, DeviceReading, Push
from agents.drivers.mqtt.device import MqttDevice
from agents.drivers.mqtt.options import MqttOptions


class MqttDriver:
    """A connection for each device: each has a last will, which gives it back to itself when we are gone."""

    Options = MqttOptions

    def __init__(self, devices: Mapping[str, MqttOptions], /) -> None:
        self._devices = {name: MqttDevice(name, options) for name, options in devices.items()}

    def abilities(self, device: str) -> Abilities:
        return self._devices[device].options.abilities()

    def is_held(self, device: str) -> bool:
        return self._devices[device].is_held

    async def run(self, push: Push) -> None:
        async with asyncio.TaskGroup() as tasks:
            for name, device in self._devices.items():
                tasks.create_task(device.run(partial(push, name)))

    async def read(self, device: str) -> DeviceReading:
        return await self._devices[device].read()

    async def set_power(self, device: str, power_w: int, until: datetime) -> None:
        await self._devices[device].set_power(power_w, until)

    async def release(self, device: str) -> None:
        await self._devices[device].release()
