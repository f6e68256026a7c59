"""Messages a second over the last minute of real time, in buckets of a second."""

from collections import deque

SECONDS = 60


class Rates:
    """Count with `hear`; real seconds are of any monotonic clock."""

    def __init__(self) -> None:
        self.total = 0
        self._buckets: deque[tuple[int, int]] = deque(maxlen=SECONDS)

    def hear(self, real_s: float) -> None:
        second = int(real_s)
        self.total += 1
        if self._buckets and self._buckets[-1][0] == second:
            self._buckets[-1] = (second, self._buckets[-1][1] + 1)
        else:
            self._buckets.append((second, 1))

    def recent(self, real_s: float, seconds: int) -> list[int]:
        """Messages in each of the last whole seconds, oldest first; the running second is not among them."""
        counts = dict(self._buckets)
        end = int(real_s)
        return [counts.get(second, 0) for second in range(end - seconds, end)]
