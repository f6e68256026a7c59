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
        self._flows: tuple[float, float] | None = None
        """W, and when it was metered."""

    def tell(self, power_w: int | None, now: float, ends_at: float = 0.0) -> None:
        """It has taken a power, until an instant; None: it is its own, or has to be told anew."""
        before = None if self._told is None else self._told[0]
        lapsed, self._ends_at = now >= self._ends_at, ends_at
        self._judged_until = ends_at - min(EARLY_S, (ends_at - now) / 4)
        if power_w == before and not lapsed:
            return
        if power_w is None or power_w <= 0:
            self._woken_at = None
        elif before == 0:
            self._woken_at = now
        self._told = None if power_w is None else (power_w, now)

    def meter(self, power_w: float, at: float) -> None:
        """What flows, + = import."""
        self._flows = power_w, at
        if power_w >= DRAWS_W:
            self._woken_at = None

    def forget(self) -> None:
        """The vehicle has gone, and with it what flows."""
        self._flows = self._woken_at = None

    def fault(self) -> str:
        """What is wrong by the newest reading; empty: nothing is known to be."""
        if self._told is None or self._flows is None:
            return ""
        (told_w, since), (flows_w, at) = self._told, self._flows
        if at >= self._judged_until:
            return ""
        if at - since >= self._follows_within_s and flows_w > told_w + rough_w(told_w):
            return f"does not follow: {flows_w:,.0f} W flow, it was told {told_w:,} W"
        if self._woken_at is not None and at - self._woken_at >= WAKES_WITHIN_S:
            return (
                "does not wake: the vehicle draws nothing since its pause is over; pull the cable and plug it in again"
            )
        return ""
