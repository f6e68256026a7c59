"""What happens to the machine's clock while a process runs: it is set, or stands still with the machine."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from broker.clock import STEP_S, Clock, ClockChange

CLOCK_PERIOD_S = 1.0


class Suspension:
    """Whether the machine was suspended since it was last asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._slept_s = clock, clock.slept_s

    def since(self, now: datetime) -> datetime | None:
        """From when on it was, until now; None where it was not."""
        slept_s = self._clock.slept_s
        asleep_s, self._slept_s = slept_s - self._slept_s, slept_s
        return None if asleep_s < STEP_S else now - timedelta(seconds=asleep_s)


async def clock_changes(clock: Clock) -> AsyncIterator[ClockChange]:
    """Follow the machine's clock: each time it was set, and each suspend."""
    while True:
        await asyncio.sleep(CLOCK_PERIOD_S)
        change = clock.look()
        if change is not None:
            yield change


def jumped_from(change: ClockChange, clock: Clock) -> datetime | None:
    """The instant from which the clock was set forward; None where it was not. (Each party sees by itself that the
    machine was suspended: before it takes what comes then.)"""
    return clock.now() - timedelta(seconds=change.set_by_s) if change.set_by_s >= STEP_S else None


def change_in_words(change: ClockChange) -> str:
    """For the log and the alert."""
    said = []
    if abs(change.set_by_s) >= STEP_S:
        way = "forward" if change.set_by_s > 0 else "back"
        said.append(f"this machine's clock was set {way} by {abs(change.set_by_s):.0f} s")
    if change.asleep_s >= STEP_S:
        said.append(f"this machine was suspended for {change.asleep_s:.0f} s")
    return "; ".join(said)
