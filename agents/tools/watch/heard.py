"""What was heard, made fit to be kept: messages, refusals, and what changed by them."""

from dataclasses import dataclass
from datetime import datetime

from agents.tools.watch.row import Stage
from agents.tools.watch.wire_clock import LAST_YEAR
from protocol import messages as m
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that could be read."""

    edge: Edge
    message: m.Message
    standing: bool
    """Retained: said before we listened."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rejection that a party sent, or bytes that are no message (then `by` is empty)."""

    at: datetime
    edge: Edge | None
    by: str
    kind: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a message changed: a party's stage in an event, who is online, a refusal."""

    event_id: str = ""
    party: str = ""
    stage: Stage | None = None
    outcome: str = ""
    presence: str = ""
    refusal: Refusal | None = None


def ends(request: m.Request) -> datetime:
    """Raises RefusedMessage for a plan that ends behind the calendar."""
    try:
        ends_at = request.interval_period.slot_start(len(request.power_w))
    except OverflowError:
        ends_at = datetime.max
    if ends_at.year > LAST_YEAR:
        raise RefusedMessage(RejectReason.MALFORMED, f"request: ends after the year {LAST_YEAR}", request.message_id)
    return ends_at


def printable(text: str) -> str:
    """A stranger's text for a terminal: nothing in it moves the cursor."""
    return "".join(char if char.isprintable() else "?" for char in text[:200])
