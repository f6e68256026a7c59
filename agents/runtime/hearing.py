"""Whoever starts again hears before it judges: what waited at the broker was sent before what is due by now."""

import asyncio
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
HEARD_S, HEARS_AT_MOST_S = 0.25, 5.0
"""After a start (or a jump of the clock) what is due waits until nothing has come in for so long, but no longer than the
second: what waited at the broker was said before."""


class Hearing:
    """The time after a start in which what is due waits."""

    def __init__(self) -> None:
        self._until: float | None = None
        """Until when at most, in the loop's time; None when it is over."""

    @property
    def on(self) -> bool:
        """Whether what is due has to wait."""
        return self._until is not None

    def begin(self, times: float = 1.0) -> None:
        """Let what is due wait; `times` as long at most, for many who were down together."""
        self._until = asyncio.get_running_loop().time() + HEARS_AT_MOST_S * times

    async def next(self, inbox: asyncio.Queue[T]) -> T | None:
        """What comes in next; None when nothing does any more, and it is over."""
        loop, until = asyncio.get_running_loop(), self._until
        if until is None:
            return None
        first: T | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(until, loop.time() + HEARD_S)):
                first = await inbox.get()
        if first is None or loop.time() >= until:
            self._until = None
        return first
