"""A connection through aiomqtt: MQTT 5 or 3.1.1, for parties that hear little at a time.

What comes in is acknowledged by whoever takes it (paho's manual acknowledgement, which aiomqtt does not offer:
`_client` is the one private name of it that is used here).
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

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
    expiry_s,
    not_made,
)
from protocol.edges import QOS

logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # what it tells is told by us, as events with names

NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Without it a small message waits for the acknowledgement of the one before: 40 ms a hop, measured on loopback."""


class AiomqttLink:
    """One connection."""

    window = 64

    def __init__(self, door: Door, greeting: Greeting, *, with_properties: bool = False) -> None:
        """`with_properties`: for a tap, which wants MQTT 5's properties as they were."""
        self._v5, self._with_properties = door.protocol == "5", with_properties
        self._client = _client(door, greeting)
        self._client.pending_calls_threshold = self.window * 2
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard: list[Incoming] = []
        self._some = asyncio.Event()
        self._lost = asyncio.Event()
        self._failure: Exception | None = None
        self._open = self._given_up = False
        self._opening = threading.Lock()

    async def open(self) -> None:
        ended = asyncio.Event()
        self._watch(asyncio.get_running_loop(), ended)
        try:
            await answered(self._client.__aenter__(), ended)
            self._open = True
        except (aiomqtt.MqttError, OSError) as error:
            raise not_made(error, getattr(getattr(error, "rc", None), "value", None)) from None
        finally:
            if not self._open:
                self._give_up()
        self._do(self._listen())

    def _watch(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        """Hear of a connection that has ended, and keep one that comes too late out of the loop: the library connects
        in a thread, which nobody can stop."""
        paho = self._client._client
        told, taken = paho.on_disconnect, paho.on_socket_open
        assert told is not None
        assert taken is not None

        def disconnected(*given: Any) -> None:
            loop.call_soon_threadsafe(ended.set)
            told(*given)

        def opened(client: Any, userdata: Any, connected: Any) -> None:
            with self._opening:
                if self._given_up:
                    connected.close()
                    raise ConnectionAbortedError("nobody waits for it any more")
                taken(client, userdata, connected)

        paho.on_disconnect, paho.on_socket_open = disconnected, opened

    def _give_up(self) -> None:
        """Close what was opened: aiomqtt leaves a connection in the loop whose making was cancelled."""
        with self._opening:
            self._given_up = True
        asyncio.get_running_loop().call_soon(self._client._client._sock_close)

    async def subscribe(self, topic: str, qos: int, *, others_only: bool = False) -> None:
        answered, lost = (
            asyncio.create_task(self._subscribe(topic, qos, others_only)),
            asyncio.create_task(self._lost.wait()),
        )
        try:
            await asyncio.wait((answered, lost), return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():  # aiomqtt would wait for an answer that cannot come any more
                raise LinkLost("the broker closed the connection")
            answered.result()
        except aiomqtt.MqttError as error:
            raise LinkLost(str(error)) from None
        finally:
            answered.cancel()
            lost.cancel()

    async def _subscribe(self, topic: str, qos: int, others_only: bool) -> None:
        if self._v5:
            options = SubscribeOptions(qos=qos, noLocal=others_only, retainHandling=0)
            await self._client.subscribe(topic, options=options, timeout=ANSWER_WITHIN_S)
        else:
            await self._client.subscribe(topic, qos=qos, timeout=ANSWER_WITHIN_S)

    def publish(self, post: Post, number: str, acknowledged: Callable[[], None]) -> None:
        self._do(self._publish(post, number, acknowledged))

    async def _publish(self, post: Post, number: str, acknowledged: Callable[[], None]) -> None:
        properties = None
        if self._v5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            if post.expires_in_s is not None:
                properties.MessageExpiryInterval = expiry_s(post.expires_in_s)
            if number:
                properties.UserProperty = [(NUMBER, number)]
        await self._client.publish(post.topic, post.payload, QOS, post.retain, properties, timeout=ANSWER_WITHIN_S)
        acknowledged()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self._failure is None:
            assert isinstance(error, Exception)
            self._failure = LinkLost(str(error)) if isinstance(error, aiomqtt.MqttError) else error
            self._some.set()
            self._lost.set()

    async def _listen(self) -> None:
        async for message in self._client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            properties = _properties(message) if self._with_properties else {}
            topic, retained, number = str(message.topic), bool(message.retain), _number(message)
            self._heard.append(Incoming(topic, payload, retained, message.qos, message.mid, number, properties))
            self._some.set()

    async def received(self) -> list[Incoming]:
        await self._some.wait()
        if self._failure is not None:
            raise self._failure
        self._some.clear()
        received, self._heard = self._heard, []
        return received

    def acknowledge(self, packet_id: int) -> None:
        if self._open:
            self._client._client.ack(packet_id, QOS)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._open:
            self._open = False
            with suppress(aiomqtt.MqttError):
                await self._client.__aexit__(None, None, None)


def _client(door: Door, greeting: Greeting) -> aiomqtt.Client:
    v5, will = door.protocol == "5", greeting.will
    properties = None
    if v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = greeting.session_expiry_s
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
    client = aiomqtt.Client(
        door.host,
        door.port,
        identifier=greeting.name,
        username=door.credentials.username,
        password=door.credentials.password,
        tls_context=door.credentials.tls,
        protocol=aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
        clean_session=None if v5 else greeting.session_expiry_s == 0,
        clean_start=False if v5 else MQTT_CLEAN_START_FIRST_ONLY,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, QOS, will.retain),
        keepalive=door.keepalive_s,
        max_inflight_messages=AiomqttLink.window,
        properties=properties,
        socket_options=NO_DELAY,
        timeout=CONNECT_WITHIN_S,
    )
    client._client.manual_ack_set(True)
    return client


def _properties(message: aiomqtt.Message) -> Mapping[str, Any]:
    given = message.properties
    return {} if given is None else dict(given.json())  # type: ignore[no-untyped-call]


def _number(message: aiomqtt.Message) -> str:
    given = getattr(message.properties, "UserProperty", ()) if message.properties is not None else ()
    return next((value for name, value in given if name == NUMBER), "")
