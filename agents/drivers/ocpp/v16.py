"""OCPP 1.6J: what a charger calls, and what it is told."""

from contextlib import suppress
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint
from ocpp.v16 import call as calls
from ocpp.v16 import call_result as results
from ocpp.v16.enums import Action

from agents.drivers.ocpp.connector import Sample, is_at_outlet, newest_last, sample
from agents.drivers.ocpp.limit import Limit
from agents.drivers.ocpp.session import RefusedCall
from agents.drivers.ocpp.telling import ACCEPTED, HEARTBEAT_S, TAKEN, Telling, now_text

call: Any = calls
call_result: Any = results
"""Where the library's annotations ask for enumerations, its wire takes their texts."""


class Session16(Telling, ChargePoint):  # type: ignore[misc]  # the library has no types
    """One connection of a charger."""

    _call = call
    _heartbeat, _interval, _measurands = "HeartbeatInterval", "MeterValueSampleInterval", "MeterValuesSampledData"
    _begun = 0
    """The number of the transaction that has begun last."""

    # -- what it calls

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]
    def on_boot(self, **_: Any) -> Any:
        return call_result.BootNotification(now_text(), HEARTBEAT_S, "Accepted")

    @after(Action.boot_notification)  # type: ignore[untyped-decorator]
    def after_boot(self, **_: Any) -> None:
        self._heard.booted()

    @on(Action.heartbeat)  # type: ignore[untyped-decorator]
    def on_heartbeat(self) -> Any:
        return call_result.Heartbeat(now_text())

    @on(Action.authorize)  # type: ignore[untyped-decorator]
    def on_authorize(self, **_: Any) -> Any:
        return call_result.Authorize(ACCEPTED)  # whoever has the cable in at home may charge

    @on(Action.data_transfer)  # type: ignore[untyped-decorator]
    def on_data(self, **_: Any) -> Any:
        return call_result.DataTransfer("UnknownVendorId")

    @on(Action.status_notification)  # type: ignore[untyped-decorator]
    def on_status(self, connector_id: int, error_code: str, status: str, **_: Any) -> Any:
        self._heard.status(connector_id, status, error_code)
        return call_result.StatusNotification()

    @on(Action.start_transaction)  # type: ignore[untyped-decorator]
    def on_start(self, connector_id: int, meter_start: int, timestamp: str, **_: Any) -> Any:
        self._begun = self._heard.next_transaction()
        self._heard.metered(connector_id, _register(meter_start), timestamp)
        return call_result.StartTransaction(self._begun, ACCEPTED)

    @after(Action.start_transaction)  # type: ignore[untyped-decorator]
    def after_start(self, connector_id: int, timestamp: str, **_: Any) -> None:
        self._heard.begun(connector_id, self._begun, timestamp)  # only now the charger knows its number

    @on(Action.stop_transaction)  # type: ignore[untyped-decorator]
    def on_stop(self, transaction_id: int, meter_stop: int, timestamp: str, **_: Any) -> Any:
        connector = self._heard.connector_of(transaction_id)
        self._heard.metered(connector, _register(meter_stop), timestamp)
        self._heard.ended(connector, transaction_id)
        return call_result.StopTransaction(ACCEPTED)

    @on(Action.meter_values)  # type: ignore[untyped-decorator]
    def on_meter(self, connector_id: int, meter_value: list[dict[str, Any]], **more: Any) -> Any:
        number = more.get("transaction_id", 0)  # 0 or less: some say so when there is none
        if number > 0 and self._heard.transaction_of(connector_id) != number:
            self._heard.begun(connector_id, number, meter_value[0].get("timestamp"))  # while we were away
        for at_once in meter_value:
            found = [
                sample(one.get("value"), one.get("measurand"), one.get("phase"), one.get("unit"))
                for one in newest_last(at_once.get("sampled_value", ()))
                if is_at_outlet(one.get("measurand"), one.get("location"), one.get("format"))
            ]
            self._heard.metered(connector_id, [one for one in found if one is not None], at_once.get("timestamp"))
        return call_result.MeterValues()

    # -- what it is told

    async def _set(self, setting: str, value: str) -> bool:
        with suppress(RefusedCall):
            answer = await self._ask(call.ChangeConfiguration(setting, value))
            return answer.status in TAKEN
        return False

    def _profile(self, profile_id: int, schedule: dict[str, Any], limit: Limit) -> dict[str, Any]:
        return {"charging_profile_id": profile_id, "charging_schedule": schedule}

    def _clearing(self, profile_id: int) -> Any:
        return call.ClearChargingProfile(id=profile_id)


def _register(wh: int) -> list[Sample]:
    found = sample(wh, None, None, "Wh")
    return [] if found is None else [found]
