"""Scaled time for parties that share a process: it waits for whoever is behind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from broker.clock import Clock

TICK_S = 0.002
MOST_S = 0.005
"""Real time that a tick counts at most: where the loop was stalled for longer, no party could have said a word."""


class PatientClock(Clock):
    """Passes only while nothing is under way, and by MOST_S at a time.

    At 600 times real time a stage of the asking lasts a quarter of a second; a full collection of a large process, or
    two turns on a busy core, last as long. What a party has to say in a stage would come late by no fault of its own.
    """

    def __init__(self, origin_at: datetime, speed: float, under_way: Callable[[], bool] = lambda: False) -> None:
        super().__init__(origin_at, speed=speed)
        self._at, self._under_way = origin_at, under_way

    def now(self) -> datetime:
        return self._at

    def real_seconds_until(self, at: datetime) -> float:
        """At least a tick, so that who waits looks again when time has passed and not before."""
        seconds = super().real_seconds_until(at)
        return max(TICK_S, seconds) if seconds else 0.0

    def tick(self, elapsed_s: float) -> None:
        """So much real time has gone by."""
        if not self._under_way():
            self._at += timedelta(seconds=min(elapsed_s, MOST_S) * self.speed)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            self.tick(now - before)
            before = now


@asynccontextmanager
async def going(clock: PatientClock) -> AsyncIterator[PatientClock]:
    """It runs until the end of the block."""
    running = asyncio.create_task(clock.run())
    try:
        yield clock
    finally:
        running.cancel()
        await asyncio.wait((running,))
