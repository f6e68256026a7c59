"""A charger of our own making for tests: frames written by hand over a plain WebSocket, no library of OCPP."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

WITHIN_S = 5.0
Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class PlayedCharger:
    """Answers what it is called, and remembers it."""

    def __init__(self, connection: ClientConnection, answers: Mapping[str, Answer]) -> None:
        self._connection, self._numbers = connection, itertools.count(1)
        self.behind = timedelta()
        """Its clock, behind ours."""
        self.slow_s = 0.0
        """So long it takes to answer."""
        self._slowly: set[asyncio.Task[None]] = set()
        self.called: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: dict[str, Answer | None] = dict(answers)
        self._results: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._news = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, url: str, version: str = "ocpp1.6", **more: Any) -> Self:
        """Connect; everything is accepted."""
        return cls(await connect(url, subprotocols=[Subprotocol(version)], compression=None, **more), {})

    @classmethod
    async def open_once_heard(cls, url: str) -> Self:
        """Connect as soon as somebody listens there."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    return await cls.open(url)
                except ConnectionRefusedError:
                    await asyncio.sleep(0)

    async def close(self) -> None:
        """Go, as when the power fails."""
        self._listening.cancel()
        await self._connection.close()

    @property
    def is_gone(self) -> bool:
        """Whether the other side has hung up."""
        return self._listening.done()

    async def gone(self) -> None:
        """Wait until the other side has hung up."""
        await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        async for text in self._connection:
            frame = json.loads(text)
            if frame[0] == 2:
                _, number, action, body = frame
                self.called.append((action, body))
                answer = self.answers.get(action, lambda _: {"status": "Accepted"})
                if answer is not None and self.slow_s:
                    task = asyncio.create_task(self._answer_slowly(number, answer, body))
                    self._slowly.add(task)
                    task.add_done_callback(self._slowly.discard)
                elif answer is not None:  # None: it is silent
                    await self._connection.send(json.dumps(_frame(number, answer(body))))
            else:
                self._results[frame[1]].set_result(frame[2] if frame[0] == 3 else {"error": frame[2]})
            self._news.set()

    async def _answer_slowly(self, number: str, answer: Answer, body: Mapping[str, Any]) -> None:
        with suppress(ConnectionClosed):
            await asyncio.sleep(self.slow_s)
            await self._connection.send(json.dumps(_frame(number, answer(body))))

    async def call(self, action: str, **body: Any) -> Mapping[str, Any]:
        """Call, and hear what comes back."""
        number = str(next(self._numbers))
        self._results[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps([2, number, action, body]))
        async with asyncio.timeout(WITHIN_S):
            return await self._results[number]

    async def was_called(self, action: str, times: int = 1) -> Mapping[str, Any]:
        """Wait until it was called so for the n-th time."""
        async with asyncio.timeout(WITHIN_S):
            while len(found := [body for name, body in self.called if name == action]) < times:
                self._news.clear()
                await self._news.wait()
        return found[times - 1]

    def now(self) -> str:
        """By its clock."""
        return (datetime.now(UTC) - self.behind).isoformat()

    # -- 1.6

    async def boot(self) -> Mapping[str, Any]:
        """Start anew."""
        return await self.call("BootNotification", chargePointVendor="v", chargePointModel="m")

    async def be(self, status: str, error: str = "NoError", connector: int = 1) -> None:
        """Say how a connector is."""
        await self.call("StatusNotification", connectorId=connector, errorCode=error, status=status)

    async def begin(self, meter_wh: int = 1_000, connector: int = 1) -> int:
        """A vehicle is served from now on."""
        result = await self.call(
            "StartTransaction",
            connectorId=connector,
            idTag="tag",
            meterStart=meter_wh,
            timestamp=self.now(),
        )
        return int(result["transactionId"])

    async def end(self, transaction: int, meter_wh: int) -> None:
        """It is not any more."""
        await self.call("StopTransaction", transactionId=transaction, meterStop=meter_wh, timestamp=self.now())

    async def meter(self, transaction: int | None, *sampled: Mapping[str, str], connector: int = 1) -> None:
        """Meter values of one instant."""
        more = {} if transaction is None else {"transactionId": transaction}
        value = {"timestamp": self.now(), "sampledValue": list(sampled)}
        await self.call("MeterValues", connectorId=connector, meterValue=[value], **more)


def _frame(number: str, answer: Mapping[str, Any]) -> list[object]:
    """An answer; `error`: the code of one that is none."""
    return [4, number, answer["error"], "", {}] if "error" in answer else [3, number, answer]
