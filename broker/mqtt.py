"""The live carrier: one connection a party, MQTT 5 or 3.1.1.

It connects again by itself, with full jitter, and subscribes again. What is published meanwhile waits in a bounded
queue; a post that was not acknowledged goes out again, so the wire may repeat. What comes in is acknowledged by whoever
takes it, when it is durable; the broker holds back more than `RECEIVE_MAXIMUM` of it. Presence is a retained message:
online after each connect, offline as the last will (MQTT knows one will a connection: it stands on the first edge).
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from broker.address import Address
from broker.aiomqtt_link import AiomqttLink
from broker.bus import Arrival, Deliver, Post
from broker.entrance import CredentialsChanged, Entrance
from broker.envelope import cut, numbered
from broker.gmqtt_link import GmqttLink
from broker.gmqtt_names import LibraryUnfit, check_names
from broker.link import ANSWER_WITHIN_S, Door, Greeting, Incoming, Link, LinkDenied, LinkLost
from broker.names import NameGuard, SessionTaken
from broker.refusal import explained
from broker.sequence import LONGEST_COUNT, Gaps, Numbers
from protocol.codec import MAX_PAYLOAD_BYTES
from protocol.edges import BESIDE, QOS, ROOT, ROUTES, Way, place_of

__all__ = ["MAX_OUTGOING", "Address", "LibraryUnfit", "MqttBus", "PayloadTooLarge", "SessionTaken"]

MAX_OUTGOING = 10_000
"""Posts that may wait; beyond that `publish` waits (back-pressure)."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
SESSION_EXPIRY_S = 86_400

LOOK_AT_FILES_S = 5.0
"""How often our credentials' files are looked at."""

log = structlog.get_logger("gridpact.mqtt")

RETAINED_TAKEN = tuple(f"{ROOT}/{kind}/" for kind, route in (ROUTES | BESIDE).items() if route.retained)
"""Retained messages on other topics are planted or stale, and ignored."""
SHARED = tuple(f"{ROOT}/{kind}/" for kind, route in ROUTES.items() if route.way is Way.EITHER)
"""Both ends write these: of what we say there ourselves we need not hear."""
DROPPED = "$SYS/broker/publish/messages/dropped"


class PayloadTooLarge(ValueError):
    """A post is larger than the broker takes; sending it would end the connection."""


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
        crowd: bool = False,
    ) -> None:
        """`presence(online)` gives the posts that tell it, the first one for the last will. `instance` stands in the
        payloads of this process's presence and in no other's; with it the name is guarded (broker/names.py).
        With `session_expiry_s` 0 the broker keeps nothing for us once we are gone. `whole`: for a tap, which wants
        everything as it was: retained messages that others ignore, and properties. `crowd`: for a party that hears
        and asks many, through the faster library where it can be used. Raises LibraryUnfit."""
        self._whole = whole
        self._through_gmqtt = crowd and not whole
        if self._through_gmqtt:
            check_names()
        self._in_envelope = address.numbers and address.protocol == "3.1.1"
        self._session_expiry_s = session_expiry_s
        self.address, self.name, self.filters = address.named(name), name, tuple(filters)
        self._guard = NameGuard(name, instance, presence)
        self.entrance = Entrance(self.address)
        self._beside: dict[str, Callable[[bytes], None]] = {}
        self._presence, self._on_connected = presence, on_connected
        self.gaps = Gaps()
        self.dropped_by_broker: int | None = None
        """The broker's own count of messages that it dropped, where it tells (`watch_broker`)."""
        self.watch_broker = False
        self._numbers = Numbers()
        self._moved_at = time.monotonic()
        self._queue: deque[tuple[Post, str]] = deque()
        self._room = asyncio.Event()
        self._under_way: dict[int, tuple[Post, str]] = {}
        """Posts that were handed to a connection and not acknowledged, oldest first."""
        self._handed = 0
        self._connections = self._failures = 0
        self._live: Link | None = None
        """The connection on which posts go out now."""

    @property
    def waiting(self) -> int:
        """Posts that have not been acknowledged by the broker yet."""
        return len(self._queue) + len(self._under_way)

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
        while len(self._queue) >= MAX_OUTGOING:
            self._room.clear()
            await self._room.wait()
        edge = post.edge
        if edge is None and (place := place_of(post.topic)) is not None:
            edge = place[1]
        number = "" if edge is None else self._numbers.next(edge)
        if number and self._in_envelope:
            post = post._replace(payload=numbered(post.payload, number))
        self._queue.append((post, number))
        self._send()

    def hear_beside(self, topic: str, hear: Callable[[bytes], None]) -> None:
        """Give what comes on a topic that is none of the negotiation's to a function, from the next connection on."""
        self._beside[topic] = hear

    async def run(self, deliver: Deliver) -> None:
        """Stay connected and deliver until cancelled. Raises SessionTaken, and LinkDenied when the first connection is
        refused: later the broker may be about to be mended, and we come again."""
        while True:
            try:
                await self._run_once(deliver)
            except LinkLost as error:
                if self.entrance.failed(error):
                    log.warning("broker_lost", party=self.name, error=str(error), again_in_s=0)
                    self._on_connected(False)
                    continue
                if isinstance(error, LinkDenied) and not self._connections:
                    raise
                self._failures += 1
                longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._failures)
                pause_s = random.uniform(0, longest)  # full jitter: no storm when the broker comes back
                log.warning("broker_lost", party=self.name, error=str(error), again_in_s=round(pause_s, 2))
                self._on_connected(False)
                await asyncio.sleep(pause_s)

    async def _run_once(self, deliver: Deliver) -> None:
        """One connection, to its end. Raises LinkLost."""
        door = self.entrance.next()
        link = self._link(door)
        try:
            try:
                await self._guard.ask(door)
                await link.open()
            except LinkLost as error:
                raise await explained(error, door) from None
            self.entrance.opened()
            self._failures = 0
            self._guard.connected(link)
            await self._connected(link, deliver, await self._guard.settle(link, door))
        finally:
            self._guard.lost()
            await link.close()

    def _link(self, door: Door) -> Link:
        will = next(iter(self._presence(False)), None)
        greeting = Greeting(self.name, will, self._session_expiry_s)
        if self._through_gmqtt:
            return GmqttLink(door, greeting)
        return AiomqttLink(door, greeting, with_properties=self._whole)

    async def _connected(self, link: Link, deliver: Deliver, come: list[Incoming]) -> None:
        self._connections += 1
        for topic in (*filter(None, (self._guard.topic,)), *self.filters, *self._beside):
            await link.subscribe(topic, QOS, others_only=topic.startswith(SHARED))
        if self.watch_broker:
            await link.subscribe(DROPPED, 0)
        # no task group: it forgets that it was cancelled when a task fails in the same moment
        tasks = [
            asyncio.create_task(self._receive_all(link, deliver, come)),
            asyncio.create_task(self._greet_and_send(link)),
            asyncio.create_task(self._until_credentials_change()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        except (asyncio.CancelledError, SessionTaken):
            await self._say_goodbye(link)
            raise
        finally:
            self._live = None
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _until_credentials_change(self) -> None:
        """Come again as soon as our files were exchanged: a renewed certificate is taken up, a wrong one is noticed
        while the old one still opens. Raises CredentialsChanged."""
        while self.entrance.has_files:
            await asyncio.sleep(LOOK_AT_FILES_S)
            if self.entrance.changed():
                raise CredentialsChanged("our credentials were exchanged")

    # -- presence

    async def _greet_and_send(self, link: Link) -> None:
        """Tell that we are here. Then send what a lost connection left open, and what waits."""
        await self._tell_presence(link, True)
        self._guard.greeted()
        self._on_connected(True)
        for number, (post, of_topic) in self._under_way.items():
            link.publish(post, of_topic, partial(self._acknowledged, number))
        self._live = link
        self._send()

    async def _tell_presence(self, link: Link, online: bool) -> None:
        for post in self._presence(online):
            told = asyncio.Event()
            link.publish(post, "", told.set)
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await told.wait()
            except TimeoutError:
                raise LinkLost("the broker does not acknowledge") from None

    async def _say_goodbye(self, link: Link) -> None:
        try:
            async with asyncio.timeout(2):
                await self._tell_presence(link, False)
        except (TimeoutError, LinkLost):
            log.warning("goodbye_not_said", party=self.name)

    # -- what comes in

    async def _receive_all(self, link: Link, deliver: Deliver, come: list[Incoming]) -> None:
        """`come`: what is there already."""
        while True:
            received = [arrival for one in come if (arrival := self._arrival(link, one)) is not None]
            if received:
                await deliver(received)
            del received, come  # the next may be long in coming
            come = await link.received()

    def _arrival(self, link: Link, received: Incoming) -> Arrival | None:
        """What is handed on; None for what is the carrier's own or nobody's."""
        topic = received.topic
        if topic == DROPPED:
            if received.payload.isdigit() and len(received.payload) <= LONGEST_COUNT:
                self.dropped_by_broker = int(received.payload)
            return None
        if (hear := self._beside.get(topic)) is not None:
            link.acknowledge(received.packet_id)
            hear(received.payload)
            return None
        if topic == self._guard.topic:
            link.acknowledge(received.packet_id)
            self._guard.hear(received)
            return None
        place = place_of(topic)
        payload, number = (received.payload, "") if self._whole else cut(received.payload)
        if not received.retained:
            if place is not None:
                self.gaps.hear(topic, place[1], received.number or number)
        elif not topic.startswith(RETAINED_TAKEN) and not self._whole:
            if received.qos:
                link.acknowledge(received.packet_id)
            return None
        if not received.qos:
            return Arrival(topic, payload, received.retained, qos=0, properties=received.properties, place=place)
        acknowledge = partial(link.acknowledge, received.packet_id)
        return Arrival(topic, payload, received.retained, acknowledge, received.qos, received.properties, place)

    # -- what goes out

    def _send(self) -> None:
        """In order, with a bounded number under way."""
        link = self._live
        while link is not None and self._queue and len(self._under_way) < link.window:
            self._handed += 1
            post, of_topic = self._under_way[self._handed] = self._queue.popleft()
            link.publish(post, of_topic, partial(self._acknowledged, self._handed))

    def _acknowledged(self, number: int) -> None:
        post, _ = self._under_way.pop(number, (None, ""))
        if post is None:
            return  # it went out on two connections, and both were acknowledged
        self._moved_at = time.monotonic()
        if post.sent is not None:
            post.sent()
        self._send()
        self._room.set()
