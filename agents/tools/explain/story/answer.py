"""A request on an edge, how it was answered, and what kept the answers from being more."""

from dataclasses import dataclass
from datetime import datetime

from protocol.plan import Plan


@dataclass(slots=True)
class AskedStory:
    """A request on one edge (S1, S6, S22)."""

    parent: str
    child: str
    revision: int
    round: int
    at: datetime
    power_w: Plan
    reply_by: datetime
    reached: bool | None
    """Whether it arrived; None: the child's journal is not there and it never answered."""


@dataclass(slots=True)
class Answer:
    """How one child answered one request, or one relax."""

    child: str
    verdict: str
    """yes, no, silent, late or refused; open when it still had time where the journals end."""
    basis: str
    """own, relaxed or alternative; empty when there was no answer."""
    asked_w: Plan
    power_w: Plan
    """What counts of it: zeros unless the verdict is yes."""
    sent_w: Plan
    """What it said, counted or not."""
    available_w: Plan
    """What it could have given at most."""
    binding: tuple[str | None, ...]
    """Per slot, why no more (a restriction, or null)."""
    reason: str
    """Of a no, a refusal or a silence."""
    text: str
    at: datetime | None
    late_by_s: int | None = None
    """Seconds after reply_by; 0 when the stage was left early."""


@dataclass(slots=True)
class Cause:
    """Why less came than was asked of the children: what one cause took away."""

    cause: str
    """A restriction, `no: REASON`, open, silent, late, refused, not_asked, below (an aggregator gave less) or not_told."""
    devices: int
    slots: int
    """In how many pairs of device and slot."""
    missing_w: Plan
    energy_wh: int
