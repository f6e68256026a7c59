"""A connection through gmqtt, for parties that hear a crowd: a fifth of aiomqtt's processor time a message.

gmqtt connects, subscribes and keeps the connection alive. The packets of which there are many are read and written here
(broker/frames.py), in place of three of its functions: `_read_packet`, to which it gives what has come in; a handler
that would acknowledge a message before it is safe; `write_data`, by which it writes: all that is written in a turn of
the loop leaves as one (a write of its own for each took 10 us). The bound of its reader is ours, too, and so are the
instants from which it knows whether the connection lives. All its names that are not public stand in
broker/gmqtt_names.py. It connects once: broker/mqtt.py connects again.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.handler import MQTTConnectError
from gmqtt.mqtt.package import Package

from broker import frames
from broker.bus import Post
from broker.link import (
    ANSWER_WITHIN_S,
    CONNECT_WITHIN_S,
    NUMBER,
    RECEIVE_MAXIMUM,
    Door,
    Greeting,
    Incoming,
    LinkLost,
    answered,
    not_made,
)
from protocol.edges import QOS

MOST_WAITING = 2_000
"""Messages that may wait to be taken; beyond that nothing more is read. Mosquitto 2.0.11 sends all that it has, however
many may be unacknowledged, once the first of them is acknowledged."""

logging.getLogger("gmqtt").setLevel(logging.CRITICAL)  # what it tells is told by us, as events with names


class _Client(gmqtt.Client):  # type: ignore[misc]
    async def reconnect(self, delay: bool = False) -> None:
        """Never by itself."""


class GmqttLink:
    """One connection, MQTT 5 or 3.1.1."""

    def __init__(self, door: Door, greeting: Greeting) -> None:
        self.window = 1
        self._door, self._v5 = door, door.protocol == "5"
        will = greeting.will
        client = _Client(
            greeting.name,
            clean_session=False,
            will_message=None if will is None else gmqtt.Message(will.topic, will.payload, QOS, will.retain),
            session_expiry_interval=greeting.session_expiry_s,
            receive_maximum=RECEIVE_MAXIMUM,
        )
        if door.credentials.username is not None:
            client.set_auth_credentials(door.credentials.username, door.credentials.password)
        client.on_message = self._take_qos_0
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        self._client: Any = client
        self._client._package_handler._handle_qos_1_publish_packet = self._take
        self._numbers = client._package_handler.id_generator
        self._under_way: dict[int, Callable[[], None]] = {}
        """By packet id: who is told when the broker has it."""
        self._to_write: list[bytes] = []
        self._heard: list[Incoming] = []
        self._some, self._ended = asyncio.Event(), asyncio.Event()
        self._answers: asyncio.Queue[int] = asyncio.Queue()
        self._failure: Exception | None = None
        self._open = self._asking = self._paused = False

    async def open(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                door = self._door
                tls = door.credentials.tls or False
                connecting = self._client.connect(
                    door.host, door.port, ssl=tls, keepalive=door.keepalive_s, version=MQTTv50 if self._v5 else MQTTv311
                )
                await answered(connecting, self._ended)
        except TimeoutError:
            raise LinkLost("the broker does not answer") from None
        except (MQTTConnectError, OSError) as error:
            raise not_made(error, getattr(error, "_code", None)) from None
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._connection = self._client._connection
        self._transport: asyncio.Transport = self._connection._transport
        self._connection._protocol._read_packet = self._read
        self._connection._protocol.write_data = self._write
        self._connection._protocol._hard_reader._limit = math.inf  # beyond it, it pauses, and resumes what we paused
        self.window = min(500, self._numbers._max - 1)

    async def subscribe(self, topic: str, qos: int, *, others_only: bool = False) -> None:
        self._asking = True
        self._read_on()
        self._client.subscribe(topic, qos=qos, no_local=self._v5 and others_only)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._answers.get()
        except TimeoutError:
            raise LinkLost("the broker does not answer a subscription") from None
        self._asking = False
        if not self._open:
            raise LinkLost("the broker closed the connection")

    def publish(self, post: Post, number: str, acknowledged: Callable[[], None]) -> None:
        packet_id = self._numbers.next_id()
        self._under_way[packet_id] = acknowledged
        self._write(frames.publish(post, packet_id, number, self._v5))
        self._read_on()

    async def received(self) -> list[Incoming]:
        await self._some.wait()
        if self._failure is not None:
            raise self._failure
        if not self._open:
            raise LinkLost("the broker closed the connection")
        received, self._heard = self._heard[:MOST_WAITING], self._heard[MOST_WAITING:]
        if not self._heard:
            self._some.clear()
        if len(self._heard) <= MOST_WAITING:
            self._read_on()
        return received

    def acknowledge(self, packet_id: int) -> None:
        if self._open:
            self._write(frames.puback(packet_id))

    async def close(self) -> None:
        was_open, self._open = self._open, False
        if was_open:
            self._flush()
            del self._connection._protocol.write_data  # its goodbye is followed at once by the end of the connection
        if was_open or self._client._connection is not None:
            with suppress(Exception):  # it is gone, and we are done with it
                async with asyncio.timeout(1):
                    await self._client.disconnect()

    # -- what is written

    def _write(self, data: bytes) -> None:
        if not self._to_write:
            self._loop.call_soon(self._flush)
        self._to_write.append(data)

    def _flush(self) -> None:
        if self._to_write and not self._transport.is_closing():
            self._transport.write(b"".join(self._to_write))
            self._connection._last_data_out = time.monotonic()
        self._to_write = []

    # -- called by gmqtt

    def _read(self, data: bytes) -> int:
        """What has come in; how many bytes of it were whole packets. gmqtt would only log what is raised, so it is kept
        for whoever reads the link."""
        packets, size = frames.split(data)
        some: list[Incoming] = []
        self._connection._last_data_in = time.monotonic()
        try:
            for first, body in packets:
                if first & 0xF0 == frames.PUBACK:
                    self._acknowledged(frames.acknowledged(body))
                    continue
                of_qos_1 = first & frames.PUBLISH_QOS == frames.PUBLISH_QOS_1
                one = frames.received(first, body, self._v5) if of_qos_1 else None
                if one is not None:
                    some.append(one)
                    continue
                self._keep(some)
                some = []
                self._connection.put_package(Package(first, body))
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where the link is read
            self._fail(error)
        self._keep(some)
        return size

    def _acknowledged(self, packet_id: int) -> None:
        self._numbers.free_id(packet_id)
        if (acknowledged := self._under_way.pop(packet_id, None)) is not None:
            acknowledged()

    def _take(self, packet_id: int, payload: bytes, topic: str, properties: dict[str, Any]) -> None:
        """A message of QoS 1 that came with the connection, or with properties that are not ours."""
        self._keep([Incoming(topic, payload, bool(properties["retain"]), QOS, packet_id, _number(properties))])

    def _take_qos_0(self, _: Any, topic: str, payload: bytes, qos: int, properties: dict[str, Any]) -> None:
        self._keep([Incoming(topic, payload, bool(properties["retain"]), qos, 0, _number(properties))])

    def _keep(self, received: list[Incoming]) -> None:
        """Until they are taken. While we wait for an answer of the broker we read on, whatever waits: it comes the same
        way, and who would take what waits may be waiting for it."""
        if not received:
            return
        self._heard += received
        self._some.set()
        answers_come = self._under_way or self._asking or not self._open
        if len(self._heard) > MOST_WAITING and not answers_come and not self._paused:
            self._paused = True
            self._transport.pause_reading()
            self._connection._last_data_in = math.inf  # gmqtt would take the silence for a lost connection

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
            self._connection._last_data_in = time.monotonic()

    def _subscribed(self, _: Any, packet_id: int, *given: Any) -> None:
        self._answers.put_nowait(packet_id)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._some.set()

    def _disconnected(self, *_: Any) -> None:
        self._open = False
        self._ended.set()
        self._some.set()
        self._answers.put_nowait(0)


def _number(properties: dict[str, Any]) -> str:
    return next((value for name, value in properties.get("user_property", ()) if name == NUMBER), "")
