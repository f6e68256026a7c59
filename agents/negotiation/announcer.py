"""Tells many children: slice by slice, each message made when it is sent.

A request to 100,000 homes as one step would have all its messages in the memory at once, and none would leave before
the last is made and all are in the journal. So a step sends at most `SLICE`; the rest waits as what makes the messages,
and the party wants to be woken at once, until all is sent. It is sent in its order, before anything else is done.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVarTuple

from protocol import messages as m
from protocol.actor import Effect
from protocol.edges import Edge

SLICE = 1_000
"""Effects in one step; what children are told beyond that is told in steps of its own."""
SOON = timedelta(microseconds=1)

What = TypeVarTuple("What")


class Sender(Protocol):
    """A party that sends."""

    effects: list[Effect]
    """Of the step under way."""

    def send(self, edge: Edge, message: m.Message) -> None:
        """Send a message in this step."""
        ...

    def clear_now(self, edge: Edge) -> None:
        """Take the retained request off an edge in this step."""
        ...


class Announcer:
    """What a party still has to tell its children."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.later_at: datetime | None = None
        """When more is to be sent; None when nothing is."""
        self._later: deque[tuple[Any, ...]] = deque()
        """To be sent in the next steps: the edge, what makes the message, and of what; or None: take the retained
        request off the edge. As flat as can be: there may be one for each of 100,000."""

    def say(self, edge: Edge, now: datetime, build: Callable[[*What], m.Message], *what: *What) -> None:
        """Send a child what `build` makes of `what`, in this step or in one of the next."""
        if self._must_wait(now):
            self._later.append((edge, build, *what))
        else:
            self._sender.send(edge, build(*what))

    def clear(self, edge: Edge, now: datetime) -> None:
        """Take the retained request off an edge, behind what is still to be sent on it."""
        if self._must_wait(now):
            self._later.append((edge, None))
        else:
            self._sender.clear_now(edge)

    def _must_wait(self, now: datetime) -> bool:
        if self.later_at is None and len(self._sender.effects) >= SLICE:
            self.later_at = now + SOON
        return self.later_at is not None

    def say_more(self, now: datetime) -> None:
        """Send the next slice of what waits."""
        for _ in range(min(SLICE, len(self._later))):
            edge, build, *what = self._later.popleft()
            if build is None:
                self._sender.clear_now(edge)
            else:
                self._sender.send(edge, build(*what))
        self.later_at = now + SOON if self._later else None

    def waiting(self) -> list[tuple[Any, ...]]:
        """What is still to be sent: the edge, what makes the message (None: clear it), and of what."""
        return list(self._later)

    def remember(self, waiting: list[tuple[Any, ...]], later_at: datetime | None) -> None:
        """Let this be what is still to be sent."""
        self._later, self.later_at = deque(waiting), later_at
