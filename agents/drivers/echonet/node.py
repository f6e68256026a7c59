"""One node: what is asked of it, one request after the other, and what it answers."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from agents.drivers.contract import DeviceTrouble
from agents.drivers.echonet import codes
from agents.drivers.echonet.frame import CONTROLLER, NODE_PROFILE, EchonetFrame, Service
from agents.drivers.echonet.options import PORT

TRIES = 2
ANSWERS = {
    Service.GET: (Service.GET_RES, Service.GET_SNA),
    Service.SETC: (Service.SET_RES, Service.SETC_SNA),
}


class NodeSilent(DeviceTrouble):
    """It has not answered."""


class NodePost(Protocol):
    """What carries the frames of all nodes."""

    def next_tid(self) -> int: ...

    def send(self, frame: EchonetFrame, host: str, port: int) -> None: ...

    def missed(self, node: "EchonetNode") -> None:
        """A node has not answered."""
        ...


class EchonetNode:
    """Where it is may change; whoever holds `serial` asks it, and nobody else."""

    def __init__(self, host: str, port: int, post: NodePost) -> None:
        self.host, self.port = host, port
        self.identity: bytes | None = None
        """Empty: it says none."""
        self.silent = False
        self.serial = asyncio.Lock()
        self._post = post
        self._waiting: dict[int, tuple[int, Service, asyncio.Future[EchonetFrame]]] = {}

    async def get(self, eoj: int, asked: Iterable[int], patience_s: float) -> dict[int, bytes]:
        """The values that it gives of those asked for. Raises DeviceTrouble."""
        frame = await self._ask(eoj, Service.GET, tuple((code, b"") for code in asked), patience_s)
        if values := frame.values():
            return values
        raise DeviceTrouble(f"node {self.host} has no object 0x{eoj:06X}, or nothing to say of it")

    async def set(self, eoj: int, writes: Iterable[tuple[int, bytes]], patience_s: float) -> tuple[int, ...]:
        """Write properties; those that it refuses. Raises NodeSilent."""
        frame = await self._ask(eoj, Service.SETC, tuple(writes), patience_s)
        return tuple(frame.values()) if frame.service is Service.SETC_SNA else ()

    async def recognise(self, patience_s: float) -> None:
        """Learn which node it is, once. Raises NodeSilent."""
        if self.identity is None:
            frame = await self._ask(NODE_PROFILE, Service.GET, ((codes.IDENTITY, b""),), patience_s)
            self.identity = frame.values().get(codes.IDENTITY, b"")

    async def _ask(
        self, eoj: int, service: Service, properties: tuple[tuple[int, bytes], ...], patience_s: float
    ) -> EchonetFrame:
        """The same request again where no answer comes: also a late one to the first is one to it."""
        tid = self._post.next_tid()
        answer: asyncio.Future[EchonetFrame] = asyncio.get_running_loop().create_future()
        self._waiting[tid] = eoj, service, answer
        try:
            for _ in range(TRIES):
                self._post.send(EchonetFrame(tid, CONTROLLER, eoj, service, properties), self.host, self.port)
                done, _rest = await asyncio.wait({answer}, timeout=patience_s)
                if done:
                    self.silent = False
                    return answer.result()
        finally:
            del self._waiting[tid]
        self.silent = True
        self._post.missed(self)
        where = self.host if self.port == PORT else f"{self.host}:{self.port}"
        raise NodeSilent(f"node {where} has not answered within {TRIES} times {patience_s:g} s")

    def hear(self, frame: EchonetFrame) -> None:
        """A frame from its address; an answer to nothing that is open is none."""
        eoj, service, answer = self._waiting.get(frame.tid, (0, Service.GET, None))
        if answer is not None and not answer.done() and frame.source == eoj and frame.service in ANSWERS[service]:
            answer.set_result(frame)
