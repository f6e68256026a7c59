"""What a device is to do and when, and what of it its abilities allow. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.drivers.contract import Abilities


@dataclass(frozen=True, slots=True)
class PowerOrder:
    """A power at the grid side from an instant until another, signed W."""

    at: datetime
    until: datetime
    power_w: int


class Orders:
    """Set-points in the order of time; a newer one ends those before it."""

    def __init__(self, orders: tuple[PowerOrder, ...] = ()) -> None:
        self.all = orders

    def set(self, power_w: int | None, at: datetime, until: datetime) -> None:
        """None: the own schedule from `at` on."""
        cut = [PowerOrder(one.at, min(one.until, at), one.power_w) for one in self.all if one.at < at]
        self.all = tuple(one for one in cut if one.at < one.until)
        if power_w is not None and at < until:
            self.all += (PowerOrder(at, until, power_w),)

    def now(self, at: datetime) -> PowerOrder | None:
        """What holds at an instant."""
        return next((one for one in reversed(self.all) if one.at <= at < one.until), None)

    def due(self, at: datetime, lead: timedelta) -> PowerOrder | None:
        """What is to be commanded at an instant, so that the device follows when it begins."""
        return self.now(at + lead) or self.now(at)

    def next_edge(self, at: datetime, lead: timedelta) -> datetime | None:
        """When `due` may change next. What is over by then is forgotten."""
        self.all = tuple(one for one in self.all if one.until > at)
        edges = [edge for one in self.all for edge in (one.at - lead, one.until - lead, one.until)]
        return min((edge for edge in edges if edge > at), default=None)


class Limiter:
    """A power becomes one that the device can follow."""

    def __init__(self, abilities: Abilities) -> None:
        self.abilities = abilities
        self.least_w = abilities.least_w
        """Of this moment."""
        self._on: bool | None = None
        self._since: datetime | None = None
        """None: it is not known how long it has been so."""

    @property
    def is_on(self) -> bool:
        """Whether it was last commanded a power other than 0."""
        return bool(self._on)

    def followed(self, power_w: int) -> int:
        """Rounded towards 0 to the granularity; 0 below the least power."""
        step, sign = self.abilities.step_w, 1 if power_w >= 0 else -1
        rounded = abs(power_w) // step * step
        return sign * rounded if rounded >= self.least_w else 0

    def allowed_at(self, power_w: int, now: datetime) -> datetime:
        """When a power that it can follow may be commanded at the earliest: least times on and off."""
        on, abilities = power_w != 0, self.abilities
        if self._on is None or self._since is None or on == self._on:
            return now
        least_s = abilities.least_on_s if self._on else abilities.least_off_s
        return max(now, self._since + timedelta(seconds=least_s))

    def commanded(self, power_w: int | None, now: datetime) -> None:
        """It has taken a power; None: it was released, and what it does is its own."""
        on = None if power_w is None else power_w != 0
        if on != self._on:
            self._on, self._since = on, now
