"""The one socket of a host for all ECHONET Lite nodes, on a thread of its own: answers come to one port whoever asked, so
that the devices and the meters of a process, which are two objects of the driver, share it."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from agents.drivers.contract import DeviceTrouble
from agents.drivers.echonet import codes
from agents.drivers.echonet.frame import CONTROLLER, NODE_PROFILE, EchonetFrame, FrameError, Service, decoded
from agents.drivers.echonet.node import EchonetNode
from agents.drivers.echonet.options import OwnAddress
from agents.drivers.listening import cannot_listen

T = TypeVar("T")
CLOSED = "the socket at {}:{} is not open"
GROUP, EVERYWHERE = "224.0.23.0", "0.0.0.0"
STRANGER_PATIENCE_S, MOST_STRANGERS = 1.5, 16
TELLS = (Service.INF, Service.INFC, Service.GET_RES)

log = structlog.get_logger("gridpact.drivers")


class EchonetPost(asyncio.DatagramProtocol):
    """Begins with its first user and ends with the last one; everything of its nodes happens on its loop."""

    def __init__(self, own: OwnAddress) -> None:
        self._own = own
        self._closed = CLOSED.format(own.bind, own.port)
        """What is told while the socket is not open."""
        self._nodes: dict[tuple[str, int], EchonetNode] = {}
        self._strangers: list[EchonetNode] = []
        self._ears: list[tuple[EchonetNode, int, Callable[[], None]]] = []
        self._numbers = itertools.count(1)
        self._users = 0
        self._lock = threading.Lock()
        self._opening = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def node(self, host: str, port: int) -> EchonetNode:
        """The node that is, or was at first, at an address."""
        with self._lock:
            return self._nodes.setdefault((host, port), EchonetNode(host, port, self))

    def listen(self, node: EchonetNode, eoj: int, heard_of: Callable[[], None]) -> None:
        """`heard_of`, on this loop, whenever an object announces something."""
        self._ears.append((node, eoj, heard_of))

    def listen_no_more(self, heard_of: Callable[[], None]) -> None:
        """The end of it."""
        self._ears = [one for one in self._ears if one[2] is not heard_of]

    # -- its thread

    async def join(self) -> None:
        """One user more; the socket is open then. Raises OSError."""
        with self._lock:
            self._users += 1
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._opening = asyncio.Lock()
                for node in self._nodes.values():
                    node.serial = asyncio.Lock()  # the last one may be bound to a loop that is closed
                self._thread = threading.Thread(target=_work, args=(self._loop,), name="echonet post", daemon=True)
                self._thread.start()
        await self.call(self._open)

    async def leave(self) -> None:
        """One less."""
        with self._lock:
            self._users -= 1
            loop, thread = self._loop, self._thread
            if self._users or loop is None or thread is None:
                return
            self._loop = self._thread = None
        asyncio.run_coroutine_threadsafe(self._close(), loop)
        await asyncio.to_thread(thread.join)

    async def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something on its loop. Raises what that raises, and DeviceTrouble before it has begun."""
        loop = self._loop
        if loop is None:
            raise DeviceTrouble(self._closed)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(make(), loop))

    async def _open(self) -> None:
        async with self._opening:
            if self._transport is not None:
                return
            loop = asyncio.get_running_loop()
            try:
                self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self._own)
            except OSError as error:
                self._closed = cannot_listen(*self._own, error)
                raise
            self._closed = CLOSED.format(*self._own)
            if self._own.bind == EVERYWHERE:
                self._join_group(self._transport)

    def _join_group(self, transport: asyncio.DatagramTransport) -> None:
        member = socket.inet_aton(GROUP) + socket.inet_aton(EVERYWHERE)
        try:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError as error:
            log.warning("echonet_no_announcements", group=GROUP, error=str(error))

    async def _close(self) -> None:
        loop = asyncio.get_running_loop()
        others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        loop.call_soon(loop.stop)

    # -- frames

    def next_tid(self) -> int:
        """Of all nodes."""
        return next(self._numbers) % 0x10000

    def send(self, frame: EchonetFrame, host: str, port: int) -> None:
        """Raises DeviceTrouble when the socket is not open."""
        if self._transport is None:
            raise DeviceTrouble(self._closed)
        self._transport.sendto(frame.encoded(), (host, port))

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            frame = decoded(data)
        except FrameError:
            return  # whoever sends it, it is no answer
        host = addr[0]
        known = [node for node in (*self._nodes.values(), *self._strangers) if node.host == host]
        for node in known:
            node.hear(frame)
        if frame.service in (Service.INF, Service.INFC):
            self._announced(frame, known)
        room = len(self._tasks) < MOST_STRANGERS
        if not known and room and frame.service in TELLS and self._missing():
            task = asyncio.get_running_loop().create_task(self._recognise(host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _announced(self, frame: EchonetFrame, known: list[EchonetNode]) -> None:
        if frame.service is Service.INFC and known:
            heard = tuple((code, b"") for code, _ in frame.properties)
            answer = EchonetFrame(frame.tid, CONTROLLER, frame.source, Service.INFC_RES, heard)
            self.send(answer, known[0].host, known[0].port)
        for node, eoj, heard_of in self._ears:
            if node in known and eoj == frame.source:
                heard_of()

    # -- addresses

    def missed(self, node: EchonetNode) -> None:
        """Ask all nodes who they are, for one that is at its address no more."""
        if node.identity and self._own.bind == EVERYWHERE:
            asked = EchonetFrame(self.next_tid(), CONTROLLER, NODE_PROFILE, Service.GET, ((codes.IDENTITY, b""),))
            with suppress(OSError):
                self.send(asked, GROUP, node.port)

    def _missing(self) -> list[EchonetNode]:
        return [node for node in self._nodes.values() if node.silent and node.identity]

    async def _recognise(self, host: str) -> None:
        """Whether somebody at an unknown address is a node that is missed."""
        for port in {node.port for node in self._missing()}:
            stranger = EchonetNode(host, port, self)
            self._strangers.append(stranger)
            try:
                await stranger.recognise(STRANGER_PATIENCE_S)
            except DeviceTrouble:
                continue
            finally:
                self._strangers.remove(stranger)
            for node in self._missing():
                if node.identity == stranger.identity and node.port == port:
                    log.info("echonet_moved", before=node.host, now=host)
                    node.host, node.silent = host, False
                    for at, _, heard_of in self._ears:
                        if at is node:
                            heard_of()


def _work(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()  # here, as whoever waits for it may be cancelled meanwhile


_POSTS: dict[OwnAddress, EchonetPost] = {}
_LOCK = threading.Lock()


def post_at(own: OwnAddress) -> EchonetPost:
    """The socket of this process at an address of its own."""
    with _LOCK:
        return _POSTS.setdefault(own, EchonetPost(own))
