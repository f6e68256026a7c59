"""Chargers that live on while nobody listens: what they were told ends by their own clock, or some time after they have lost
the central system; the register counts on, the transaction stays."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from charging_physics import ChargingCharger
from charging_physics2 import BothWaysCharger
from played_charger import PlayedCharger

TICK_S = 0.02


class EnduringCharger(ChargingCharger):
    """By OCPP 1.6J."""

    _charger: PlayedCharger | None = None
    _lost_at: float | None = None

    def __init__(self, url: str, speed: float, *, most_w: int) -> None:
        super().__init__(url, speed, most_w=most_w)
        self.counted_wh: list[tuple[datetime, float]] = []
        """By its register: instants, and what had been taken by then less what was given."""
        self.powers_w: list[float] = []
        """What has flowed, each time that it changed."""
        self.ends: list[datetime] = []
        """Of what it was told."""

    @property
    def is_lost(self) -> bool:
        """Whether it has no connection."""
        return self._charger is None or self._charger.is_gone

    async def run(self) -> None:
        self._loop_s = asyncio.get_running_loop().time()
        ticking = asyncio.create_task(self._tick())
        try:
            await super().run()
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._lost_at = (self._lost_at or loop.time()) if self.is_lost else None
            power_w = self._power_w()
            if self.powers_w[-1:] != [power_w]:
                self.powers_w.append(power_w)
            self._flow()
            self.counted_wh.append((datetime.now(UTC), self._net_wh()))
            await asyncio.sleep(TICK_S)

    def _net_wh(self) -> float:
        return self._energy_wh

    async def _begin(self, charger: PlayedCharger) -> None:
        """Only the first time: later it has but lost its connection."""
        if self._charger is None:
            await super()._begin(charger)
        self._charger = charger

    def _set(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = super()._set(body)
        profile = body.get("csChargingProfiles", body.get("chargingProfile", {}))
        with suppress(KeyError):
            self.ends.append(datetime.fromisoformat(profile["validTo"]))
        return answer

    def flowed_wh(self, from_at: datetime, until: datetime) -> float:
        """Between two instants."""
        return self._wh_at(until) - self._wh_at(from_at)

    def _wh_at(self, at: datetime) -> float:
        return next(wh for instant, wh in self.counted_wh if instant >= at)


class EnduringBothWaysCharger(EnduringCharger, BothWaysCharger):
    """By OCPP 2.1: it feeds back, and not for long once it has lost the central system."""

    _offline_s: float | None = None

    def _net_wh(self) -> float:
        return self._energy_wh - self._given_wh

    def _set(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._offline_s = body["chargingProfile"].get("maxOfflineDuration")
        return super()._set(body)

    def _power_w(self) -> float:
        lost_at, offline_s = self._lost_at, self._offline_s
        if lost_at is not None and offline_s is not None and asyncio.get_running_loop().time() - lost_at >= offline_s:
            self._setpoint = None
        return super()._power_w()
