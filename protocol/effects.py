"""What an actor wants done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from protocol.codec import encode
from protocol.edges import Edge
from protocol.messages import Message


@dataclass(frozen=True, slots=True)
class Send:
    """Publish a message on an edge."""

    edge: Edge
    message: Message
    _encoded: list[bytes] = field(default_factory=list, init=False, compare=False, repr=False)

    @property
    def body(self) -> bytes:
        """The message as bytes; they are made once, for the journal and for the wire."""
        if not self._encoded:
            self._encoded.append(bytes(bytearray(encode(self.message))))  # orjson's own has a kilobyte behind it
        return self._encoded[0]


@dataclass(frozen=True, slots=True)
class Clear:
    """Take the retained request off an edge."""

    edge: Edge


@dataclass(frozen=True, slots=True)
class Setpoint:
    """A device's power from `at` until `until`, signed W, + = import; afterwards its own schedule."""

    resource_id: str
    power_w: int | None
    """None: back to the own schedule."""
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Measure:
    """Ask a device for the energy of a slot that has ended; the answer is `Measured`."""

    resource_id: str
    event_id: str
    slot: int
    from_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Solve:
    """Ask for the best plan over members and slots; the answer is `Solved`, and none that comes too late is needed."""

    event_id: str
    number: int
    """Of the question, in its event."""


@dataclass(frozen=True, slots=True)
class Question:
    """Ask the resident; the stored rule decides at `answer_by`."""

    event_id: str
    text: str
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What is worth telling: the patent's step where there is one, an event name, and the figures that decided."""

    name: str
    event_id: str = ""
    step: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


Effect: TypeAlias = Send | Clear | Setpoint | Measure | Solve | Question | Note
