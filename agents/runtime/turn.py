"""How long a party may take what has come in before it looks again at what is due."""

import time
from collections.abc import Callable

LONGEST_S = 0.05
"""Long messages of one sender cost a hundred times as much as an offer: so many of them make several turns."""


class Turn:
    """One turn after the other; `elapsed` tells the time, s."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed, self._began = elapsed, elapsed()

    def begin(self) -> None:
        """A new one begins."""
        self._began = self._elapsed()

    @property
    def is_over(self) -> bool:
        """Whether what is left has to wait for the next one."""
        return self._elapsed() - self._began >= LONGEST_S
