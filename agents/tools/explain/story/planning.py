"""The coordinator's rounds (S1-S6), and what the utility asked and judged."""

from dataclasses import dataclass, field
from datetime import datetime

from agents.tools.explain.story.answer import Answer
from protocol.plan import Plan


@dataclass(slots=True)
class Judgement:
    """S4: an alternative, and why it was accepted or not."""

    at: datetime
    aggregator: str
    requested_w: Plan
    proposed_w: Plan
    shortfall_w: Plan
    share_pct: int
    wanted_pct: int
    others_have_over_w: Plan
    accepted: bool
    why: str


@dataclass(slots=True)
class Rerequest:
    """S5, S6: one aggregator asked again."""

    at: datetime
    aggregator: str
    round: int
    requested_w: Plan
    before_w: Plan
    """What stood with it."""
    verdict: str
    """As of an answer."""
    answered_w: Plan | None
    """None: there is none that counts."""
    reply_by: datetime | None


@dataclass(slots=True)
class Pass:
    """The coordinator judges what has come in; then it re-requests or answers the utility."""

    at: datetime
    judgements: list[Judgement] = field(default_factory=list)
    gap_w: Plan = ()
    """What the re-requests are to fill."""
    rerequests: list[Rerequest] = field(default_factory=list)
    secured_w: Plan = ()
    shortfall_w: Plan = ()
    answered: bool = False
    """The utility is answered."""


@dataclass(slots=True)
class Planning:
    """A coordinator at work on one request (S1-S6)."""

    party: str
    parent: str
    revision: int
    at: datetime
    plan: str
    reply_by: datetime | None
    requested_w: Plan
    answers: list[Answer] = field(default_factory=list)
    """To the first round."""
    passes: list[Pass] = field(default_factory=list)


@dataclass(slots=True)
class Issued:
    """The utility asks (each revision of the event), and judges what comes back."""

    party: str
    revision: int
    at: datetime
    requested_w: Plan
    reply_by: datetime | None
    judged_at: datetime | None = None
    offered_w: Plan = ()
    share_pct: int = 0
    least_pct: int = 0
    bought: bool | None = None
    """None: not judged."""
    power_w: Plan = ()
    """What it awarded."""
