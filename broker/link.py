"""One connection to the broker, through whichever library: what broker/mqtt.py needs of it, and nothing more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from broker.bus import Post

CONNECT_WITHIN_S = 3.0
"""How long the broker may take to answer a connection."""
ANSWER_WITHIN_S = 10.0
KEEPALIVE_S = 20
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


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and which MQTT it is spoken to."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Greeting:
    """As whom we connect."""

    name: str
    will: Post | None
    session_expiry_s: int
    """How long the broker keeps our session when we are gone, seconds."""


class Heard(NamedTuple):
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

    async def subscribe(self, topic: str, qos: int) -> None:
        """Return when the broker has answered. Standing messages are sent at each subscription: repeats are
        harmless."""
        ...

    def publish(self, post: Post, number: str, acknowledged: Callable[[], None]) -> None:
        """Hand a post over at QoS 1; `acknowledged` is called when the broker has it."""
        ...

    async def heard(self) -> list[Heard]:
        """What has come in since the last call, at least one message."""
        ...

    def acknowledge(self, packet_id: int) -> None:
        """Tell the broker that a message of QoS 1 is safe with us. Nothing on a connection that is gone: its numbers
        mean nothing any more, and its messages come again."""
        ...

    async def close(self) -> None:
        """End it, whatever its state."""
        ...
