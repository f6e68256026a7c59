"""Time for live carriers: it follows the machine's clock and never runs backwards by itself; or scaled, the same in every
process."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

STEP_S = 1.0
"""By so much a clock is set; less is how it is kept right."""


class ClockSources(NamedTuple):
    """The machine's clocks."""

    utc: Callable[[], datetime]
    passed: Callable[[], float]
    """Seconds since some instant, those of a suspend included where the machine counts them."""
    awake: Callable[[], float]
    """The same, without them."""


_passed = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
MACHINE = ClockSources(lambda: datetime.now(UTC), _passed, time.monotonic)


class ClockChange(NamedTuple):
    """What happened to the machine's time since somebody last looked, seconds."""

    set_by_s: float
    """The clock was set: forward, or back (negative)."""
    asleep_s: float
    """The machine was suspended."""


class Clock:
    """Real time, or with an origin or a speed: now = origin_at + (UTC - anchor_at) x speed, which no step of the machine's
    clock changes after the start. All processes that are given the same three values agree.

    Between two looks real time is monotonic time; `look` anchors it anew where the clock was set. Set forward, it jumps;
    set back, it stands still until real time has caught up, or until `step_back`.
    """

    def __init__(
        self,
        origin_at: datetime | None = None,
        anchor_at: datetime | None = None,
        speed: float = 1.0,
        sources: ClockSources = MACHINE,
    ) -> None:
        if speed <= 0:
            raise ValueError("speed has to be above 0")
        self._sources = sources
        self.follows = origin_at is None and speed == 1.0
        """Whether it is the machine's own time."""
        started = sources.utc()
        self._passed = sources.passed if self.follows else sources.awake
        self._began = self._passed()
        anchor = anchor_at or started
        self._started = (origin_at or anchor) + (started - anchor) * speed
        self._asleep = sources.passed() - sources.awake()
        self._last = self._started
        self.speed = speed

    def now(self) -> datetime:
        self._last = max(self._last, self.running())
        return self._last

    def running(self) -> datetime:
        """The same, where it may stand before `now` after the clock was set back."""
        return self._started + timedelta(seconds=(self._passed() - self._began) * self.speed)

    @property
    def ahead_s(self) -> float:
        """By how much it stands before the machine's time, seconds, because that was set back."""
        return max(0.0, (self.now() - self.running()).total_seconds())

    @property
    def slept_s(self) -> float:
        """For how long the machine was suspended, in all, seconds: only differences tell something."""
        return self._sources.passed() - self._sources.awake() if self.follows else 0.0

    def look(self) -> ClockChange | None:
        """Follow the machine's clock; what happened to it, if anything did."""
        if not self.follows:
            return None
        off = self._sources.utc() - self.running()
        asleep = self._sources.passed() - self._sources.awake()
        change = ClockChange(off.total_seconds(), asleep - self._asleep)
        self._started += off
        self._asleep = asleep
        return change if abs(change.set_by_s) >= STEP_S or change.asleep_s >= STEP_S else None

    def step_back(self) -> None:
        """To the machine's time: only for who has told everybody that time runs backwards once."""
        self._last = self.running()

    def not_before(self, at: datetime) -> None:
        """Stand still at an instant until it has come."""
        self._last = max(self._last, at)

    def real_seconds_until(self, at: datetime) -> float:
        """Seconds of real time until an instant; 0 when it has passed."""
        if not self.follows:
            return max(0.0, (at - self.now()).total_seconds() / self.speed)
        running = self.running()  # read once: it is asked of every request to 100,000 homes
        self._last = now = max(self._last, running)
        seconds = (at - now).total_seconds()
        return 0.0 if seconds <= 0 else seconds + (now - running).total_seconds()

    def expires_in_s(self, at: datetime) -> int:
        """For how long a post is kept that is good until an instant, s of real time: at least one."""
        return max(1, round(self.real_seconds_until(at)))

    async def wait_until(self, at: datetime) -> None:
        """Return when the instant has come."""
        while (seconds := self.real_seconds_until(at)) > 0:
            await asyncio.sleep(seconds)
