"""The agenda of a simulated run: what is done at which instant of virtual time."""

import heapq
from collections.abc import Callable
from datetime import datetime

MAX_STEPS = 50_000_000
"""More steps than any run needs: an actor that spins is a bug and stops the run."""


class Agenda:
    """One heap of (instant, order of scheduling); `now` is the instant of what is done last."""

    def __init__(self, start_at: datetime) -> None:
        self.now = start_at
        self.steps = 0
        """What was done so far."""
        self.queue: list[tuple[datetime, int, Callable[[], object]]] = []
        self._order = 0

    def at(self, instant: datetime, action: Callable[[], object]) -> None:
        """Do something at an instant of the run."""
        self._order += 1
        heapq.heappush(self.queue, (instant, self._order, action))

    def run(self, until: datetime | None = None, most_steps: int = MAX_STEPS) -> None:
        """Until nothing is left to do, or until an instant. Raises RuntimeError after so many steps."""
        for _ in range(most_steps):
            self.steps += 1
            if not self.queue or (until is not None and self.queue[0][0] > until):
                self.now = max(self.now, until) if until is not None else self.now
                return
            instant, _, action = heapq.heappop(self.queue)
            self.now = max(self.now, instant)
            action()
        raise RuntimeError(f"more than {most_steps} steps: some actor spins")
