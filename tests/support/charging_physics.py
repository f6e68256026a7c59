"""A charger of OCPP 1.6J with the physics of one: it follows its limits, pauses below 6 A, counts its register, and fails
on command. Its frames are those of played_charger; its hours pass faster by a factor."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from played_charger import PlayedCharger
from websockets.exceptions import WebSocketException

from agents.drivers.ocpp.limit import PROFILE_ID

VOLTS, LEAST_A = 230, 6.0
SAMPLE_S, AGAIN_S = 0.1, 0.1


class ChargingCharger:
    """One connector with a vehicle that takes what it gets."""

    def __init__(self, url: str, speed: float, *, most_w: int) -> None:
        self._url, self._speed, self._most_w = url, speed, most_w
        self._loop_s = 0.0
        self._energy_wh = 5_000.0
        self._limit: tuple[float, datetime] | None = None
        """A, and until when."""
        self._plugged, self._silent, self._again = True, False, False
        self.sample_s = SAMPLE_S
        self.behind = timedelta()
        """Its clock, behind ours."""
        self.refuses, self.answers_no_limit, self.does_nothing, self.slow_s = False, False, False, 0.0
        self.most_flowed_w = self.least_flowed_w = 0.0
        self._transaction: int | None = None
        self._boots = 0
        self.limits_a: list[float] = []
        self.limits_after_boot_a: list[float] = []
        """Of its later lives."""
        self.cleared = 0
        self.actions: list[str] = []

    # -- on command

    def unplug(self) -> None:
        self._plugged = False

    def fall_silent(self) -> None:
        """The connection stays; nothing comes."""
        self._silent = True

    def reboot(self) -> None:
        """All limits are forgotten, and the transaction is another one."""
        self._again = True

    def reset_register(self) -> None:
        """It counts anew."""
        self._flow()
        self._energy_wh = 0.0

    # -- its life

    async def run(self) -> None:
        """Until cancelled; calls in again whenever nobody listens."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._live()
            await asyncio.sleep(AGAIN_S)

    async def _live(self) -> None:
        charger = await self._open()
        try:
            charger.behind, charger.slow_s = self.behind, self.slow_s
            charger.answers |= {"SetChargingProfile": self._told, "ClearChargingProfile": self._clear}
            if self.answers_no_limit:
                charger.answers["SetChargingProfile"] = None
            await self._begin(charger)
            await self._serve(charger)
        finally:
            self.actions += [name for name, _ in charger.called]
            await charger.close()

    async def _begin(self, charger: PlayedCharger) -> None:
        """It starts anew: what it was told is forgotten."""
        self._forget()
        self._again = False
        self._boots += 1
        await charger.boot()

    def _forget(self) -> None:
        self._limit = self._transaction = None

    async def _open(self) -> PlayedCharger:
        return await PlayedCharger.open(self._url)

    async def _serve(self, charger: PlayedCharger) -> None:
        self._loop_s = asyncio.get_running_loop().time()
        if self._transaction is not None:
            await charger.be("Charging")
        while not self._again:
            self._flow()
            if self._silent:
                charger.answers = dict.fromkeys(("SetChargingProfile", "ClearChargingProfile", "TriggerMessage"))
            elif self._plugged and self._transaction is None:
                await charger.be("Charging")
                self._transaction = await charger.begin(round(self._energy_wh))
            elif self._plugged:
                await self._meter(charger, self._transaction)
            elif self._transaction is not None:
                await charger.end(self._transaction, round(self._energy_wh))
                await charger.be("Available")
                self._transaction = None
            else:
                await charger.call("Heartbeat")
            await asyncio.sleep(self.sample_s)

    async def _meter(self, charger: PlayedCharger, transaction: int | None) -> None:
        energy = {"value": f"{self._energy_wh:.1f}"}
        power = {"value": f"{self._power_w():.0f}", "measurand": "Power.Active.Import", "unit": "W"}
        await charger.meter(transaction, energy, power)

    # -- its physics

    def _power_w(self) -> float:
        if not self._plugged:
            return 0.0
        if self.does_nothing or self._limit is None or self._limit[1] <= self._now():
            return self._own_w()
        amps = self._limit[0]
        return min(self._most_w, amps * VOLTS) if amps >= LEAST_A else 0.0

    def _own_w(self) -> float:
        """What it does by itself."""
        return self._most_w

    def _now(self) -> datetime:
        return datetime.now(UTC) - self.behind

    def _flow(self) -> None:
        before, self._loop_s = self._loop_s, asyncio.get_running_loop().time()
        power_w = self._power_w()
        self._energy_wh += power_w * (self._loop_s - before) * self._speed / 3_600
        self.most_flowed_w, self.least_flowed_w = max(self.most_flowed_w, power_w), min(self.least_flowed_w, power_w)

    def _told(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"status": "Rejected"} if self.refuses else self._set(body)

    def _set(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._flow()
        profile = body["csChargingProfiles"]
        amps = float(profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])
        self._limit = amps, datetime.fromisoformat(profile["validTo"])
        self.limits_a.append(amps)
        if self._boots > 1:
            self.limits_after_boot_a.append(amps)
        return {"status": "Accepted"}

    def _clear(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if body["id"] != PROFILE_ID + 1:
            return {"status": "Unknown"}
        self._flow()
        self._limit = None
        self.cleared += 1
        return {"status": "Accepted"}
