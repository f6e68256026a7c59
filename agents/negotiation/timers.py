"""The named deadlines of one event."""

from collections.abc import Iterator
from datetime import datetime

from agents.negotiation.stage import Timer


class Timers:
    """Deadlines by name; what each of them calls stands in one match of `Negotiation`."""

    def __init__(self) -> None:
        self.at: dict[Timer, datetime] = {}

    def set(self, timer: Timer, at: datetime) -> None:
        """Let a timer ring at an instant, instead of its earlier one."""
        self.at[timer] = at

    def drop(self, timer: Timer) -> None:
        """Let a timer not ring."""
        self.at.pop(timer, None)

    def clear(self, keep: Timer | None = None) -> None:
        """Let none ring, but for one to keep."""
        kept = self.at.get(keep) if keep is not None else None
        self.at.clear()
        if keep is not None and kept is not None:
            self.at[keep] = kept

    @property
    def first(self) -> datetime | None:
        """The earliest of them."""
        return min(self.at.values(), default=None)

    def due(self, now: datetime) -> Iterator[Timer]:
        """Take those that are due, in the order in which they were set; one that is set or dropped meanwhile is not."""
        for timer, at in list(self.at.items()):
            if at <= now and self.at.get(timer) == at:
                del self.at[timer]
                yield timer
