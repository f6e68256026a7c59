"""Numbers on posts, so that a receiver notices what the wire or the broker lost (P13).

A number is `{start}.{n}`: n counts a sender's posts on an edge, whatever their kind (whoever hears one kind on it hears
all that travel the same way), and `start` tells its processes apart.
"""

import time
from sys import intern


class Numbers:
    """The sender's side."""

    def __init__(self) -> None:
        self._start = f"{time.time_ns():x}"
        self._counts: dict[str, int] = {}

    def next(self, topic: str) -> str:
        edge = _edge(topic)
        count = self._counts[edge] = self._counts.get(edge, 0) + 1
        return f"{self._start}.{count}"


class Gaps:
    """The receiver's side: `lost` counts numbers that were skipped. Repeats and a sender's new start are none."""

    def __init__(self) -> None:
        self.lost = 0
        self.last_topic = ""
        """Where the last gap was."""
        self._known: dict[str, tuple[str, int]] = {}

    def hear(self, topic: str, number: str) -> None:
        """Take a number; what is no number of ours is ignored."""
        start, dot, count = number.partition(".")
        if not dot or not count.isdecimal():
            return
        edge, heard = _edge(topic), int(count)
        known = self._known.get(edge)
        if known is not None and known[0] == start:
            missing = heard - known[1] - 1
            if missing > 0:
                self.lost += missing
                self.last_topic = topic
            if heard <= known[1]:
                return
        self._known[edge] = (intern(start), heard)


def _edge(topic: str) -> str:
    """What stands behind `dr/{kind}/`; a foreign topic stands for itself."""
    return topic.split("/", 2)[-1]
