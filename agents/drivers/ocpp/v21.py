"""OCPP 2.1: as 2.0.1, and vehicles that feed back are told set-points."""

from typing import Any

from ocpp.routing import on
from ocpp.v21 import ChargePoint
from ocpp.v21.datatypes import ChargingSchedulePeriodType
from ocpp.v21.enums import Action, EnergyTransferModeEnumType, OperationModeEnumType

from agents.drivers.ocpp.limit import Limit
from agents.drivers.ocpp.telling import ACCEPTED
from agents.drivers.ocpp.v2 import Session2

WITH_EXPORT = (
    "Energy.Active.Import.Register,Energy.Active.Export.Register,Power.Active.Import,Power.Active.Export,"
    "Current.Import,SoC"
)
TRANSFERS = [mode for mode in EnergyTransferModeEnumType if not mode.endswith("DER")]
"""Those that a vehicle may choose from where it may feed back; else charging only, which is what no list means."""


class Session21(Session2, ChargePoint):  # type: ignore[misc]  # the library has no types
    """One connection of a charger."""

    _no_plan = "NoChargingProfile"

    @on(Action.authorize)  # type: ignore[untyped-decorator]
    def on_authorize(self, **_: Any) -> Any:
        if not self._heard.may_discharge():
            return self._call_result.Authorize(ACCEPTED)
        return self._call_result.Authorize(ACCEPTED, allowed_energy_transfer=TRANSFERS)

    def _wanted(self) -> tuple[str, ...]:
        wanted = super()._wanted()
        return (WITH_EXPORT, *wanted) if self._heard.may_discharge() else wanted

    def _period(self, limit: Limit) -> Any:
        if not limit.follows:
            return super()._period(limit)
        stays: dict[str, Any] = {"limit": 0.0, "discharge_limit": 0.0} if limit.most == 0 else {}
        mode = OperationModeEnumType.central_setpoint
        return ChargingSchedulePeriodType(start_period=0, operation_mode=mode, setpoint=limit.most, **stays)

    def _profile(self, profile_id: int, schedule: dict[str, Any], limit: Limit) -> dict[str, Any]:
        profile = super()._profile(profile_id, schedule, limit)
        return profile if limit.offline_s is None else profile | {"max_offline_duration": limit.offline_s}
