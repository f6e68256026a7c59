"""What was heard, made fit to be kept: messages, refusals, and what changed by them."""

from dataclasses import dataclass
from datetime import datetime

from agents.history.standing import PartyStage
from protocol import messages as m
from protocol.edges import Edge


@dataclass(frozen=True, slots=True)
class WatchedWire:
    """A message that could be read."""

    edge: Edge
    message: m.Message
    standing: bool
    """Retained: said before we listened."""


@dataclass(frozen=True, slots=True)
class WatchedProgress:
    """A party's word on how far it is in an event."""

    message: m.Progress
    standing: bool
    """Retained: said before we listened."""


@dataclass(frozen=True, slots=True)
class WatchedRefusal:
    """A rejection that a party sent, or bytes that are no message (then `by` is empty)."""

    at: datetime
    edge: Edge | None
    by: str
    kind: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class WatchChange:
    """What a message changed: a party's stage in an event, who is online, a refusal."""

    event_id: str = ""
    party: str = ""
    stage: PartyStage | None = None
    outcome: str = ""
    presence: str = ""
    refusal: WatchedRefusal | None = None


def printable(text: str) -> str:
    """A stranger's text for a terminal: nothing in it moves the cursor."""
    return "".join(char if char.isprintable() else "?" for char in text[:200])
