"""A heater on a switched plug of Shelly's second generation (HTTP: Switch.GetStatus, Switch.Set): it is on or off.

The plug itself goes back after `toggle_after` seconds, so it is left as it was when gridpact falls silent.
"""

import asyncio
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from pydantic import BaseModel, Field

from agents.drivers.contract import Abilities, DeviceReading, DeviceTrouble, Push

ANSWER_WITHIN_S = 5


class ShellyOptions(BaseModel):
    """What stands in a device's `options`."""

    address: str
    """`192.0.2.7`, or with a port."""
    rated_w: int = Field(gt=0)
    """What it draws when it is on."""
    switch: int = 0


class ShellyPlugs:
    """All plugs of one process."""

    Options = ShellyOptions

    def __init__(self, devices: Mapping[str, ShellyOptions]) -> None:
        self.devices = devices
        self.found: dict[str, bool] = {}
        """Of those that follow us, whether they were on before."""

    def abilities(self, device: str) -> Abilities:
        rated_w = self.devices[device].rated_w
        # the plug itself goes back at `until`, whatever becomes of us
        return Abilities(least_w=rated_w, step_w=rated_w, poll_s=10, silent_after_s=60, gives_back=True)

    async def run(self, push: Push) -> None:
        """A plug says nothing by itself: it is asked."""

    async def read(self, device: str) -> DeviceReading:
        status = await self._call(device, "GetStatus")
        return DeviceReading(
            power_w=round(status["apower"]),
            register_wh=status["aenergy"]["total"],
            fault=", ".join(status.get("errors", [])),
        )

    async def set_power(self, device: str, power_w: int, until: datetime) -> None:
        if device not in self.found:
            self.found[device] = bool((await self._call(device, "GetStatus"))["output"])
        on, left_s = power_w > 0, max(1, math.ceil((until - datetime.now(UTC)).total_seconds()))
        if on == self.found[device]:  # nothing to go back to
            await self._call(device, "Set", on=on)
        else:
            await self._call(device, "Set", on=on, toggle_after=left_s)

    async def release(self, device: str) -> None:
        if device in self.found:
            await self._call(device, "Set", on=self.found[device])
            del self.found[device]

    async def _call(self, device: str, method: str, **given: object) -> dict[str, Any]:
        options = self.devices[device]
        words = {"id": options.switch, **{key: str(value).lower() for key, value in given.items()}}
        url = f"http://{options.address}/rpc/Switch.{method}?{urlencode(words)}"
        try:  # on another thread: the driver's own loop goes on for the other plugs
            body = await asyncio.to_thread(lambda: urlopen(url, timeout=ANSWER_WITHIN_S).read())
            return dict(json.loads(body))
        except (URLError, OSError, ValueError) as error:
            raise DeviceTrouble(f"the plug at {options.address} does not answer: {error}") from None
