"""What a charger is told, in whichever version: which values we want, a limit, and that ours is over. A session says it in
the words of its version."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError, ValidationError
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp.limit import LASTING_ID, PROFILE_ID, Limit
from agents.drivers.ocpp.session import ANSWERS_WITHIN_S, QUIET, ChargerWords, RefusedCall
from agents.drivers.ocpp.upstream import SharedConnection

HEARTBEAT_S = 30
WANTED = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,SoC"
LESS_WANTED = "Energy.Active.Import.Register,Power.Active.Import"
"""For chargers that refuse a list with what they cannot measure."""
ACCEPTED = {"status": "Accepted"}
TAKEN = ("Accepted", "RebootRequired")
"""Answers to a setting."""


class Telling:
    """One connection of a charger, before the library's class of its version."""

    id: str
    _call: Any
    """The calls of the version."""
    _heartbeat: Any
    _interval: Any
    _measurands: Any
    """How the version names the settings that we make."""

    def __init__(
        self,
        name: str,
        connection: ServerConnection | SharedConnection,
        heard: ChargerWords,
        sample_s: int,
        stack_level: int,
    ) -> None:
        super().__init__(name, connection, response_timeout=ANSWERS_WITHIN_S, logger=QUIET)  # type: ignore[call-arg]
        self._heard, self._sample_s, self._stack_level = heard, sample_s, stack_level

    async def route_message(self, raw_msg: str) -> None:
        """Each word of the charger shows that it is there."""
        self._heard.alive()
        await super().route_message(raw_msg)  # type: ignore[misc]

    # -- in the words of the version

    async def _set(self, setting: Any, value: str) -> bool:
        """Whether it takes a setting. Raises DeviceTrouble when it does not answer."""
        raise NotImplementedError

    def _profile(self, profile_id: int, schedule: dict[str, Any], limit: Limit) -> dict[str, Any]:
        """What a profile says of its id, its schedule and, where the version can, what else the limit has."""
        raise NotImplementedError

    def _setting(self, connector: int, profile: dict[str, Any]) -> Any:
        """The call that sets a profile."""
        return self._call.SetChargingProfile(connector, profile)

    def _period(self, limit: Limit) -> Any:
        """The one period of its schedule."""
        return {"start_period": 0, "limit": limit.most}

    def _wanted(self) -> tuple[str, ...]:
        """Lists of measurands; the first that it takes counts."""
        return WANTED, LESS_WANTED

    def _clearing(self, profile_id: int) -> Any:
        raise NotImplementedError

    # -- what is said

    async def settle(self) -> None:
        """How often it is to show that it is there, which values we want, how often; then how its connectors are. What it
        refuses it does otherwise. Raises DeviceTrouble when it does not answer."""
        await self._set(self._heartbeat, str(HEARTBEAT_S))
        await self._set(self._interval, str(self._sample_s))
        for wanted in self._wanted():
            if await self._set(self._measurands, wanted):
                break
        for wanted in ("StatusNotification", "MeterValues"):
            with suppress(RefusedCall):
                await self._ask(self._call.TriggerMessage(wanted))

    async def limit(self, connector: int, limit: Limit) -> None:
        """Of the transaction that runs; where the charger knows none like it, of whichever does. Raises DeviceTrouble."""
        transaction = None if limit.lasting else self._heard.transaction_of(connector)
        status = await self._limit(connector, limit, transaction)
        if status != "Accepted" and transaction is not None:
            status = await self._limit(connector, limit, None)
        if status != "Accepted":
            raise DeviceTrouble(f"charger {self.id} does not take a limit: {status}")

    async def _limit(self, connector: int, limit: Limit, transaction: int | str | None) -> str:
        """What it answers. Raises DeviceTrouble."""
        schedule: dict[str, Any] = {
            "start_schedule": text_of(limit.begins),
            "charging_rate_unit": limit.unit,
            "charging_schedule_period": [self._period(limit)],
        }
        if not limit.lasting:
            schedule["duration"] = limit.lasts_s
        profile = {
            **self._profile((LASTING_ID if limit.lasting else PROFILE_ID) + connector, schedule, limit),
            "stack_level": self._stack_level - limit.lasting,
            "charging_profile_purpose": "TxDefaultProfile" if transaction is None else "TxProfile",
            "charging_profile_kind": "Absolute",
        }
        if not limit.lasting:
            profile["valid_to"] = text_of(limit.begins + timedelta(seconds=limit.lasts_s))
        if transaction is not None:
            profile["transaction_id"] = transaction
        answer = await self._ask(self._setting(connector, profile))
        return str(answer.status)

    async def clear(self, connector: int, *, lasting: bool = False) -> None:
        """Raises DeviceTrouble."""
        await self._ask(self._clearing((LASTING_ID if lasting else PROFILE_ID) + connector))

    async def _ask(self, asked: Any) -> Any:
        """Raises DeviceTrouble."""
        try:
            return await self.call(asked, suppress=False)  # type: ignore[attr-defined]
        except TimeoutError:
            raise DeviceTrouble(f"charger {self.id} does not answer {type(asked).__name__}") from None
        except (OCPPError, UnknownCallErrorCodeError, ValidationError) as error:
            raise RefusedCall(f"charger {self.id}: {type(asked).__name__}: {error}") from None
        except ConnectionClosed:
            raise DeviceTrouble(f"charger {self.id} has hung up before it answered {type(asked).__name__}") from None


def now_text() -> str:
    return text_of(datetime.now(UTC))


def text_of(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
