"""A charger of OCPP 2.1 with the physics of one, at which a vehicle charges and feeds back as it is told."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from charging_physics import SAMPLE_S, ChargingCharger
from played_charger2 import PlayedCharger2

NEEDS = {
    "v2xChargingParameters": {
        "minChargePower": 0,
        "maxChargePower": 3000,
        "minDischargePower": 0,
        "maxDischargePower": 3000,
        "evMinEnergyRequest": -20000,
    }
}


class BothWaysCharger(ChargingCharger):
    """Its vehicle asks for both ways."""

    def __init__(self, url: str, speed: float, *, most_w: int, does_nothing: bool = False) -> None:
        """`does_nothing`: it takes what it is told, and goes on as before."""
        super().__init__(url, speed, most_w=most_w)
        self.setpoints_w: list[float] = []
        self._does_nothing = does_nothing
        self._setpoint: tuple[float, datetime] | None = None
        self._given_wh = 0.0

    async def _open(self) -> PlayedCharger2:
        return await PlayedCharger2.open(self._url)

    async def _serve(self, charger: Any) -> None:
        self._loop_s = asyncio.get_running_loop().time()
        await charger.tell("Started", **self._values())
        await charger.need(**NEEDS)
        while not self._again:
            self._flow()
            await charger.tell("Updated", **self._values())
            await asyncio.sleep(SAMPLE_S)

    def _values(self) -> dict[str, float]:
        power_w = self._power_w()
        flows = {"power_w": max(power_w, 0.0), "given_w": max(-power_w, 0.0)}
        return flows | {"imported_wh": self._energy_wh, "exported_wh": self._given_wh}

    def _power_w(self) -> float:
        if self._setpoint is None or self._setpoint[1] <= datetime.now(UTC) or self._does_nothing:
            return self._own_w()
        return self._setpoint[0]

    def _flow(self) -> None:
        before, self._loop_s = self._loop_s, asyncio.get_running_loop().time()
        moved_wh = self._power_w() * (self._loop_s - before) * self._speed / 3_600
        self._energy_wh += max(moved_wh, 0.0)
        self._given_wh += max(-moved_wh, 0.0)

    def _set(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._flow()
        profile = body["chargingProfile"]
        setpoint_w = float(profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["setpoint"])
        self._setpoint = setpoint_w, datetime.fromisoformat(profile["validTo"])
        self.setpoints_w.append(setpoint_w)
        return {"status": "Accepted"}

    def _clear(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._flow()
        self._setpoint = None
        self.cleared += 1
        return {"status": "Accepted"}
