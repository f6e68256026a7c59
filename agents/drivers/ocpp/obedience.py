"""Whether what a charger meters is what it was told: "Accepted" alone confirms nothing. Pure: instants are monotonic
seconds that come in."""

from agents.drivers.ocpp.clock import OLD_S
from agents.drivers.roughly import rough_w

DRAWS_W = 100
"""From this power on a vehicle charges."""
EARLY_S = OLD_S
"""It may end so much early, or by a quarter of a short one: a clock that is off by less is not noticed."""
WAKES_WITHIN_S = 300.0
"""A vehicle that draws nothing so long after a pause does not wake by itself."""


class Obedience:
    """Of one connector."""

    def __init__(self, follows_within_s: float) -> None:
        self._follows_within_s = follows_within_s
        self._told: tuple[int, float] | None = None
        """The power in W, since when."""
        self._ends_at = self._judged_until = 0.0
        self._woken_at: float | None = None
        """When a pause was over behind which nothing was drawn yet."""
        self._metered_at: float | None = None
        self._judged = ""
        """What was wrong when it was judged last; while it is not sure whether the limit has ended, that stands."""

    def tell(self, power_w: int | None, now: float, ends_at: float = 0.0) -> None:
        """It has taken a power, until an instant; None: it is its own, or has to be told anew."""
        before = None if self._told is None else self._told[0]
        held, lapsed = now < self._judged_until, now >= self._ends_at
        self._ends_at, self._judged_until = ends_at, ends_at - min(EARLY_S, (ends_at - now) / 4)
        if power_w == before and held:
            return
        if power_w != before or lapsed:
            self._judged = ""
        if power_w is None or power_w <= 0:
            self._woken_at = None
        elif before == 0:
            self._woken_at = now
        self._told = (
            None if power_w is None else (power_w, now)
        )  # the one before may have ended early: it has its time again

    def meter(self, power_w: float, at: float) -> None:
        """What flows, + = import."""
        self._metered_at = at
        if power_w >= DRAWS_W:
            self._woken_at = None
        if self._told is not None and at < self._judged_until:
            told_w, since = self._told
            if at - since >= self._follows_within_s:
                self._judged = self._judge(power_w, told_w, at)

    def _judge(self, flows_w: float, told_w: int, at: float) -> str:
        if flows_w > told_w + rough_w(told_w):
            return f"does not follow: {flows_w:,.0f} W flow, it was told {told_w:,} W"
        if self._woken_at is not None and at - self._woken_at >= WAKES_WITHIN_S:
            return (
                "does not wake: the vehicle draws nothing since its pause is over; pull the cable and plug it in again"
            )
        return ""

    def forget(self) -> None:
        """The vehicle has gone, and with it what flows."""
        self._metered_at = self._woken_at = None
        self._judged = ""

    def fault(self) -> str:
        """What is wrong by the newest reading; empty: nothing is known to be."""
        over = self._metered_at is None or self._metered_at >= self._ends_at
        return "" if self._told is None or over else self._judged
