"""Numbers on posts, so that a receiver notices what the wire or the broker lost (P13).

A number is `{start}.{n}`: n counts a sender's posts on a topic, `start` tells its processes apart.
"""

import time
from collections import Counter


class Numbers:
    """The sender's side."""

    def __init__(self) -> None:
        self._start = f"{time.time_ns():x}"
        self._counts: Counter[str] = Counter()

    def next(self, topic: str) -> str:
        self._counts[topic] += 1
        return f"{self._start}.{self._counts[topic]}"


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
        known = self._known.get(topic)
        if known is not None and known[0] == start:
            missing = int(count) - known[1] - 1
            if missing > 0:
                self.lost += missing
                self.last_topic = topic
            if int(count) <= known[1]:
                return
        self._known[topic] = (start, int(count))
