"""A raw MQTT 3.1.1 client: frames written by hand, no queue, no object a message. It is the floor that a real client
is measured against, and the crowd of devices that must cost less than what is measured.
"""

import asyncio
import struct
from collections.abc import Callable, Sequence

WINDOW = 900
"""Posts that may be unacknowledged: below the broker's `max_inflight_messages`."""
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
QOS1, RETAIN = 0x02, 0x01

Heard = Callable[[bytes, bytes], None]


def _text(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


def packed(first: int, body: bytes) -> bytes:
    """A frame: type and flags, length, body."""
    length, encoded = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes((first,)) + bytes(encoded) + body


def publish_frame(topic: bytes, payload: bytes, number: int, flags: int = QOS1) -> bytes:
    """A PUBLISH of QoS 1; `number` is its packet id, 1 to 65535."""
    return packed(PUBLISH | flags, _text(topic) + struct.pack("!H", number) + payload)


def frames(posts: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """(topic, payload) as frames, the packet ids going round."""
    return [publish_frame(topic, payload, index % 65535 + 1) for index, (topic, payload) in enumerate(posts)]


class RawClient(asyncio.Protocol):
    """One connection. `heard(topic, payload)` gets each message, which is acknowledged with its whole packet."""

    def __init__(self, name: str, heard: Heard = lambda topic, payload: None, *, clean: bool = True) -> None:
        self.name, self.heard, self.clean = name, heard, clean
        self.acknowledged: Callable[[], None] = lambda: None
        """Called with each PUBACK."""
        self.on_lost: Callable[[], None] = lambda: None
        self._buffer = b""
        self._corked: list[bytes] | None = None
        self._acknowledged = self._published = self._number = 0
        self._moved = asyncio.Event()
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._transport: asyncio.Transport | None = None

    async def connect(self, host: str, port: int, filters: Sequence[str] = ()) -> "RawClient":
        """Connect and subscribe."""
        await asyncio.get_running_loop().create_connection(lambda: self, host, port)
        flags = 0x02 if self.clean else 0
        greeting = packed(
            CONNECT, _text(b"MQTT") + bytes((4, flags)) + struct.pack("!H", 0) + _text(self.name.encode())
        )
        await self._asked(CONNACK, greeting)
        if filters:
            body = struct.pack("!H", 1) + b"".join(_text(text.encode()) + b"\x01" for text in filters)
            await self._asked(SUBACK, packed(SUBSCRIBE, body))
        return self

    async def _asked(self, answer: int, frame: bytes) -> None:
        self._answers[answer] = asyncio.get_running_loop().create_future()
        self.send(frame)
        await self._answers[answer]

    def send(self, data: bytes) -> None:
        """Write frames that the caller has made; what answers one packet leaves as one packet."""
        if self._corked is not None:
            self._corked.append(data)
            return
        assert self._transport is not None
        self._transport.write(data)

    def publish(self, topic: bytes, payload: bytes, flags: int = QOS1) -> None:
        """One message, not waited for."""
        self._number = self._number % 65535 + 1
        self._published += 1
        self.send(publish_frame(topic, payload, self._number, flags))

    async def flushed(self) -> None:
        """Until what was published one by one is acknowledged."""
        while self._acknowledged < self._published:
            self._moved.clear()
            await self._moved.wait()

    async def publish_all(self, made: Sequence[bytes]) -> None:
        """All frames, as fast as the broker acknowledges them; returns when the last one is."""
        before, sent = self._acknowledged, 0
        while (done := self._acknowledged - before) < len(made):
            room = min(len(made), done + WINDOW)
            if room > sent:
                self.send(b"".join(made[sent:room]))
                sent = room
            self._moved.clear()
            await self._moved.wait()

    @property
    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for future in self._answers.values():
            if not future.done():
                future.set_exception(ConnectionError(f"{self.name}: the broker closed the connection"))
        self.on_lost()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        at, end = 0, len(data)
        self._corked = corked = list[bytes]()
        while end - at >= 2:
            kind, start = data[at], at + 1
            length = shift = 0
            while start < end:
                digit = data[start]
                start += 1
                length |= (digit & 127) << shift
                shift += 7
                if digit < 128:
                    break
            else:
                break
            if end - start < length:
                break
            at = start + length
            if kind >= 0x50 or kind < 0x30:
                self._answered(kind)
            elif kind >= 0x40:
                self._acknowledged += 1
                self.acknowledged()
            else:
                self._take(kind, data, start, at)
        self._buffer, self._corked = data[at:], None
        if corked and not self._closing:
            self.send(b"".join(corked))
        self._moved.set()

    def _take(self, kind: int, data: bytes, start: int, end: int) -> None:
        """Hand a message over and acknowledge it."""
        after = start + 2 + (data[start] << 8 | data[start + 1])
        topic = data[start + 2 : after]
        if kind & 0x06:
            self.send(b"\x40\x02" + data[after : after + 2])
            after += 2
        self.heard(topic, data[after:end])

    def _answered(self, kind: int) -> None:
        future = self._answers.pop(kind, None)
        if future is not None and not future.done():
            future.set_result(None)
