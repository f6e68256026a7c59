"""The live carrier: MQTT 5 or 3.1.1 through aiomqtt, one connection a party.

It connects again by itself, with full jitter, and subscribes again. What is published meanwhile waits in a bounded
queue; a post that was not acknowledged goes out again, so the wire may repeat. Presence is a retained message: online
after each connect, offline as the last will (MQTT knows one will a connection: it stands on the first edge).
"""

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import aiomqtt
import structlog
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from broker.bus import Arrival, Deliver, Post
from protocol.codec import MAX_PAYLOAD_BYTES
from protocol.edges import QOS, ROOT

MAX_OUTGOING = 10_000
"""Posts that may wait; beyond that `publish` waits (back-pressure)."""
INFLIGHT = 64
"""Posts that may be unacknowledged at once; they are acknowledged in their order."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
SESSION_EXPIRY_S = 3600
NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Without it a small message waits for the acknowledgement of the one before: 40 ms a hop, measured on loopback."""

log = structlog.get_logger("gridpact.mqtt")

RETAINED_TAKEN = (f"{ROOT}/request/", f"{ROOT}/presence/")
"""Retained messages on other topics are planted or stale, and ignored."""


class PayloadTooLarge(ValueError):
    """A post is larger than the broker takes; sending it would end the connection."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and which MQTT it is spoken to."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: Literal["5", "3.1.1"] = "5"


class MqttBus:
    """One party's connection."""

    def __init__(
        self,
        address: Address,
        name: str,
        filters: Sequence[str],
        presence: Callable[[bool], Sequence[Post]] = lambda online: (),
        on_connected: Callable[[bool], None] = lambda connected: None,
    ) -> None:
        """`presence(online)` gives the posts that tell it, the first one for the last will."""
        self.address, self.name, self.filters = address, name, tuple(filters)
        self._presence, self._on_connected = presence, on_connected
        self._outgoing: asyncio.Queue[Post] = asyncio.Queue(MAX_OUTGOING)
        self._unacknowledged: list[Post] = []
        self._v5 = address.protocol == "5"

    @property
    def waiting(self) -> int:
        """Posts that have not been acknowledged by the broker yet."""
        return self._outgoing.qsize() + len(self._unacknowledged)

    async def publish(self, post: Post) -> None:
        """Hand a post over; waits while the outgoing queue is full. Raises PayloadTooLarge."""
        if len(post.payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge(f"{post.topic}: {len(post.payload)} bytes; the broker takes {MAX_PAYLOAD_BYTES}")
        await self._outgoing.put(post)

    async def run(self, deliver: Deliver) -> None:
        """Stay connected and deliver until cancelled."""
        failures = 0
        while True:
            try:
                async with self._client() as client:
                    failures = 0
                    await self._connected(client, deliver)
            except (aiomqtt.MqttError, OSError) as error:
                failures += 1
                longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)
                pause_s = random.uniform(0, longest)  # full jitter: no storm when the broker comes back
                log.warning("broker_lost", party=self.name, error=str(error), again_in_s=round(pause_s, 2))
                self._on_connected(False)
                await asyncio.sleep(pause_s)

    async def _connected(self, client: aiomqtt.Client, deliver: Deliver) -> None:
        client.pending_calls_threshold = INFLIGHT * 2
        await self._subscribe(client)
        for post in self._presence(True):
            await self._publish(client, post)
        self._on_connected(True)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_all(client))
                tasks.create_task(self._receive_all(client, deliver))
        except asyncio.CancelledError:
            await self._say_goodbye(client)
            raise
        except BaseExceptionGroup as group:
            raise _first(group) from None

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        try:
            async with asyncio.timeout(2):
                for post in self._presence(False):
                    await self._publish(client, post)
        except (TimeoutError, aiomqtt.MqttError):
            log.warning("goodbye_not_said", party=self.name)

    def _client(self) -> aiomqtt.Client:
        will = next(iter(self._presence(False)), None)
        properties = None
        if self._v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            properties.ReceiveMaximum = 1000
        return aiomqtt.Client(
            self.address.host,
            self.address.port,
            identifier=self.name,
            protocol=aiomqtt.ProtocolVersion.V5 if self._v5 else aiomqtt.ProtocolVersion.V311,
            clean_session=None if self._v5 else False,
            clean_start=False if self._v5 else MQTT_CLEAN_START_FIRST_ONLY,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, QOS, will.retain),
            keepalive=20,
            max_inflight_messages=INFLIGHT,
            properties=properties,
            socket_options=NO_DELAY,
        )

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        for topic in self.filters:
            if self._v5:
                # retain handling 0: a re-connect hears standing requests again; repeats are harmless
                await client.subscribe(topic, options=SubscribeOptions(qos=QOS, retainHandling=0))
            else:
                await client.subscribe(topic, qos=QOS)

    async def _receive_all(self, client: aiomqtt.Client, deliver: Deliver) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if message.retain and not topic.startswith(RETAINED_TAKEN):
                continue
            payload = message.payload
            await deliver(Arrival(topic, payload if isinstance(payload, bytes) else b"", message.retain))

    async def _send_all(self, client: aiomqtt.Client) -> None:
        """Publish in order, with a bounded number under way; what a lost connection leaves open goes out again."""
        places = asyncio.Semaphore(INFLIGHT)
        async with asyncio.TaskGroup() as tasks:
            for post in list(self._unacknowledged):
                await places.acquire()
                tasks.create_task(self._send(client, post, places))
            while True:
                post = await self._outgoing.get()
                self._unacknowledged.append(post)
                await places.acquire()
                tasks.create_task(self._send(client, post, places))

    async def _send(self, client: aiomqtt.Client, post: Post, places: asyncio.Semaphore) -> None:
        await self._publish(client, post)
        self._unacknowledged.remove(post)
        places.release()

    async def _publish(self, client: aiomqtt.Client, post: Post) -> None:
        properties = None
        if self._v5 and post.expires_in_s is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = max(1, post.expires_in_s)
        await client.publish(post.topic, post.payload, QOS, post.retain, properties)


def _first(error: BaseException) -> BaseException:
    """The first error of nested groups: the connection's own, or our fault, which nobody here catches."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
