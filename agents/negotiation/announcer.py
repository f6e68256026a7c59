"""A party that tells a crowd: slice by slice, each message made when it is said.

A request to 100,000 homes as one step would have all its messages in the memory at once, and none would leave before
the last is made and all are in the journal. So a step says at most `SLICE`; the rest waits as what makes the messages,
and the party wants to be woken at once, until all is said. It is said in its order, before anything else is done.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVarTuple

from agents.negotiation.party import Party
from protocol import messages as m
from protocol.edges import Edge

SLICE = 1_000
"""Effects in one step; what a crowd is told beyond that is told in steps of its own."""
SOON = timedelta(microseconds=1)

What = TypeVarTuple("What")


class Announcer(Party):
    """Base of parties with children."""

    def __init__(self, name: str, parents: tuple[str, ...], children: Mapping[str, object]) -> None:
        super().__init__(name, parents, children)
        self.later_at: datetime | None = None
        """When more is to be said; None when nothing is."""
        self._later: deque[tuple[Any, ...]] = deque()
        """To be said in the next steps: the edge, what makes the message, and of what; or None: take the retained
        request off the edge. As flat as can be: there is one for each of a crowd."""

    def say(self, edge: Edge, now: datetime, build: Callable[[*What], m.Message], *what: *What) -> None:
        """Tell a child what `build` makes of `what`, in this step or in one of the next."""
        if self._must_wait(now):
            self._later.append((edge, build, *what))
        else:
            self._send(edge, build(*what))

    def clear(self, edge: Edge, now: datetime) -> None:
        """Take the retained request off an edge, behind what is still to be said on it."""
        if self._must_wait(now):
            self._later.append((edge, None))
        else:
            self._clear(edge)

    def _must_wait(self, now: datetime) -> bool:
        if self.later_at is None and len(self._effects) >= SLICE:
            self.later_at = now + SOON
        return self.later_at is not None

    def say_more(self, now: datetime) -> None:
        """The next slice of what waits."""
        for _ in range(min(SLICE, len(self._later))):
            edge, build, *what = self._later.popleft()
            if build is None:
                self._clear(edge)
            else:
                self._send(edge, build(*what))
        self.later_at = now + SOON if self._later else None
