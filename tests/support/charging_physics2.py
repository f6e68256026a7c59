"""A charger of OCPP 2.1 with the physics of one, at which a vehicle charges and feeds back as it is told."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from charging_physics import LEAST_A, VOLTS, ChargingCharger
from played_charger2 import PlayedCharger2

from agents.drivers.ocpp.limit import PROFILE_ID

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

    both_ways, _served, _begun = True, True, False

    def __init__(self, url: str, speed: float, *, most_w: int, does_nothing: bool = False) -> None:
        """`does_nothing`: it takes what it is told, and goes on as before."""
        super().__init__(url, speed, most_w=most_w)
        self.setpoints_w: list[float] = []
        self.does_nothing = does_nothing
        self._setpoint: tuple[float, datetime] | None = None
        self._given_wh = 0.0

    async def _open(self) -> PlayedCharger2:
        return await PlayedCharger2.open(self._url)

    def _forget(self) -> None:
        super()._forget()
        self._setpoint, self._begun = None, False

    async def _serve(self, charger: Any) -> None:
        self._loop_s = asyncio.get_running_loop().time()
        if not self._begun:
            await charger.tell("Started", **self._values())
            if self.both_ways:
                await charger.need(**NEEDS)  # once in a transaction
            self._begun = True
        while not self._again:
            self._flow()
            if self._silent:
                charger.answers = dict.fromkeys(("SetChargingProfile", "ClearChargingProfile", "TriggerMessage"))
            elif self._plugged:
                await charger.tell("Updated", **self._values())
            elif self._served:
                self._served = False
                await charger.tell("Ended", "Idle")
                await charger.is_connected("Available")
            else:
                await charger.call("Heartbeat")
            await asyncio.sleep(self.sample_s)

    def _values(self) -> dict[str, float]:
        power_w = self._power_w()
        flows = {"power_w": max(power_w, 0.0), "given_w": max(-power_w, 0.0)}
        return flows | {"imported_wh": self._energy_wh, "exported_wh": self._given_wh}

    def _power_w(self) -> float:
        if not self._plugged:
            return 0.0
        if self._setpoint is None or self._setpoint[1] <= self._now() or self.does_nothing:
            return self._own_w()
        return self._setpoint[0]

    def reset_register(self) -> None:
        super().reset_register()
        self._given_wh = 0.0

    def _flow(self) -> None:
        before, self._loop_s = self._loop_s, asyncio.get_running_loop().time()
        power_w = self._power_w()
        moved_wh = power_w * (self._loop_s - before) * self._speed / 3_600
        self._energy_wh += max(moved_wh, 0.0)
        self._given_wh += max(-moved_wh, 0.0)
        self.most_flowed_w, self.least_flowed_w = max(self.most_flowed_w, power_w), min(self.least_flowed_w, power_w)

    def _set(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._flow()
        profile = body["chargingProfile"]
        setpoint_w = float(profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["setpoint"])
        self._setpoint = setpoint_w, datetime.fromisoformat(profile["validTo"])
        self.setpoints_w.append(setpoint_w)
        return {"status": "Accepted"}

    def _clear(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if body["chargingProfileId"] != PROFILE_ID + 1:
            return {"status": "Unknown"}
        self._flow()
        self._setpoint = None
        self.cleared += 1
        return {"status": "Accepted"}


class OneWayCharger(BothWaysCharger):
    """A charger of OCPP 2.0.1: its vehicle charges only, within limits in A."""

    both_ways = False

    async def _open(self) -> PlayedCharger2:
        return await PlayedCharger2.open(self._url, "ocpp2.0.1")

    def _set(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._flow()
        profile = body["chargingProfile"]
        amps = float(profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"])
        limit_w = min(self._most_w, amps * VOLTS) if amps >= LEAST_A else 0.0
        self._setpoint = limit_w, datetime.fromisoformat(profile["validTo"])
        self.limits_a.append(amps)
        return {"status": "Accepted"}
