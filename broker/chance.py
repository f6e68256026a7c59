"""What happens by chance in a simulated run: one seeded generator, here and nowhere else, so a seed is a run."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from broker.node import Crash


@dataclass(frozen=True, slots=True)
class Faults:
    """What happens to messages on their way and to the parties."""

    delay_ms: tuple[int, int] = (1, 50)
    """Drawn evenly; different delays reorder."""
    loss_pct: int = 0
    repeat_pct: int = 0
    commit_ms: tuple[int, int] = (0, 0)
    """How long a journal takes to make entries durable; what was taken meanwhile is committed with them."""
    crashes: tuple[Crash, ...] = ()


class Chance:
    """Draws what the faults of a run leave open."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults, self._random = faults, Random(seed)

    def copies(self) -> int:
        """How often a message arrives."""
        if self._random.randrange(100) < self._faults.loss_pct:
            return 0
        return 2 if self._random.randrange(100) < self._faults.repeat_pct else 1

    def delay(self) -> timedelta:
        """How long it is on its way."""
        return self._between(self._faults.delay_ms)

    def commit(self) -> timedelta:
        """How long a journal takes."""
        return self._between(self._faults.commit_ms)

    def _between(self, bounds_ms: tuple[int, int]) -> timedelta:
        return timedelta(milliseconds=self._random.randint(*bounds_ms))
