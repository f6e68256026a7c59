"""OCPP 1.6J: what a charger calls, and what it is told."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError, ValidationError
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint
from ocpp.v16 import call as calls
from ocpp.v16 import call_result as results
from ocpp.v16.enums import Action
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp.connector import Sample, is_at_outlet, sample
from agents.drivers.ocpp.limit import PROFILE_ID, Limit
from agents.drivers.ocpp.session import ANSWERS_WITHIN_S, QUIET, ChargerWords, RefusedCall

HEARTBEAT_S = 30
WANTED = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,SoC"
LESS_WANTED = "Energy.Active.Import.Register,Power.Active.Import"
"""For chargers that refuse a list with what they cannot measure."""
ACCEPTED = {"status": "Accepted"}

call: Any = calls
call_result: Any = results
"""Where the library's annotations ask for enumerations, its wire takes their texts."""


class Session16(ChargePoint):  # type: ignore[misc]  # the library has no types
    """One connection of a charger."""

    def __init__(
        self, name: str, connection: ServerConnection, heard: ChargerWords, sample_s: int, stack_level: int
    ) -> None:
        super().__init__(name, connection, response_timeout=ANSWERS_WITHIN_S, logger=QUIET)
        self._heard, self._sample_s, self._stack_level = heard, sample_s, stack_level
        self._begun = 0

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
                for one in at_once.get("sampled_value", ())
                if is_at_outlet(one.get("measurand"), one.get("location"), one.get("format"))
            ]
            self._heard.metered(connector_id, [one for one in found if one is not None], at_once.get("timestamp"))
        return call_result.MeterValues()

    # -- what it is told

    async def settle(self) -> None:
        """How often it is to show that it is there, which values we want, how often; then how its connectors are. What it
        refuses it does otherwise. Raises DeviceTrouble when it does not answer."""
        await self._configure("HeartbeatInterval", str(HEARTBEAT_S))
        await self._configure("MeterValueSampleInterval", str(self._sample_s))
        if not await self._configure("MeterValuesSampledData", WANTED):
            await self._configure("MeterValuesSampledData", LESS_WANTED)
        for wanted in ("StatusNotification", "MeterValues"):
            with suppress(RefusedCall):
                await self._ask(call.TriggerMessage(wanted))

    async def _configure(self, key: str, value: str) -> bool:
        with suppress(RefusedCall):
            answer = await self._ask(call.ChangeConfiguration(key, value))
            return answer.status in ("Accepted", "RebootRequired")
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
            "charging_profile_id": PROFILE_ID + connector,
            "stack_level": self._stack_level,
            "charging_profile_purpose": "TxDefaultProfile" if transaction is None else "TxProfile",
            "charging_profile_kind": "Absolute",
            "valid_to": text_of(limit.until),
            "charging_schedule": {
                "duration": limit.lasts_s,
                "start_schedule": text_of(limit.begins),
                "charging_rate_unit": limit.unit,
                "charging_schedule_period": [{"start_period": 0, "limit": limit.most}],
            },
        }
        if transaction is not None:
            profile["transaction_id"] = transaction
        answer = await self._ask(call.SetChargingProfile(connector, profile))
        return str(answer.status)

    async def clear(self, connector: int) -> None:
        """Raises DeviceTrouble."""
        await self._ask(call.ClearChargingProfile(id=PROFILE_ID + connector))

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


def _register(wh: int) -> list[Sample]:
    found = sample(wh, None, None, "Wh")
    return [] if found is None else [found]


def now_text() -> str:
    return text_of(datetime.now(UTC))


def text_of(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
