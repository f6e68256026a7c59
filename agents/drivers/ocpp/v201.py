"""OCPP 2.0.1: what a charger calls, and what it is told. Its EVSE is a connector of ours."""

from contextlib import suppress
from typing import Any

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError, ValidationError
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint
from ocpp.v201 import call as calls
from ocpp.v201 import call_result as results
from ocpp.v201.enums import Action
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp.connector import is_at_outlet, sample
from agents.drivers.ocpp.limit import PROFILE_ID, Limit
from agents.drivers.ocpp.session import ANSWERS_WITHIN_S, QUIET, ChargerWords, RefusedCall
from agents.drivers.ocpp.v16 import HEARTBEAT_S, LESS_WANTED, WANTED, now_text, text_of

ACCEPTED = {"status": "Accepted"}

call: Any = calls
call_result: Any = results
"""Where the library's annotations ask for enumerations, its wire takes their texts."""


class Session201(ChargePoint):  # type: ignore[misc]  # the library has no types
    """One connection of a charger."""

    def __init__(
        self, name: str, connection: ServerConnection, heard: ChargerWords, sample_s: int, stack_level: int
    ) -> None:
        super().__init__(name, connection, response_timeout=ANSWERS_WITHIN_S, logger=QUIET)
        self._heard, self._sample_s, self._stack_level = heard, sample_s, stack_level

    async def route_message(self, raw_msg: str) -> None:
        """Each word of the charger shows that it is there."""
        self._heard.alive()
        await super().route_message(raw_msg)

    # -- what it calls

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]
    def on_boot(self, **_: Any) -> Any:
        return call_result.BootNotification(now_text(), HEARTBEAT_S, "Accepted")

    @after(Action.boot_notification)  # type: ignore[untyped-decorator]
    def after_boot(self, **_: Any) -> None:
        self._heard.booted()

    @on(Action.heartbeat)  # type: ignore[untyped-decorator]
    def on_heartbeat(self, **_: Any) -> Any:
        return call_result.Heartbeat(now_text())

    @on(Action.authorize)  # type: ignore[untyped-decorator]
    def on_authorize(self, **_: Any) -> Any:
        return call_result.Authorize(ACCEPTED)

    @on(Action.data_transfer)  # type: ignore[untyped-decorator]
    def on_data(self, **_: Any) -> Any:
        return call_result.DataTransfer("UnknownVendorId")

    @on(Action.status_notification)  # type: ignore[untyped-decorator]
    def on_status(self, evse_id: int, connector_status: str, **_: Any) -> Any:
        self._heard.status(evse_id, connector_status, "")
        return call_result.StatusNotification()

    @on(Action.transaction_event)  # type: ignore[untyped-decorator]
    def on_transaction(self, event_type: str, timestamp: str, transaction_info: dict[str, Any], **more: Any) -> Any:
        number = str(transaction_info["transaction_id"])
        evse = int(more["evse"]["id"]) if "evse" in more else self._heard.connector_of(number)
        if event_type == "Ended":
            self._meter(evse, more.get("meter_value", []))
            self._heard.ended(evse, number)
            return call_result.TransactionEvent()
        if (state := transaction_info.get("charging_state")) is not None:
            self._heard.status(evse, "Available" if state == "Idle" else state, "")
        if self._heard.transaction_of(evse) != number:
            self._heard.begun(evse, number, timestamp)
        self._meter(evse, more.get("meter_value", []))
        return call_result.TransactionEvent()

    @on(Action.meter_values)  # type: ignore[untyped-decorator]
    def on_meter(self, evse_id: int, meter_value: list[dict[str, Any]], **_: Any) -> Any:
        self._meter(evse_id, meter_value)
        return call_result.MeterValues()

    @on(Action.notify_report)  # type: ignore[untyped-decorator]
    def on_report(self, **_: Any) -> Any:
        return call_result.NotifyReport()

    @on(Action.notify_event)  # type: ignore[untyped-decorator]
    def on_event(self, **_: Any) -> Any:
        return call_result.NotifyEvent()

    def _meter(self, evse: int, values: list[dict[str, Any]]) -> None:
        for at_once in values:
            found = []
            for one in at_once.get("sampled_value", ()):
                if not is_at_outlet(one.get("measurand"), one.get("location")):
                    continue
                unit = one.get("unit_of_measure", {})
                power = int(unit.get("multiplier", 0))
                found.append(sample(one.get("value"), one.get("measurand"), one.get("phase"), unit.get("unit"), power))
            self._heard.metered(evse, [one for one in found if one is not None], at_once.get("timestamp"))

    # -- what it is told

    async def settle(self) -> None:
        """How often it is to show that it is there, which values we want, how often; then how its connectors are. What it
        refuses it does otherwise. Raises DeviceTrouble when it does not answer."""
        await self._set("OCPPCommCtrlr", "HeartbeatInterval", str(HEARTBEAT_S))
        await self._set("SampledDataCtrlr", "TxUpdatedInterval", str(self._sample_s))
        if not await self._set("SampledDataCtrlr", "TxUpdatedMeasurands", WANTED):
            await self._set("SampledDataCtrlr", "TxUpdatedMeasurands", LESS_WANTED)
        for wanted in ("StatusNotification", "MeterValues"):
            with suppress(RefusedCall):
                await self._ask(call.TriggerMessage(wanted))

    async def _set(self, component: str, variable: str, value: str) -> bool:
        wanted = {"component": {"name": component}, "variable": {"name": variable}, "attribute_value": value}
        with suppress(RefusedCall):
            answer = await self._ask(call.SetVariables([wanted]))
            return all(one["attribute_status"] in ("Accepted", "RebootRequired") for one in answer.set_variable_result)
        return False

    async def limit(self, connector: int, limit: Limit) -> None:
        """Of the transaction that runs; where the charger knows none like it, of whichever does. Raises DeviceTrouble."""
        transaction = self._heard.transaction_of(connector)
        status = await self._limit(connector, limit, transaction)
        if status != "Accepted" and transaction is not None:
            status = await self._limit(connector, limit, None)
        if status != "Accepted":
            raise DeviceTrouble(f"charger {self.id} does not take a limit: {status}")

    async def _limit(self, connector: int, limit: Limit, transaction: int | str | None) -> str:
        """What it answers. Raises DeviceTrouble."""
        profile: dict[str, Any] = {
            "id": PROFILE_ID + connector,
            "stack_level": self._stack_level,
            "charging_profile_purpose": "TxDefaultProfile" if transaction is None else "TxProfile",
            "charging_profile_kind": "Absolute",
            "valid_to": text_of(limit.until),
            "charging_schedule": [
                {
                    "id": 1,
                    "duration": limit.lasts_s,
                    "start_schedule": text_of(limit.begins),
                    "charging_rate_unit": limit.unit,
                    "charging_schedule_period": [{"start_period": 0, "limit": limit.most}],
                }
            ],
        }
        if transaction is not None:
            profile["transaction_id"] = transaction
        answer = await self._ask(call.SetChargingProfile(connector, profile))
        return str(answer.status)

    async def clear(self, connector: int) -> None:
        """Raises DeviceTrouble."""
        await self._ask(call.ClearChargingProfile(charging_profile_id=PROFILE_ID + connector))

    async def _ask(self, asked: Any) -> Any:
        """Raises DeviceTrouble."""
        try:
            return await self.call(asked, suppress=False)
        except TimeoutError:
            raise DeviceTrouble(f"charger {self.id} does not answer {type(asked).__name__}") from None
        except (OCPPError, UnknownCallErrorCodeError, ValidationError) as error:
            raise RefusedCall(f"charger {self.id}: {type(asked).__name__}: {error}") from None
        except ConnectionClosed as error:
            raise DeviceTrouble(f"charger {self.id}: {type(asked).__name__}: {error}") from None
