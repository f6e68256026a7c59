"""The live carrier: MQTT 5 or 3.1.1 through aiomqtt, one connection a party.

It connects again by itself, with full jitter, and subscribes again. What is published meanwhile waits in a bounded
queue; a post that was not acknowledged goes out again, so the wire may repeat. What comes in is acknowledged by whoever
takes it, when it is durable (paho's manual acknowledgement, which aiomqtt does not offer: `_client` is the one private
name of it that is used here); the broker holds back more than `RECEIVE_MAXIMUM` of it. Presence is a retained message: online
after each connect, offline as the last will (MQTT knows one will a connection: it stands on the first edge).
"""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import aiomqtt
import structlog
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from broker.bus import Arrival, Deliver, Post
from broker.faults import first_error
from broker.sequence import Gaps, Numbers
from protocol.codec import MAX_PAYLOAD_BYTES
from protocol.edges import QOS, ROOT

MAX_OUTGOING = 10_000
"""Posts that may wait; beyond that `publish` waits (back-pressure)."""
INFLIGHT = 64
"""Posts that may be unacknowledged at once; they are acknowledged in their order."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
CONNECT_WITHIN_S = 3.0
"""aiomqtt does not notice a connection that is reset before its CONNACK: it waits this long."""
ANSWER_WITHIN_S = 10.0
SESSION_EXPIRY_S = 86_400
RECEIVE_MAXIMUM = 1000
"""Arrivals that may be unacknowledged at once (MQTT 5; Mosquitto's own limit is 20 for MQTT 3.1.1)."""
OWN_PRESENCE_WITHIN_S = 1.0
"""How long a connection that was lost waits, when it is back, to hear who is online under its name."""
NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Without it a small message waits for the acknowledgement of the one before: 40 ms a hop, measured on loopback."""

log = structlog.get_logger("gridpact.mqtt")

RETAINED_TAKEN = (f"{ROOT}/request/", f"{ROOT}/presence/")
"""Retained messages on other topics are planted or stale, and ignored."""


NUMBER = "n"
"""User property: the sender's number of the post on its topic (broker/sequence.py)."""
DROPPED = "$SYS/broker/publish/messages/dropped"


class SessionTaken(RuntimeError):
    """Another process connected under our name: going on would be a fight that nobody wins."""


class PayloadTooLarge(ValueError):
    """A post is larger than the broker takes; sending it would end the connection."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and which MQTT it is spoken to."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class MqttBus:
    """One party's connection."""

    def __init__(
        self,
        address: Address,
        name: str,
        filters: Sequence[str],
        presence: Callable[[bool], Sequence[Post]] = lambda online: (),
        on_connected: Callable[[bool], None] = lambda connected: None,
        instance: str = "",
        session_expiry_s: int = SESSION_EXPIRY_S,
        whole: bool = False,
    ) -> None:
        """`presence(online)` gives the posts that tell it, the first one for the last will. `instance` stands in the
        payloads of this process's presence and in no other's; with it a session that was taken is noticed.
        With `session_expiry_s` 0 the broker keeps nothing for us once we are gone. `whole`: for a tap, which wants
        everything as it was: retained messages that others ignore, and properties."""
        self._whole = whole
        self._session_expiry_s = session_expiry_s
        self._instance = instance
        self.address, self.name, self.filters = address, name, tuple(filters)
        self._presence, self._on_connected = presence, on_connected
        self.gaps = Gaps()
        self.dropped_by_broker: int | None = None
        """The broker's own count of messages that it dropped, where it tells (`watch_broker`)."""
        self.watch_broker = False
        self._numbers = Numbers()
        self._moved_at = time.monotonic()
        self._outgoing: asyncio.Queue[Post] = asyncio.Queue(MAX_OUTGOING)
        self._unacknowledged: list[Post] = []
        self._v5 = address.protocol == "5"
        self._connections = 0
        self._heard_own = asyncio.Event()
        self._live: aiomqtt.Client | None = None
        """The connection whose message numbers are valid now."""

    @property
    def waiting(self) -> int:
        """Posts that have not been acknowledged by the broker yet."""
        return self._outgoing.qsize() + len(self._unacknowledged)

    @property
    def stuck_s(self) -> float:
        """Seconds since the broker last acknowledged something while something waits; 0 when nothing does."""
        return time.monotonic() - self._moved_at if self.waiting else 0.0

    async def publish(self, post: Post) -> None:
        """Hand a post over; waits while the outgoing queue is full. Raises PayloadTooLarge."""
        if len(post.payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge(f"{post.topic}: {len(post.payload)} bytes; the broker takes {MAX_PAYLOAD_BYTES}")
        if not self.waiting:
            self._moved_at = time.monotonic()
        await self._outgoing.put(replace(post, number=self._numbers.next(post.topic)))

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
        self._live = client
        self._connections += 1
        self._heard_own.clear()
        await self._subscribe(client)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive_all(client, deliver))
                tasks.create_task(self._greet_and_send(client))
        except asyncio.CancelledError:
            await self._say_goodbye(client)
            raise
        except BaseExceptionGroup as group:
            raise first_error(group) from None

    async def _greet_and_send(self, client: aiomqtt.Client) -> None:
        """Tell that we are here. When we were here before, hear first whether another process is by now."""
        if self._own_presence and self._connections > 1:
            with suppress(TimeoutError):
                async with asyncio.timeout(OWN_PRESENCE_WITHIN_S):
                    await self._heard_own.wait()
        for post in self._presence(True):
            await self._publish(client, post)
        self._on_connected(True)
        await self._send_all(client)

    @property
    def _own_presence(self) -> str:
        """The topic on which we tell that we are here; empty for a party without parents."""
        first = next(iter(self._presence(False)), None)
        return first.topic if first is not None and self._instance else ""

    def _hear_own_presence(self, payload: bytes) -> None:
        """Somebody tells to be us. A broker need not say why it closed a connection (Mosquitto 2.0.11 does not), so
        this is how a process learns that another one has taken its place. What stood there at our first connection
        was our own earlier life. Raises SessionTaken."""
        self._heard_own.set()
        if self._connections > 1 and b'"online":true' in payload and self._instance.encode() not in payload:
            where = f"{self.address.host}:{self.address.port}"
            raise SessionTaken(
                f"another process is connected to {where} as {self.name}: stop it, or give one of them another name"
            )

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
            properties.SessionExpiryInterval = self._session_expiry_s
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
        client = aiomqtt.Client(
            self.address.host,
            self.address.port,
            identifier=self.name,
            username=self.address.username,
            password=self.address.password,
            protocol=aiomqtt.ProtocolVersion.V5 if self._v5 else aiomqtt.ProtocolVersion.V311,
            clean_session=None if self._v5 else self._session_expiry_s == 0,
            clean_start=False if self._v5 else MQTT_CLEAN_START_FIRST_ONLY,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, QOS, will.retain),
            keepalive=20,
            max_inflight_messages=INFLIGHT,
            properties=properties,
            socket_options=NO_DELAY,
            timeout=CONNECT_WITHIN_S,
        )
        client._client.manual_ack_set(True)
        return client

    def _acknowledge(self, client: aiomqtt.Client, mid: int, qos: int) -> None:
        """Tell the broker; a number of an earlier connection means nothing now, and its message comes again."""
        if client is self._live and qos > 0:
            client._client.ack(mid, qos)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        for topic in (*self.filters, *filter(None, (self._own_presence,))):
            if self._v5:
                # retain handling 0: a re-connect hears standing requests again; repeats are harmless
                await client.subscribe(
                    topic, options=SubscribeOptions(qos=QOS, retainHandling=0), timeout=ANSWER_WITHIN_S
                )
            else:
                await client.subscribe(topic, qos=QOS, timeout=ANSWER_WITHIN_S)
        if self.watch_broker:
            await client.subscribe(DROPPED, qos=0)

    async def _receive_all(self, client: aiomqtt.Client, deliver: Deliver) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            acknowledge = partial(self._acknowledge, client, message.mid, message.qos)
            if topic == DROPPED:
                self.dropped_by_broker = int(message.payload) if isinstance(message.payload, bytes) else None
                continue
            if topic == self._own_presence:
                acknowledge()
                self._hear_own_presence(message.payload if isinstance(message.payload, bytes) else b"")
                continue
            if not message.retain:
                self.gaps.hear(topic, _number(message))
            if message.retain and not topic.startswith(RETAINED_TAKEN) and not self._whole:
                acknowledge()
                continue
            payload = message.payload if isinstance(message.payload, bytes) else b""
            properties = _properties(message) if self._whole else {}
            await deliver(Arrival(topic, payload, message.retain, acknowledge, message.qos, properties))

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
        self._moved_at = time.monotonic()
        if post.sent is not None:
            post.sent()

    async def _publish(self, client: aiomqtt.Client, post: Post) -> None:
        properties = None
        if self._v5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            if post.expires_in_s is not None:
                properties.MessageExpiryInterval = max(1, post.expires_in_s)
            if post.number:
                properties.UserProperty = [(NUMBER, post.number)]
        await client.publish(post.topic, post.payload, QOS, post.retain, properties, timeout=ANSWER_WITHIN_S)


def _properties(message: aiomqtt.Message) -> Mapping[str, Any]:
    given = message.properties
    return {} if given is None else dict(given.json())  # type: ignore[no-untyped-call]


def _number(message: aiomqtt.Message) -> str:
    """The sender's number of a message; empty where there is none (MQTT 3.1.1, foreign clients)."""
    given = getattr(message.properties, "UserProperty", ()) if message.properties is not None else ()
    return next((value for name, value in given if name == NUMBER), "")
