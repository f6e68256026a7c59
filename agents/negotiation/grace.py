"""How long a slot's meter values are waited for. Graces nest by depth: what an aggregator below sums up at the end of its
own grace is not late at its parent."""

from dataclasses import dataclass
from datetime import timedelta

from agents.settings.members import Members

AGGREGATE_S = 120
"""How long an aggregator below waits for its meters where its contract does not say it: the default of its settings."""
HOP_S = 60
"""What a parent waits longer than the slowest of them."""
ASKED = 3
"""How often readings that are missing are asked for in the grace."""


@dataclass(frozen=True, slots=True)
class ReportGrace:
    """Of one party."""

    whole: timedelta
    """From the end of a slot until it is summed up with what is there."""
    before_asking: timedelta
    """From the end of a slot until what is missing is asked for."""

    @property
    def between_asking(self) -> timedelta:
        """From one question to the next."""
        return max((self.whole - self.before_asking) / ASKED, timedelta(milliseconds=1))

    @classmethod
    def of(cls, own_s: int, book: Members | None = None) -> "ReportGrace":
        """Of a party whose settings say so many seconds, and whose members may be aggregators with a grace of their
        own."""
        below_s = max((member.reports_within_s or AGGREGATE_S for member in book.aggregators), default=0) if book else 0
        whole = timedelta(seconds=max(own_s, below_s + HOP_S if below_s else 0))
        below = timedelta(seconds=below_s)
        return cls(whole, below + (whole - below) / (ASKED + 1))
