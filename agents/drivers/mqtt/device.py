"""One device at its broker: what it says is kept, what it is told is said again after each lost connection.

While it follows us, our connection has a last will: the broker itself releases the device when it hears nothing of us.
That we have taken it over stands at the broker, retained, with what we found: a later life of ours reads it there.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from agents.drivers.address import address_of
from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.mqtt.options import MqttOptions
from agents.drivers.mqtt.values import found_in, growing_wh, posts, state_of, variables_of
from agents.drivers.register import Beginnings
from broker.aiomqtt_link import AiomqttLink
from broker.bus import Post
from broker.entrance import Entrance
from broker.link import Greeting, Incoming, LinkLost
from protocol.edges import QOS

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
READY_WITHIN_S = SAID_WITHIN_S = 5.0
OFFLINE = b"offline"
ROUGH_WH, MOST_LEFT = 100.0, 0.5
"""A topic may as well tell a net register, which falls little by little: one that begins anew falls at once, and by far."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The power that it follows for us."""

    power_w: int
    until: datetime
    found: str


class MqttDevice:
    """One connection, made again by itself."""

    def __init__(self, name: str, options: MqttOptions) -> None:
        self.name, self.options = name, options
        self._client_id = options.client_id or f"gridpact-{name}"
        self._marker = options.hold or f"gridpact/held/{name}"
        self._echo = f"{self._marker}/echo/{uuid4().hex}"
        self._entrance = Entrance(address_of(options.broker).named(name))
        self._payloads: dict[str, bytes] = {}
        self._said_at: dict[str, float] = {}
        """When something was last said on a topic, monotonic s."""
        self._beginnings = Beginnings(ROUGH_WH, MOST_LEFT)
        self._alive_at: float | None = None
        """When it last showed that it is there, monotonic s."""
        self._hold: Hold | None = None
        self._found: str | None = None
        """What the marker of this life or an earlier one says; None: it is its own."""
        self._link: AiomqttLink | None = None
        """While the connection stands and all that was retained has come."""
        self._has_will = False
        self._ready, self._again = asyncio.Event(), asyncio.Event()
        self._failure = "not connected yet"

    # -- the connection

    async def run(self, push: Callable[[DeviceReading], None]) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            try:
                await self._connected(push)
                failures = 0
            except LinkLost as error:
                failures = 0 if self._link is not None else failures + 1
                self._failure = f"{error}"
                if not self._entrance.failed(error):
                    await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)))
            finally:
                self._link = None
                self._ready.clear()

    async def _connected(self, push: Callable[[DeviceReading], None]) -> None:
        """One connection, until it is to be made again. Raises LinkLost."""
        self._again.clear()
        hold = self._hold
        self._has_will = hold is not None
        will = None if hold is None else next(iter(self._released(hold.found)), None)
        link = AiomqttLink(self._entrance.next(), Greeting(self._client_id, will, 0))
        try:
            await link.open()
            self._entrance.opened()
            for topic in (*self.options.topics(), *([self._marker] if self.options.command else []), self._echo):
                await link.subscribe(topic, QOS)
            link.publish(Post(self._echo, b"", False), "", _nothing)  # comes back behind all that was retained
            listening = asyncio.create_task(self._listen(link, push))
            again = asyncio.create_task(self._again.wait())
            try:
                await asyncio.wait((listening, again), return_when=asyncio.FIRST_COMPLETED)
                if listening.done():
                    listening.result()
            finally:
                listening.cancel()
                again.cancel()
                await asyncio.wait((listening, again))
        finally:
            await link.close()

    async def _listen(self, link: AiomqttLink, push: Callable[[DeviceReading], None]) -> None:
        while True:
            for heard in await link.received():
                if heard.qos:
                    link.acknowledge(heard.packet_id)
                if heard.topic == self._echo:
                    await self._begin(link)
                else:
                    self._hear(heard)
            if self._ready.is_set() and self._alive_at is not None:
                push(self._state())

    async def _begin(self, link: AiomqttLink) -> None:
        """All that stands at the broker is known: what holds is said again."""
        if self._again.is_set():
            return  # somebody has taken it over while we connected: without a last will
        self._link = link
        if self._has_will and self._hold is not None:
            try:
                await self._say(link, self._commands(self._hold))
            except DeviceTrouble as error:
                raise LinkLost(f"{error}") from None
        self._ready.set()

    def _hear(self, heard: Incoming) -> None:
        topic, payload = heard.topic, heard.payload
        if topic == self._marker:
            self._found = _found_of(payload)
            return
        known = self._payloads.get(topic) == payload
        self._payloads[topic] = payload
        if heard.retained and known:  # what was retained comes again with each connection of ours
            return
        self._said_at[topic] = time.monotonic()
        if self.options.alive in (None, topic):
            self._alive_at = self._said_at[topic]

    # -- what it says

    @property
    def is_held(self) -> bool:
        """It follows us, or an earlier life has not cleared its mark at the broker."""
        return self._found is not None

    async def read(self) -> DeviceReading:
        """Raises DeviceTrouble."""
        if not self._ready.is_set():
            raise self._away()
        if self._alive_at is None:
            raise DeviceTrouble(f"nothing was heard of it on {', '.join(self.options.topics())}")
        return self._state()

    def _state(self) -> DeviceReading:
        assert self._alive_at is not None
        if self.options.alive is not None and self._payloads.get(self.options.alive) == OFFLINE:
            return DeviceReading(fault="said to be offline")
        now = time.monotonic()
        state = state_of(self.options, self._payloads, now - self._alive_at)
        self._beginnings.note(growing_wh(self.options, self._payloads))
        if state.register_wh is None:
            return state
        oldest_at = min(self._said_at[topic] for topic in self.options.register_topics())
        register_wh = state.register_wh + self._beginnings.anew_wh
        return replace(state, register_wh=register_wh, register_age_s=now - oldest_at)

    def _away(self) -> DeviceTrouble:
        return DeviceTrouble(f"its broker at {self._entrance.address.where} is not reached: {self._failure}")

    # -- what it is told

    async def set_power(self, power_w: int, until: datetime) -> None:
        """Raises DeviceTrouble."""
        if not self.options.command:
            raise DeviceTrouble("it has no command: it is a meter")
        await self._until_ready()
        found = self._found if self._found is not None else found_in(self.options.found, self._payloads)
        if self.options.found is not None and found is None:
            raise DeviceTrouble(f"what it does by itself is not known: nothing was heard on {self.options.found.topic}")
        self._hold = Hold(power_w, until, found or "")
        if not self._has_will:  # from now on the broker watches over us
            self._reconnect()
            await self._until_ready()
        else:
            await self._say(self._standing_link(), self._commands(self._hold))

    async def release(self) -> None:
        """Raises DeviceTrouble."""
        held, self._hold = self._hold, None
        if held is not None:
            self._found = held.found
        await self._until_ready()
        found = self._found
        if found is None:
            return
        await self._say(self._standing_link(), [*self._released(found), Post(self._marker, b"", True)])
        self._found = None
        if self._has_will:
            self._reconnect()

    def _commands(self, hold: Hold) -> list[Post]:
        left_s = (hold.until - datetime.now(UTC)).total_seconds()
        if left_s <= 0:
            return []
        said = self.options.stop if hold.power_w == 0 and self.options.stop else self.options.command
        variables = variables_of(self.options, hold.power_w, hold.until, left_s, hold.found)
        marker = Post(self._marker, json.dumps({"found": hold.found}).encode(), True)
        return [marker, *posts(said, variables)]

    def _released(self, found: str) -> list[Post]:
        return posts(self.options.release, variables_of(self.options, 0, datetime.now(UTC), 0, found))

    def _reconnect(self) -> None:
        self._ready.clear()
        self._again.set()

    async def _until_ready(self) -> None:
        """Raises DeviceTrouble."""
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._ready.wait()
        except TimeoutError:
            raise self._away() from None

    def _standing_link(self) -> AiomqttLink:
        if self._link is None:
            raise self._away()
        return self._link

    async def _say(self, link: AiomqttLink, what: Iterable[Post]) -> None:
        """Returns when the broker has it all. Raises DeviceTrouble."""
        for post in what:
            done = asyncio.Event()
            link.publish(post, "", done.set)
            try:
                async with asyncio.timeout(SAID_WITHIN_S):
                    await done.wait()
            except TimeoutError:
                raise DeviceTrouble(f"its broker does not acknowledge what is published on {post.topic}") from None


def _found_of(payload: bytes) -> str | None:
    """What a marker says that was found; None for one that was cleared."""
    if not payload:
        return None
    try:
        found = json.loads(payload)["found"]
    except (ValueError, LookupError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


def _nothing() -> None:
    """Nobody waits for the acknowledgement."""
