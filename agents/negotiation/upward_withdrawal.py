"""A withdrawal upward: it is sent until the parent's next award answers it."""

from datetime import datetime

from agents.negotiation.out import Out
from agents.negotiation.stage import Timer
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from protocol import messages as m
from protocol.edges import Edge

REPEATS = 10
"""How often one that is not answered is sent in the length of a slot."""


class UpwardWithdrawal:
    """The last one of an event."""

    def __init__(self, out: Out, timers: Timers, subject: Subject, edge: Edge) -> None:
        self.out, self.timers, self.subject, self.edge = out, timers, subject, edge
        self.said: m.Withdraw | None = None

    def say(self, message: m.Withdraw, now: datetime) -> None:
        """Send it, in the place of an earlier one."""
        self.said = message
        self.again(now)

    def again(self, now: datetime) -> None:
        """Send it until the parent's next award answers it, or the event is over."""
        assert self.said is not None
        self.out.send(self.edge, self.said)
        following = now + self.subject.period.duration / REPEATS
        if following < self.subject.end_at:
            self.timers.set(Timer.WITHDRAW, following)

    def is_of_all(self, reason: str) -> bool:
        """Whether an award of nothing with that reason answers a withdrawal of all that stood, and is no order to end."""
        said = self.said
        return said is not None and not any(said.power_w) and reason == said.cause

    def recall(self, said: m.Withdraw) -> None:
        """A withdrawal was said in another body than it is made in now."""
        if self.said is not None and self.said.message_id == said.message_id:
            self.said = said
