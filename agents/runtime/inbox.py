"""What waits to be taken by a party, in the order in which it came, and what acknowledges it."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from protocol.actor import Taken

INBOX = 2_000
Waiting: TypeAlias = tuple[Taken | None, Callable[[], None]]
"""An input (None: only what is due) and what acknowledges it."""


class Inbox:
    """It is bounded: while it is full the carrier reads no more."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Waiting] = asyncio.Queue(INBOX)
        self._left: list[Waiting] = []
        """What an earlier turn had no time for."""

    def __len__(self) -> int:
        return self.queue.qsize() + len(self._left)

    def leave(self, rest: list[Waiting]) -> None:
        """For the next turn."""
        self._left = rest

    def left(self) -> list[Waiting]:
        """What an earlier turn has left, once."""
        left, self._left = self._left, []
        return left

    def at_hand(self, most: int) -> list[Waiting]:
        """What need not be waited for."""
        found: list[Waiting] = []
        while len(found) < most and not self.queue.empty():
            found.append(self.queue.get_nowait())
        return found


def nothing() -> None:
    """There is nothing to acknowledge."""
