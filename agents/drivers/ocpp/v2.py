"""What OCPP 2.0.1 and 2.1 have in common: what a charger calls, and what it is told. Its EVSE is a connector of ours."""

from contextlib import suppress
from typing import Any

from ocpp.routing import after, on
from ocpp.v201.enums import Action

from agents.drivers.ocpp.connector import is_at_outlet, newest_last, sample
from agents.drivers.ocpp.limit import Limit
from agents.drivers.ocpp.session import RefusedCall
from agents.drivers.ocpp.telling import ACCEPTED, HEARTBEAT_S, TAKEN, Telling, now_text


class Session2(Telling):
    """One connection of a charger, before the library's class of its version."""

    _call_result: Any
    """The answers of the version; its wire takes texts where the library's annotations ask for enumerations."""
    _no_plan: str
    """What is said to a vehicle's needs while it does not follow us."""
    _heartbeat = "OCPPCommCtrlr", "HeartbeatInterval"
    _interval = "SampledDataCtrlr", "TxUpdatedInterval"
    _measurands = "SampledDataCtrlr", "TxUpdatedMeasurands"

    # -- what it calls

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]
    def on_boot(self, **_: Any) -> Any:
        return self._call_result.BootNotification(now_text(), HEARTBEAT_S, "Accepted")

    @after(Action.boot_notification)  # type: ignore[untyped-decorator]
    def after_boot(self, **_: Any) -> None:
        self._heard.booted()

    @on(Action.heartbeat)  # type: ignore[untyped-decorator]
    def on_heartbeat(self, **_: Any) -> Any:
        return self._call_result.Heartbeat(now_text())

    @on(Action.authorize)  # type: ignore[untyped-decorator]
    def on_authorize(self, **_: Any) -> Any:
        return self._call_result.Authorize(ACCEPTED)

    @on(Action.data_transfer)  # type: ignore[untyped-decorator]
    def on_data(self, **_: Any) -> Any:
        return self._call_result.DataTransfer("UnknownVendorId")

    @on(Action.status_notification)  # type: ignore[untyped-decorator]
    def on_status(self, evse_id: int, connector_status: str, **_: Any) -> Any:
        self._heard.status(evse_id, connector_status, "")
        return self._call_result.StatusNotification()

    @on(Action.transaction_event)  # type: ignore[untyped-decorator]
    def on_transaction(self, event_type: str, timestamp: str, transaction_info: dict[str, Any], **more: Any) -> Any:
        number = str(transaction_info["transaction_id"])
        evse = int(more["evse"]["id"]) if "evse" in more else self._heard.connector_of(number)
        if event_type == "Ended":
            self._meter(evse, more.get("meter_value", []))
            self._heard.ended(evse, number)
            return self._call_result.TransactionEvent()
        if (state := transaction_info.get("charging_state")) is not None:
            self._heard.status(evse, "Available" if state == "Idle" else state, "")
        if self._heard.transaction_of(evse) != number:
            self._heard.begun(evse, number, timestamp)
        self._meter(evse, more.get("meter_value", []))
        return self._call_result.TransactionEvent()

    @on(Action.notify_ev_charging_needs)  # type: ignore[untyped-decorator]
    def on_needs(self, evse_id: int, charging_needs: dict[str, Any], **_: Any) -> Any:
        plan = "Accepted" if self._heard.holds(evse_id) else self._no_plan
        return self._call_result.NotifyEVChargingNeeds(plan)

    @after(Action.notify_ev_charging_needs)  # type: ignore[untyped-decorator]
    def after_needs(self, evse_id: int, charging_needs: dict[str, Any], **_: Any) -> None:
        self._heard.needs(evse_id, charging_needs)

    @on(Action.notify_ev_charging_schedule)  # type: ignore[untyped-decorator]
    def on_schedule(self, **_: Any) -> Any:
        return self._call_result.NotifyEVChargingSchedule("Accepted")

    @on(Action.meter_values)  # type: ignore[untyped-decorator]
    def on_meter(self, evse_id: int, meter_value: list[dict[str, Any]], **_: Any) -> Any:
        self._meter(evse_id, meter_value)
        return self._call_result.MeterValues()

    @on(Action.notify_report)  # type: ignore[untyped-decorator]
    def on_report(self, **_: Any) -> Any:
        return self._call_result.NotifyReport()

    @on(Action.notify_event)  # type: ignore[untyped-decorator]
    def on_event(self, **_: Any) -> Any:
        return self._call_result.NotifyEvent()

    def _meter(self, evse: int, values: list[dict[str, Any]]) -> None:
        for at_once in values:
            found = []
            for one in newest_last(at_once.get("sampled_value", ())):
                if not is_at_outlet(one.get("measurand"), one.get("location")):
                    continue
                unit = one.get("unit_of_measure", {})
                power = int(unit.get("multiplier", 0))
                found.append(sample(one.get("value"), one.get("measurand"), one.get("phase"), unit.get("unit"), power))
            self._heard.metered(evse, [one for one in found if one is not None], at_once.get("timestamp"))

    # -- what it is told

    async def _set(self, setting: tuple[str, str], value: str) -> bool:
        component, variable = setting
        wanted = {"component": {"name": component}, "variable": {"name": variable}, "attribute_value": value}
        with suppress(RefusedCall):
            answer = await self._ask(self._call.SetVariables([wanted]))
            return all(one["attribute_status"] in TAKEN for one in answer.set_variable_result)
        return False

    def _profile(self, profile_id: int, schedule: dict[str, Any], limit: Limit) -> dict[str, Any]:
        return {"id": profile_id, "charging_schedule": [{"id": 1, **schedule}]}

    def _setting(self, connector: int, profile: dict[str, Any]) -> Any:
        return self._call.SetChargingProfile(evse_id=connector, charging_profile=profile)

    def _clearing(self, profile_id: int) -> Any:
        return self._call.ClearChargingProfile(charging_profile_id=profile_id)
