"""How far one event is at a parent: the stage, the deal, the outcome."""

from datetime import datetime

from agents.negotiation.out import Out
from agents.negotiation.stage import Stage, Timer, Transitions
from agents.negotiation.timers import Timers
from protocol.plan import Plan

UNKNOWN = "completed_unknown"
"""The outcome of an event that ended while its party was down."""


class EventStanding:
    """All parts of the event read this one object."""

    def __init__(self, out: Out, timers: Timers, transitions: Transitions) -> None:
        self.out, self.timers, self.transitions = out, timers, transitions
        self.stage = Stage.COLLECTING
        self.deal_w: Plan | None = None
        """What was sold to the parent (at the utility: bought), W."""
        self.outcome: str | None = None

    def go(self, stage: Stage, ends_at: datetime | None = None) -> None:
        """Change the stage as the table allows; anything else is our own fault and crashes."""
        if stage is not self.stage and stage not in self.transitions[self.stage]:
            raise RuntimeError(f"{self.out.name}/{self.out.event_id}: {self.stage} -> {stage} is not in the table")
        self.stage = stage
        self.timers.drop(Timer.STAGE)
        if ends_at is not None:
            self.timers.set(Timer.STAGE, ends_at)

    def begin_anew(self) -> None:
        """Another request stands: nothing is sold, nothing is over."""
        self.deal_w, self.outcome = None, None
        self.go(Stage.COLLECTING)

    @property
    def settling(self) -> bool:
        """The event ended while nobody was there: reports may still complete it."""
        return self.outcome == UNKNOWN
