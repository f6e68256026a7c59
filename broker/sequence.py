"""Numbers on posts, so that a receiver notices what the wire or the broker lost (P13).

A number is `{start}.{n}`: n counts a sender's posts on an edge, whatever their kind (whoever hears one kind on it hears
all that travel the same way), and `start` tells its processes apart.
"""

import re
import time
from sys import intern

from protocol.edges import Edge

LONGEST_START, LONGEST_COUNT = 32, 15
"""Characters of a number's two parts: beyond them it is none of ours."""
MOST_MISSING = 10**6
"""More than so many at once no queue held: whoever says so has counted wrongly."""
BOTH_WAYS = "dr/reject/"
"""Both ends of an edge send there and hear it; whose number is whose is known by what only one of them sends."""
_COUNT = re.compile(r"[0-9]+\Z").match


class Numbers:
    """The sender's side."""

    def __init__(self) -> None:
        self._start = f"{time.time_ns():x}"
        self._counts: dict[str, dict[str, int]] = {}
        """By parent and child: both names are there anyway, and a crowd's edges need no text of their own."""

    def next(self, edge: Edge) -> str:
        counts = self._counts.setdefault(edge.parent, {})
        count = counts[edge.child] = counts.get(edge.child, 0) + 1
        return f"{self._start}.{count}"


class Gaps:
    """The receiver's side: `lost` counts numbers that were skipped. Repeats and a sender's new start are none."""

    def __init__(self) -> None:
        self.lost = 0
        self.last_topic = ""
        """Where the last gap was."""
        self._known: dict[str, dict[str, tuple[str, int]]] = {}
        """By parent and child: the start and the highest number."""

    def hear(self, topic: str, edge: Edge, number: str) -> None:
        """Take a number that came on a topic of an edge; what is no number of ours is ignored."""
        start, dot, count = number.partition(".")
        if not dot or len(start) > LONGEST_START or len(count) > LONGEST_COUNT or not _COUNT(count):
            return
        on_edges, received = self._known.setdefault(edge.parent, {}), int(count)
        known = on_edges.get(edge.child)
        if topic.startswith(BOTH_WAYS) and (known is None or known[0] != start):
            return  # our own word, of which we hear no other kind: its number says nothing
        if known is not None and known[0] == start:
            missing = received - known[1] - 1
            if 0 < missing <= MOST_MISSING:
                self.lost += missing
                self.last_topic = topic
            if received <= known[1]:
                return
        on_edges[edge.child] = (intern(start), received)
