"""A charger of OCPP 2.0.1 or 2.1 of our own making for tests, its frames written by hand."""

from collections.abc import Mapping
from typing import Any, Self

from played_charger import PlayedCharger

EVSE = {"id": 1, "connectorId": 1}


class PlayedCharger2(PlayedCharger):
    """One EVSE; it takes every setting."""

    transaction = "t-7"
    _sent = 0

    @classmethod
    async def open(cls, url: str, version: str = "ocpp2.1", **more: Any) -> Self:
        made = await super().open(url, version, **more)
        made.answers["SetVariables"] = _all_taken
        return made

    async def boot(self) -> Mapping[str, Any]:
        return await self.call("BootNotification", reason="PowerUp", chargingStation={"model": "m", "vendorName": "v"})

    async def is_connected(self, status: str = "Occupied") -> None:
        """Say how its connector is."""
        await self.call("StatusNotification", timestamp=self.now(), connectorStatus=status, evseId=1, connectorId=1)

    async def tell(self, event: str, state: str = "Charging", **values: float) -> None:
        """An event of its transaction; `values`: by measurand in words, W and Wh."""
        more = {"meterValue": [self._metered(values)]} if values else {}
        await self.call(
            "TransactionEvent",
            eventType=event,
            timestamp=self.now(),
            triggerReason="MeterValuePeriodic",
            seqNo=self._sent,
            transactionInfo={"transactionId": self.transaction, "chargingState": state},
            evse=EVSE,
            **more,
        )
        self._sent += 1

    def _metered(self, values: Mapping[str, float]) -> Mapping[str, Any]:
        sampled = [{"value": value, "measurand": MEASURANDS[name]} for name, value in values.items()]
        return {"timestamp": self.now(), "sampledValue": sampled}

    async def need(self, transfer: str = "AC_BPT", **more: Any) -> Mapping[str, Any]:
        """Hand on what its vehicle needs."""
        needs = {"requestedEnergyTransfer": transfer} | more
        return await self.call("NotifyEVChargingNeeds", evseId=1, chargingNeeds=needs)

    async def period(self, times: int = 1) -> Mapping[str, Any]:
        """The one period of the n-th profile that it was told."""
        profile = (await self.was_called("SetChargingProfile", times))["chargingProfile"]
        (schedule,) = profile["chargingSchedule"]
        (period,) = schedule["chargingSchedulePeriod"]
        return dict(period)


MEASURANDS = {
    "power_w": "Power.Active.Import",
    "given_w": "Power.Active.Export",
    "imported_wh": "Energy.Active.Import.Register",
    "exported_wh": "Energy.Active.Export.Register",
}


def _all_taken(body: Mapping[str, Any]) -> Mapping[str, Any]:
    named = [(one["component"], one["variable"]) for one in body["setVariableData"]]
    taken = [{"attributeStatus": "Accepted", "component": part, "variable": variable} for part, variable in named]
    return {"setVariableResult": taken}
