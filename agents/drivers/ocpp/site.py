"""The chargers of a site behind one limit. Who follows nothing may take its safe share, which stays in the charger whatever
becomes of us; what others leave of the limit is shared among those that follow, by their least powers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

Place = tuple[str, int]
"""A charger and its connector."""


@dataclass(frozen=True, slots=True)
class Want:
    """What one is to follow, W, and the least that it can."""

    power_w: int
    least_w: int
    until: datetime


def granted(wants: Mapping[Place, Want], free_w: int) -> dict[Place, int]:
    """What each gets of its power, W: in their order its least, as far as that goes, then evenly. Who discharges makes no room
    for others. Pure."""
    grants = {place: min(0, want.power_w) for place, want in wants.items()}
    for place, want in sorted(wants.items()):
        least_w = min(want.power_w, want.least_w) if want.least_w else 0
        if 0 < want.power_w >= want.least_w and least_w <= free_w:
            grants[place] = least_w
            free_w -= least_w
    open_ = [
        place for place, want in sorted(wants.items()) if want.power_w > grants[place] and _runs(want, grants[place])
    ]
    while open_ and free_w >= len(open_):
        more_w = min(free_w // len(open_), min(wants[place].power_w - grants[place] for place in open_))
        for place in open_:
            grants[place] += more_w
        free_w -= more_w * len(open_)
        open_ = [place for place in open_ if wants[place].power_w > grants[place]]
    return grants


def _runs(want: Want, granted_w: int) -> bool:
    return want.power_w > 0 and granted_w >= want.least_w


class Site:
    """One limit, and the places behind it."""

    def __init__(self, limit_w: int) -> None:
        self.limit_w = limit_w
        self._follow: dict[Place, Callable[[], Awaitable[None]]] = {}
        self._again: dict[Place, Callable[[], None]] = {}
        self._least_w: dict[Place, int] = {}
        self._wants: dict[Place, Want] = {}
        self._told: dict[Place, tuple[int, datetime]] = {}
        self._making = asyncio.Lock()

    def add(self, place: Place, least_w: int, follow: Callable[[], Awaitable[None]], again: Callable[[], None]) -> None:
        """One place more: `follow` tells it at once what it is granted, `again` soon."""
        self._follow[place], self._again[place], self._least_w[place] = follow, again, least_w

    def safe_w(self, place: Place) -> int:
        """What a place may take while it follows nothing, W: 0 where the limit is too low for all at once."""
        share_w = self.limit_w // len(self._least_w)
        return share_w if share_w >= self._least_w[place] else 0

    def want(self, place: Place, want: Want | None) -> None:
        """None: it follows nothing any more."""
        if want is None:
            self._wants.pop(place, None)
            self._told.pop(place, None)
        else:
            self._wants[place] = want

    def grant(self, place: Place) -> tuple[int, datetime]:
        """What a place that follows may take, W, and until when at most: where another one ends it takes its safe share."""
        return self._grants()[place], min(want.until for want in self._wants.values())

    def expire(self, now: datetime) -> None:
        """Forget those whose end is past: they take their safe shares."""
        for place in [place for place, want in self._wants.items() if want.until <= now]:
            self.want(place, None)

    def tells(self, place: Place, power_w: int, until: datetime) -> None:
        """It is being told: until it answers it may have what it had, or this."""
        before_w = self._told[place][0] if place in self._told else self.safe_w(place)
        self._told[place] = max(before_w, power_w), until

    def told(self, place: Place, power_w: int, until: datetime) -> None:
        """It has taken it."""
        self._told[place] = power_w, until

    async def make_room(self, place: Place) -> None:
        """Let others that have more than is left for them take less, until one has the room that it gets. Raises DeviceTrouble
        when one does not."""
        async with self._making:
            for other in sorted(self._told):
                if self._excess_w(place) <= 0:
                    return
                if other != place and other in self._wants and self._grants()[other] < self._told[other][0]:
                    await self._follow[other]()

    def _excess_w(self, place: Place) -> int:
        """By how much all together would be above the limit if this one had what it gets now, W."""
        mine_w = max(0, self._grants()[place]) if place in self._wants else self.safe_w(place)
        told_w = sum(max(0, power_w) for other, (power_w, _) in self._told.items() if other != place)
        others = (other for other in self._least_w if other != place and other not in self._told)
        return mine_w + told_w + sum(map(self.safe_w, others)) - self.limit_w

    def fill(self, place: Place) -> None:
        """Let the others know soon that more is left for them, or for longer."""
        grants = self._grants()
        for other, told in list(self._told.items()):
            if other != place and other in grants and told != self.grant(other):
                self._again[other]()

    def _grants(self) -> dict[Place, int]:
        kept_w = sum(self.safe_w(place) for place in self._least_w if place not in self._wants)
        return granted(self._wants, max(0, self.limit_w - kept_w))
