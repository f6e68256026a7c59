"""Time for live carriers: monotonic, anchored to UTC once; or scaled, the same in every process."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """now = origin_at + (real UTC - anchor_at) x speed. A step of the wall clock after the start changes nothing.

    With speed 1 and origin_at = anchor_at it is real time. All processes that are given the same three values agree.
    """

    def __init__(
        self, origin_at: datetime | None = None, anchor_at: datetime | None = None, speed: float = 1.0
    ) -> None:
        if speed <= 0:
            raise ValueError("speed has to be above 0")
        started = datetime.now(UTC)
        self._monotonic = time.monotonic()
        anchor = anchor_at or started
        self._started = (origin_at or anchor) + (started - anchor) * speed
        self.speed = speed

    def now(self) -> datetime:
        return self._started + timedelta(seconds=(time.monotonic() - self._monotonic) * self.speed)

    def real_seconds_until(self, at: datetime) -> float:
        """Seconds of real time until an instant; 0 when it has passed."""
        return max(0.0, (at - self.now()).total_seconds() / self.speed)

    async def wait_until(self, at: datetime) -> None:
        """Return when the instant has come."""
        while (seconds := self.real_seconds_until(at)) > 0:
            await asyncio.sleep(seconds)
