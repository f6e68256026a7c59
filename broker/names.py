"""One process a name: whoever is about to connect asks first, and who has the name answers.

A broker gives a name to whoever connects last and throws the other one out. So a process asks before it does, through a
connection of its own under another name, on the topic on which the name's holder tells that it is here; the holder
hears it there and says again that it is. Who is answered leaves (`SessionTaken`). What anybody else publishes there
ends no holder: it only tells again. One who took the name while its long-established holder was away (a broker that was
started again) gives it back. Where every connection of a login has one name nobody can be asked: there a newcomer neither
says nor takes anything until the holder has had the time to come back and throw it out.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import uuid4

import orjson

from broker.aiomqtt_link import AiomqttLink
from broker.bus import Post
from broker.link import Door, Greeting, Incoming, Link, LinkDenied, LinkLost
from protocol.edges import QOS

WITHOUT_PARENT = "gridpact/name/"
"""Where a party tells that it is here that has nobody above it: with its name behind it."""
ANSWERED_WITHIN_S = 1.5
"""How long a holder may take to answer."""
ESTABLISHED_S = 60.0
"""Who has had a name for so long gets it back when it was away; a lost connection comes again within half of that."""
SHORT_S = 5.0
"""A connection that lasted no longer may have been taken away by somebody who cannot be seen yet."""
THROWS, MORE_THROWS = 3, 3
"""How often in a row a process that is not established lets itself be thrown out, where nobody can be asked (a broker
that gives every connection of a user the same name); and how much oftener one of two that came at once, lest both leave."""
AGAIN_S = 0.2
"""What has to be told again is told so often at most."""
ASKS, COMES_BACK = ".asks", ".back"


class SessionTaken(RuntimeError):
    """Another process has our name: going on would be a fight that nobody wins."""


class NameWord(NamedTuple):
    """What somebody told about the name."""

    mine: bool
    online: bool
    asks: bool
    comes_back: bool


class NameGuard:
    """A process under its name. `presence(True)` tells that it is here, on `topic` first of all."""

    def __init__(self, name: str, instance: str, presence: Callable[[bool], Sequence[Post]]) -> None:
        """`instance` stands in the payloads of this process's presence and in no other's. Without it, or without a
        presence, names are not guarded."""
        self._name, self._instance, self._presence = name, instance, presence
        self._where = ""
        """The broker that was tried last."""
        first = next(iter(presence(True)), None) if instance else None
        self.topic = first.topic if first is not None else ""
        """Empty where names are not guarded."""
        self._held_since: float | None = None
        self._link: Link | None = None
        self._connected_at, self._throws = 0.0, 0
        self._own_id = "" if first is None else _said_in(first.payload)
        self._other_id = ""
        """What another process said that was heard to be here, at whatever time."""
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def established(self) -> bool:
        """Whether it has had the name for long, with or without a connection at this moment."""
        return self._held_since is not None and time.monotonic() - self._held_since >= ESTABLISHED_S

    # -- before a connection

    async def ask(self, door: Door) -> None:
        """Return when nobody else has the name. Who comes with a login cannot ask: a broker may take its name for that
        of every connection. Raises SessionTaken, LinkLost."""
        self._where = door.where
        if not self.topic:
            return
        if self._other_id and self._throws >= self._lets_itself_be_thrown() and not self.established:
            raise self._taken()
        if door.credentials.has_login:
            return
        link = AiomqttLink(door, Greeting(f"{self._name}-{uuid4().hex[:8]}", None, 0))
        try:
            await link.open()
        except LinkDenied:
            return  # who may come under one name only cannot ask
        try:
            await link.subscribe(self.topic, QOS)
            link.publish(self._question(), "", _nothing)
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await self._listen(link)
        except TimeoutError:
            pass  # whoever told to be here is not here any more
        except LinkLost:
            self._throws += 1
            raise
        finally:
            await link.close()

    async def _listen(self, link: Link, beside: list[Incoming] | None = None) -> None:
        """Until it is clear that nobody has the name; for ever where somebody may. What stands there comes before our
        own question. `beside`: under the name itself, where no word is an answer (it waited for whoever connects next);
        what comes on other topics is put there, and not acknowledged. Raises SessionTaken."""
        received_own = False
        claimed = suspected = self._throws > 1 or (self._throws > 0 and self._other_id != "")
        while claimed or not received_own:
            for one in await link.received():
                if beside is not None and one.topic != self.topic:
                    beside.append(one)
                    continue
                link.acknowledge(one.packet_id)
                told = self._read(one.payload)
                if told.mine or told.asks:
                    received_own |= told.mine and told.asks
                elif one.retained or beside is not None:
                    claimed = suspected or told.online
                elif told.online:
                    raise self._taken()
                else:
                    return  # it has just left

    def _question(self) -> Post:
        post = next(iter(self._presence(True)))
        told = orjson.loads(post.payload)
        told["message_id"] += COMES_BACK if self.established else ASKS
        return Post(post.topic, orjson.dumps(told))

    # -- with one

    def connected(self, link: Link) -> None:
        """The name is ours on this connection."""
        self._link, self._connected_at = link, time.monotonic()

    async def settle(self, link: Link, door: Door) -> list[Incoming]:
        """With a login, before anything is said or taken: return when nobody else has the name, with what has come
        meanwhile. Whoever has it comes back, which ends our connection. Raises SessionTaken, LinkLost."""
        come: list[Incoming] = []
        if self.topic and door.credentials.has_login and self._held_since is None:
            await link.subscribe(self.topic, QOS)
            link.publish(self._question(), "", _nothing)
            with suppress(TimeoutError):  # whoever told to be here is not here any more
                async with asyncio.timeout(ANSWERED_WITHIN_S):
                    await self._listen(link, come)
        return come

    def greeted(self) -> None:
        """It has been told that we are here."""
        if self._held_since is None:
            self._held_since = time.monotonic()

    def lost(self) -> None:
        """The connection is gone."""
        if self._link is not None:
            self._link = None
            short = time.monotonic() - self._connected_at < SHORT_S
            self._throws = self._throws + 1 if short else 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hear(self, received: Incoming) -> None:
        """What came on the topic. Raises SessionTaken when the name was only kept for its established holder."""
        told = self._read(received.payload)
        if told.mine:
            return
        if told.comes_back and not received.retained and not self.established:
            raise self._taken()
        if (told.asks and not received.retained) or self._held_since is not None:
            self._tell_again()

    def _tell_again(self) -> None:
        if self._timer is None:
            wait_s = max(0.0, self._told_at + AGAIN_S - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tell)

    def _tell(self) -> None:
        self._timer, self._told_at = None, time.monotonic()
        if self._link is not None:
            for post in self._presence(True):
                self._link.publish(post, "", _nothing)

    # -- words

    def _read(self, payload: bytes) -> NameWord:
        try:
            told = orjson.loads(payload)
            message_id, online = str(told["message_id"]), told["online"] is True
        except (orjson.JSONDecodeError, LookupError, TypeError):
            return NameWord(False, False, False, False)
        mine, comes_back = self._instance in message_id, message_id.endswith(COMES_BACK)
        if online and not mine:
            self._other_id = message_id.removesuffix(COMES_BACK).removesuffix(ASKS)
        return NameWord(mine, online, comes_back or message_id.endswith(ASKS), comes_back)

    def _lets_itself_be_thrown(self) -> int:
        return THROWS + (MORE_THROWS if self._own_id < self._other_id else 0)

    def _taken(self) -> SessionTaken:
        return SessionTaken(
            f"another process is connected to {self._where} as {self._name}: stop it, or give one of them another name"
        )


def _said_in(payload: bytes) -> str:
    """The id of a presence of our own."""
    return str(orjson.loads(payload)["message_id"])


def _nothing() -> None:
    """Nobody waits for an acknowledgement."""
