"""What time it is in the system that is watched.

A system in the field runs on the wall clock. One under `gridpact up` runs 60 times as fast, on another day: its time
can only be read from `sent_at`. So the clock is the wall's until the wire says otherwise; then it is the newest
`sent_at` plus the real time since, times the speed, and the speed is the slope through what was heard in the last
minute. Only parents (who ask others) are believed: a field device with a wrong clock moves nothing.
"""

from collections import deque
from datetime import datetime, timedelta

from protocol.units import LAST_AT

WALL_WITHIN = timedelta(minutes=2)
"""A system whose messages are no further from the wall clock than this runs on it."""
LEFT_STANDING = timedelta(minutes=15)
"""A request that ended longer ago than this was not left standing by a system on the wall clock."""
LEAST_SPAN_S, WINDOW_S = 0.25, 60.0
"""Real seconds between two samples that give a slope; how far back samples are kept."""
MOST_SAMPLES = 256
MOST_BEHIND = 200
"""So many messages one after the other that are older than the newest: then the newest was said by a wrong clock."""
FASTEST = 100_000.0
"""No system's clock is faster (agents/settings/daemon.py): a greater slope is of somebody who says any time."""


class WireClock:
    """Takes what was said when; tells the time. Real seconds are of any monotonic clock."""

    def __init__(self, speed: float | None = None) -> None:
        """`speed`: given by the user, not estimated."""
        self._given = speed
        self.speed = speed or 1.0
        self._told = False
        """Whether a message that came in just now was of another day."""
        self._behind = 0
        self._samples: deque[tuple[float, datetime]] = deque(maxlen=MOST_SAMPLES)

    def hear(self, sent_at: datetime, wall_at: datetime, real_s: float) -> None:
        """A parent's message that came in just now."""
        if self._given is None and not self._told and abs(sent_at - wall_at) <= WALL_WITHIN:
            self._samples.clear()
            return
        self._told = True
        self._keep(sent_at, real_s)

    def hear_standing(self, sent_at: datetime, ends_at: datetime, wall_at: datetime, real_s: float) -> None:
        """A retained request. It is taken back when its event is over: one that ended long ago by the wall clock, or
        was said in its future, tells that the system has a clock of its own (until a message says otherwise)."""
        if self._given is not None or sent_at > wall_at + WALL_WITHIN or ends_at < wall_at - LEFT_STANDING:
            self._keep(sent_at, real_s)

    @property
    def scaled(self) -> bool:
        """Whether the system runs on a clock of its own."""
        return bool(self._samples)

    def _keep(self, sent_at: datetime, real_s: float) -> None:
        if self._samples and sent_at <= self._samples[-1][1]:
            self._behind += 1  # a repeat, or one that was overtaken
            if self._behind < MOST_BEHIND:
                return
            self._samples.clear()  # so many cannot be: the newest was wrong
        self._behind = 0
        if not self._told:
            self._samples.clear()  # said before we listened: a slope through it means nothing
        self._samples.append((real_s, sent_at))
        while len(self._samples) > 2 and real_s - self._samples[1][0] > WINDOW_S:
            self._samples.popleft()
        self._estimate()

    def now(self, wall_at: datetime, real_s: float) -> datetime:
        """The time in the system."""
        if not self._samples:
            return wall_at
        heard_s, sent_at = self._samples[-1]
        since_s = max(0.0, real_s - heard_s) * self.speed
        return sent_at + timedelta(seconds=min(since_s, (LAST_AT - sent_at).total_seconds()))

    def _estimate(self) -> None:
        if self._given is not None:
            return
        (first_s, first_at), (last_s, last_at) = self._samples[0], self._samples[-1]
        if last_s - first_s >= LEAST_SPAN_S:
            slope = (last_at - first_at).total_seconds() / (last_s - first_s)
            self.speed = min(FASTEST, float(f"{slope:.2g}"))
