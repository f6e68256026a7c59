"""What every carrier offers: bytes in on topics, bytes out on topics. It may lose, repeat and reorder."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

from protocol.edges import Edge


class Post(NamedTuple):
    """What is to be published, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    expires_in_s: int | None = None
    """A hint to an MQTT 5 broker; the deadline that counts stands in the payload."""
    sent: Callable[[], None] | None = None
    """Called when the broker has taken it over."""
    edge: Edge | None = None
    """The one that the topic names, where it is known: it need not be read again."""


def _nothing() -> None:
    """Nobody waits for an acknowledgement."""


class Arrival(NamedTuple):
    """What has come in. A tuple, as `Post` and `Entry` are: a crowd's evening makes them by the hundred thousand, in
    half of the time."""

    topic: str
    payload: bytes
    retained: bool = False
    acknowledge: Callable[[], None] = _nothing
    """To be called when it is safe with us; until then the broker keeps it and sends it again."""
    qos: int = 1
    properties: Mapping[str, Any] = MappingProxyType({})
    """MQTT 5's, for a tap; nothing that counts stands here."""
    place: tuple[str, Edge] | None = None
    """Kind and edge, where the carrier has read the topic already."""


Deliver: TypeAlias = Callable[[Sequence[Arrival]], Awaitable[None]]
"""Takes what has come in, oldest first; while it waits, nothing more is read (back-pressure)."""


class Bus(Protocol):
    """A live carrier."""

    async def run(self, deliver: Deliver) -> None:
        """Stay connected and deliver until cancelled."""
        ...

    async def publish(self, post: Post) -> None:
        """Hand a post over; waits while the outgoing queue is full."""
        ...
