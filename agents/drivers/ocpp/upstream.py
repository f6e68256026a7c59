"""A charger's connection that its vendor's backend shares: what the charger calls goes there as well and is answered from there,
what the backend calls goes to the charger. Where the backend is away, or slow, our answer counts."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from ocpp.messages import MessageType
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import WebSocketException

from agents.drivers.ocpp.session import QUIET

ANSWERS_WITHIN_S, PAUSE_S = 5.0, 5.0
"""For the backend: a charger waits longer."""
LIMITS = ("SetChargingProfile", "ClearChargingProfile")
"""Calls of the backend that may take limits of ours away, or put its own in their place."""
MOST_OPEN = 100
"""Calls that are open at a time; what is above is answered by us alone."""


class SharedConnection:
    """What a session takes for the charger's connection."""

    def __init__(self, connection: ServerConnection, url: str, changed: Callable[[], None]) -> None:
        """`changed`: called when the charger has answered a call of the backend that changes limits."""
        assert connection.request is not None
        self._connection, self._url, self._changed = connection, url, changed
        self._password = connection.request.headers.get("Authorization")
        self._backend: ClientConnection | None = None
        self._open: dict[str, str | None] = {}
        """Calls of the charger that the backend has to answer, by their ids, with our answer once it is there."""
        self._answered: set[str] = set()
        """Those that it has answered before we did."""
        self._theirs: set[str] = set()
        """Calls of the backend that the charger has to answer."""
        self._of_limits: set[str] = set()
        """Those of them that change limits."""
        self._late_ones: set[asyncio.Task[None]] = set()

    # -- for the session

    async def recv(self) -> str:
        """The next word of the charger that is for us. Raises ConnectionClosed."""
        while True:
            text = await self._connection.recv()
            kind, number = _head(text)
            said = text if isinstance(text, str) else text.decode(errors="replace")
            if kind is not None and kind != MessageType.Call and number in self._theirs:
                self._theirs.discard(number)
                await self._pass_on(said)
                if number in self._of_limits:
                    self._of_limits.discard(number)
                    self._changed()
                continue
            if kind == MessageType.Call and self._backend is not None and len(self._open) < MOST_OPEN:
                self._open[number] = None
                asyncio.get_running_loop().call_later(ANSWERS_WITHIN_S, self._give_up, number)
                await self._pass_on(said)
            return said

    async def send(self, text: str) -> None:
        """A word of ours. An answer waits for that of the backend."""
        kind, number = _head(text)
        if kind != MessageType.Call and number in self._answered:
            self._answered.discard(number)
        elif kind != MessageType.Call and number in self._open:
            self._open[number] = text
        else:
            await self._connection.send(text)

    # -- the backend

    async def run(self) -> None:
        """Stay connected there until cancelled."""
        version = self._connection.subprotocol
        headers = {} if self._password is None else {"Authorization": self._password}
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(
                    self._url,
                    subprotocols=None if version is None else [version],
                    additional_headers=headers,
                    compression=None,
                    logger=QUIET,
                ) as backend:
                    self._backend = backend
                    async for text in backend:
                        await self._heard(text if isinstance(text, str) else text.decode(errors="replace"))
            self._backend = None
            for number in list(self._open):
                self._give_up(number)
            await asyncio.sleep(PAUSE_S)

    async def _heard(self, text: str) -> None:
        kind, number = _head(text)
        if kind == MessageType.Call:
            self._theirs.add(number)
            if _action(text) in LIMITS:
                self._of_limits.add(number)
        elif kind is not None and number in self._open:
            if self._open.pop(number) is None:
                self._answered.add(number)
        else:
            return  # too late: the charger has our answer
        with suppress(WebSocketException):
            await self._connection.send(text)

    async def _pass_on(self, text: str) -> None:
        if self._backend is not None:
            with suppress(WebSocketException):  # it is gone: our answer counts
                await self._backend.send(text)

    def _give_up(self, number: str) -> None:
        """The backend has not answered: let our answer go, or the next one that comes."""
        ours = self._open.pop(number, None)
        if ours is not None:
            task = asyncio.get_running_loop().create_task(self._late(ours))
            self._late_ones.add(task)
            task.add_done_callback(self._late_ones.discard)

    async def _late(self, text: str) -> None:
        with suppress(WebSocketException):
            await self._connection.send(text)


def _head(text: str | bytes) -> tuple[int | None, str]:
    """Which kind of message, and its id; None where it is none."""
    try:
        kind, number, *_ = json.loads(text)
    except (ValueError, TypeError):
        return None, ""
    return (kind, str(number)) if isinstance(kind, int) else (None, "")


def _action(text: str) -> str:
    """What a call is called."""
    return str((*json.loads(text), "", "")[2])
