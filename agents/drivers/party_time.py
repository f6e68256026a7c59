"""The party's clock beside real time: a played day may pass in a minute."""

from datetime import datetime, timedelta

from broker.clock import Clock

LEAST_PAUSE_S = 0.02


class PartyTime:
    """Instants and spans of the party's clock, for one who waits in real time."""

    def __init__(self) -> None:
        self.clock: Clock | None = None
        """None until the device runs."""

    @property
    def now(self) -> datetime:
        assert self.clock is not None
        return self.clock.now()

    def real_s(self, seconds: float) -> float:
        """A span of the party's clock in s of real time."""
        assert self.clock is not None
        return max(LEAST_PAUSE_S, seconds / self.clock.speed)

    def ago(self, age_s: float) -> datetime:
        """Of what is so old in real time."""
        assert self.clock is not None
        return self.now - timedelta(seconds=age_s * self.clock.speed)

    @property
    def is_the_worlds(self) -> bool:
        """Whether the party's time is that of the world."""
        return self.clock is not None and self.clock.follows
