"""A connection through gmqtt, for parties that hear a crowd: a fifth of aiomqtt's processor time a message.

Three of its names are not public. A message of QoS 1 is taken where gmqtt would make a task for it and acknowledge when
that ends; its acknowledgement is sent when it is safe; and the broker's limit of what may be under way is read. It
connects once: broker/mqtt.py connects again.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gmqtt
from gmqtt.mqtt.constants import MQTTCommands, MQTTv50
from gmqtt.mqtt.handler import MQTTConnectError
from gmqtt.storage import PersistentStorage

from broker.bus import Post
from broker.link import (
    ANSWER_WITHIN_S,
    CONNECT_WITHIN_S,
    KEEPALIVE_S,
    NUMBER,
    RECEIVE_MAXIMUM,
    Address,
    Greeting,
    Heard,
    LinkLost,
)
from protocol.edges import QOS

MOST_WAITING = 10_000
"""Messages of QoS 0 that may wait to be taken; beyond that nothing more is read."""

logging.getLogger("gmqtt").setLevel(logging.CRITICAL)  # what it tells is told by us, as events with names


class _Client(gmqtt.Client):  # type: ignore[misc]
    async def reconnect(self, delay: bool = False) -> None:
        """Never by itself."""


class _UnderWay(PersistentStorage):  # type: ignore[misc]
    """Where gmqtt keeps what is not acknowledged: it tells us the number of a post, and when it is."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """`failed` hears of our own faults, which gmqtt would only log."""
        super().__init__()
        self.published: Callable[[], None] = lambda: None
        """For the post that is being handed over."""
        self._failed = failed
        self._acknowledged: dict[int, Callable[[], None]] = {}

    def push_message(self, mid: int, raw_package: bytes) -> None:
        self._acknowledged[mid] = self.published

    def remove_message_by_mid(self, mid: int) -> None:
        if (acknowledged := self._acknowledged.pop(mid, None)) is not None:
            try:
                acknowledged()
            except Exception as error:  # noqa: BLE001  whatever it is, it is raised where the link is read
                self._failed(error)


class GmqttLink:
    """One connection, MQTT 5."""

    def __init__(self, address: Address, greeting: Greeting) -> None:
        self.window = 1
        self._address = address
        self._under_way = _UnderWay(self._fail)
        will = greeting.will
        client = _Client(
            greeting.name,
            clean_session=False,
            will_message=None if will is None else gmqtt.Message(will.topic, will.payload, QOS, will.retain),
            persistent_storage=self._under_way,
            session_expiry_interval=greeting.session_expiry_s,
            receive_maximum=RECEIVE_MAXIMUM,
        )
        if address.username is not None:
            client.set_auth_credentials(address.username, address.password)
        client.on_message = self._take_qos_0
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        self._client: Any = client
        self._client._package_handler._handle_qos_1_publish_packet = self._take
        self._heard: list[Heard] = []
        self._some = asyncio.Event()
        self._answers: asyncio.Queue[int] = asyncio.Queue()
        self._failure: Exception | None = None
        self._open = self._paused = False

    async def open(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                where = self._address
                await self._client.connect(where.host, where.port, keepalive=KEEPALIVE_S, version=MQTTv50)
        except TimeoutError:
            raise LinkLost("the broker does not answer") from None
        except (MQTTConnectError, OSError) as error:
            raise LinkLost(str(error)) from None
        self._open = True
        self.window = min(500, self._client._package_handler.id_generator._max - 1)

    async def subscribe(self, topic: str, qos: int) -> None:
        self._client.subscribe(topic, qos=qos)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._answers.get()
        except TimeoutError:
            raise LinkLost("the broker does not answer a subscription") from None
        if not self._open:
            raise LinkLost("the broker closed the connection")

    def publish(self, post: Post, number: str, acknowledged: Callable[[], None]) -> None:
        properties: dict[str, Any] = {}
        if post.expires_in_s is not None:
            properties["message_expiry_interval"] = max(1, post.expires_in_s)
        if number:
            properties["user_property"] = (NUMBER, number)
        self._under_way.published = acknowledged
        self._client.publish(gmqtt.Message(post.topic, post.payload, QOS, post.retain, **properties))

    async def heard(self) -> list[Heard]:
        await self._some.wait()
        if self._failure is not None:
            raise self._failure
        if not self._open:
            raise LinkLost("the broker closed the connection")
        self._some.clear()
        heard, self._heard = self._heard, []
        if self._paused:
            self._paused = False
            self._client._connection._transport.resume_reading()
        return heard

    def acknowledge(self, packet_id: int) -> None:
        if self._open:
            self._client._send_command_with_mid(MQTTCommands.PUBACK, packet_id, False)

    async def close(self) -> None:
        was_open, self._open = self._open, False
        if was_open or self._client._connection is not None:
            with suppress(Exception):  # it is gone, and we are done with it
                async with asyncio.timeout(1):
                    await self._client.disconnect()

    # -- called by gmqtt

    def _take(self, packet_id: int, payload: bytes, topic: str, properties: dict[str, Any]) -> None:
        self._heard.append(Heard(topic, payload, bool(properties["retain"]), QOS, packet_id, _number(properties), {}))
        self._some.set()

    def _take_qos_0(self, _: Any, topic: str, payload: bytes, qos: int, properties: dict[str, Any]) -> None:
        self._heard.append(Heard(topic, payload, bool(properties["retain"]), qos, 0, _number(properties), {}))
        self._some.set()
        if len(self._heard) > MOST_WAITING and not self._paused:
            self._paused = True
            self._client._connection._transport.pause_reading()

    def _subscribed(self, _: Any, packet_id: int, *given: Any) -> None:
        self._answers.put_nowait(packet_id)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._some.set()

    def _disconnected(self, *_: Any) -> None:
        self._open = False
        self._some.set()
        self._answers.put_nowait(0)


def _number(properties: dict[str, Any]) -> str:
    return next((value for name, value in properties.get("user_property", ()) if name == NUMBER), "")
