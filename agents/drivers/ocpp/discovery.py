"""Which chargers call in at a port: who they are, which versions they offer, and what they say of themselves."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ocpp.messages import MessageType
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from agents.drivers.ocpp.central import MOST_BYTES, VERSIONS, identity_of
from agents.drivers.ocpp.session import QUIET
from agents.drivers.ocpp.telling import HEARTBEAT_S, now_text


@dataclass(slots=True)
class FoundCharger:
    """As it calls in."""

    identity: str
    version: str
    """That it speaks with us."""
    offers: str
    """All that it could speak."""
    has_password: bool
    model: str = ""
    connectors: dict[int, str] = field(default_factory=dict)
    """Connector (1.6) or EVSE: its status."""


async def found_chargers(host: str, port: int, seconds: float) -> list[FoundCharger]:
    """Those that call in within so many seconds. Raises OSError."""
    found: dict[str, FoundCharger] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hear_chargers(host, port, found)
    return sorted(found.values(), key=lambda one: one.identity)


async def hear_chargers(host: str, port: int, found: dict[str, FoundCharger]) -> None:
    """Until cancelled: whoever calls in is let in, and told nothing. Raises OSError."""

    async def served(connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        one = FoundCharger(
            identity_of(connection.request),
            connection.subprotocol or "none of ours",
            ", ".join(headers.get_all("Sec-WebSocket-Protocol")),
            "Authorization" in headers,
        )
        found[one.identity] = one
        with suppress(ConnectionClosed):
            async for text in connection:
                if (answer := _answer(one, text)) is not None:
                    await connection.send(json.dumps(answer))

    offered = [Subprotocol(version) for version in VERSIONS]
    async with serve(served, host, port, subprotocols=offered, max_size=MOST_BYTES, compression=None, logger=QUIET):
        await asyncio.Event().wait()  # as in central.py


def _answer(one: FoundCharger, text: str | bytes) -> list[Any] | None:
    """To a call of it; None to anything else."""
    try:
        kind, number, action, said = json.loads(text)
    except (ValueError, TypeError):
        return None
    if kind != MessageType.Call or not isinstance(said, dict):
        return None
    match action:
        case "BootNotification":
            of = said.get("chargingStation", said)
            names = (of.get(key) for key in ("vendorName", "chargePointVendor", "model", "chargePointModel"))
            one.model = " ".join(str(name) for name in names if name)
            return [
                MessageType.CallResult,
                number,
                {"currentTime": now_text(), "interval": HEARTBEAT_S, "status": "Accepted"},
            ]
        case "Heartbeat":
            return [MessageType.CallResult, number, {"currentTime": now_text()}]
        case "StatusNotification":
            connector = said.get("evseId", said.get("connectorId", 0))
            if isinstance(connector, int):
                one.connectors[connector] = str(said.get("connectorStatus", said.get("status")))
            return [MessageType.CallResult, number, {}]
    return [MessageType.CallError, number, "NotSupported", "only who it is is asked here", {}]
