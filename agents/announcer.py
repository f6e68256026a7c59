"""A party that tells a crowd: slice by slice, each message made when it is said.

A request to 100,000 homes as one step would have all its messages in the memory at once, and none would leave before
the last is made and all are in the journal. So a step says at most `SLICE`; the rest waits as what makes the messages,
and the party wants to be woken at once, until all is said. It is said in its order, before anything else is done.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from agents.party import Party
from protocol import messages as m
from protocol.edges import Edge

SLICE = 1_000
"""Effects in one step; what a crowd is told beyond that is told in steps of its own."""
SOON = timedelta(microseconds=1)

Build: TypeAlias = Callable[[], m.Message]


class Announcer(Party):
    """Base of parties with children."""

    def __init__(self, name: str, parents: tuple[str, ...], children: Mapping[str, object]) -> None:
        super().__init__(name, parents, children)
        self.later_at: datetime | None = None
        """When more is to be said; None when nothing is."""
        self._later: deque[tuple[Edge, Build | None]] = deque()
        """To be said in the next steps; None: take the retained request off the edge."""

    def say(self, edge: Edge, build: Build, now: datetime) -> None:
        """Tell a child what `build` makes, in this step or in one of the next."""
        self._in_turn(edge, build, now)

    def clear(self, edge: Edge, now: datetime) -> None:
        """Take the retained request off an edge, behind what is still to be said on it."""
        self._in_turn(edge, None, now)

    def _in_turn(self, edge: Edge, build: Build | None, now: datetime) -> None:
        if self.later_at is None and len(self._effects) < SLICE:
            self._do(edge, build)
        else:
            self._later.append((edge, build))
            self.later_at = self.later_at or now + SOON

    def _do(self, edge: Edge, build: Build | None) -> None:
        if build is None:
            self._clear(edge)
        else:
            self._send(edge, build())

    def say_more(self, now: datetime) -> None:
        """The next slice of what waits."""
        for _ in range(min(SLICE, len(self._later))):
            self._do(*self._later.popleft())
        self.later_at = now + SOON if self._later else None
