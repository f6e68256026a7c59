"""One connection to the broker, through whichever library: what broker/mqtt.py needs of it, and nothing more."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from broker.bus import Post

if TYPE_CHECKING:
    from broker.credentials import Credentials

CONNECT_WITHIN_S = 3.0
"""How long the broker may take to answer a connection."""
ANSWER_WITHIN_S = 10.0
ENDED_WITHIN_S = 0.05
"""A refusal and the end of the connection come together: the refusal is read first."""
RECEIVE_MAXIMUM = 1000
"""Arrivals that may be unacknowledged at once (MQTT 5; Mosquitto's own limit is 20 for MQTT 3.1.1)."""
NUMBER = "n"
"""User property: the sender's number of the post on its topic (broker/sequence.py)."""
LONGEST_EXPIRY_S = 2**32 - 1
"""MQTT tells it in four bytes."""


def expiry_s(expires_in_s: int) -> int:
    """When the broker is to forget a post, as the wire can tell it."""
    return min(max(1, expires_in_s), LONGEST_EXPIRY_S)


class LinkLost(RuntimeError):
    """The connection was not made, or is gone; in the words of whoever noticed it."""


class LinkDenied(LinkLost):
    """The broker does not let this user in; in its own words."""


NO_ENTRY = (4, 5, 134, 135)
"""What a broker answers to a wrong name or password, and to who may not connect (MQTT 3.1.1, MQTT 5)."""


def not_made(error: Exception, code: object) -> LinkLost:
    """What is raised for a connection that was not made; `code`: the broker's answer, if it gave one."""
    return (LinkDenied if code in NO_ENTRY else LinkLost)(str(error))


async def answered(connecting: Coroutine[Any, Any, object], ended: asyncio.Event) -> None:
    """The broker's answer to a connection; `ended`: the connection is over. The libraries would go on waiting for an
    answer then. Raises LinkLost, and what `connecting` raises."""
    answer, end = asyncio.ensure_future(connecting), asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait((answer, end), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            await asyncio.wait((answer,), timeout=ENDED_WITHIN_S)
        if not answer.done():
            raise LinkLost("the broker closed the connection without an answer")
        answer.result()
    finally:
        for task in (answer, end):
            task.cancel()
        await asyncio.wait((answer, end))
        if not answer.cancelled():
            answer.exception()  # when we are cancelled in the moment of a refusal nobody else looks at it


@dataclass(frozen=True, slots=True)
class Door:
    """One address of the broker, and what is needed to be let in there."""

    host: str
    port: int
    protocol: Literal["5", "3.1.1"]
    keepalive_s: int
    credentials: "Credentials"

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Greeting:
    """As whom we connect."""

    name: str
    will: Post | None
    session_expiry_s: int
    """How long the broker keeps our session when we are gone, seconds."""


class Incoming(NamedTuple):
    """A message as a library gives it."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    packet_id: int
    """The broker's number, for its acknowledgement on this connection."""
    number: str
    """The sender's own; empty where there is none (MQTT 3.1.1, foreign clients)."""
    properties: Mapping[str, Any] = MappingProxyType({})
    """MQTT 5's, where they were asked for."""


class Link(Protocol):
    """A connection, used once. Everything but `close` raises LinkLost."""

    window: int
    """Posts that may be unacknowledged at once."""

    async def open(self) -> None:
        """Connect."""
        ...

    async def subscribe(self, topic: str, qos: int, *, others_only: bool = False) -> None:
        """Return when the broker has answered. Standing messages are sent at each subscription: repeats are
        harmless. `others_only`: not what we publish ourselves, where the protocol has a word for that (MQTT 5)."""
        ...

    def publish(self, post: Post, number: str, acknowledged: Callable[[], None]) -> None:
        """Hand a post over at QoS 1; `acknowledged` is called when the broker has it."""
        ...

    async def received(self) -> list[Incoming]:
        """What has come in since the last call, at least one message."""
        ...

    def acknowledge(self, packet_id: int) -> None:
        """Tell the broker that a message of QoS 1 is safe with us. Nothing on a connection that is gone: its numbers
        mean nothing any more, and its messages come again."""
        ...

    async def close(self) -> None:
        """End it, whatever its state."""
        ...
