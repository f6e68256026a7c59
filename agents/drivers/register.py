"""What flowed through a meter between two instants, from the readings of its register. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.devices.contract import hours

KEPT = timedelta(hours=49)
"""A slot lasts a day at most; it may be asked for late."""
METER_STEP = timedelta(minutes=30)
"""Between two values that a meter has kept: what flowed meanwhile is metered as one, and nobody will know it closer."""

ANEW_WH = 1e9
"""Put on top each time a register begins anew: who reads it sees that it is another one, and that nothing is known across."""
MOST_W, MOST_JUMP_WH = 1_000_000, 2_000
"""No device of a home or of a yard moves more: 1 MW, and what a coarse register adds at once."""


class Beginnings:
    """How often registers that only grow have begun anew, by their names."""

    def __init__(self, rough_wh: float = 0.0, most_left: float = 1.0) -> None:
        """One has begun anew when it shows less by more than `rough_wh`, and no more than `most_left` of what it had shown, as a
        share. Less than nothing is shown by none that only grows."""
        self._rough_wh, self._most_left = rough_wh, most_left
        self._shown_wh: dict[str, float] = {}
        self.times = 0

    def note(self, shown: Mapping[str, float]) -> None:
        """What is shown at one instant by those of which something is told."""
        self.times += any(self._is_new(name, wh) for name, wh in shown.items())
        self._shown_wh |= shown

    def _is_new(self, name: str, wh: float) -> bool:
        before_wh = self._shown_wh.get(name, wh)
        return 0 <= wh < before_wh - self._rough_wh and wh <= before_wh * self._most_left

    @property
    def anew_wh(self) -> float:
        """What is put on top of their sum."""
        return self.times * ANEW_WH


class Parts:
    """Whether what a register shows is a reading, where it is put together of parts that are said one by one. Without a silence
    before it, it is: a part that is not said again stands still. Behind one each part is waited for, as it may have moved
    meanwhile; one that is not said for as long as a silence takes, while others are, stands still as well."""

    def __init__(self, silent_after: timedelta) -> None:
        self._silent_after = silent_after
        self._heard_at: datetime | None = None
        self._silent_since: datetime | None = None
        """While a part is waited for."""
        self._again_at: datetime | None = None
        """When the first one was said behind the silence."""

    def are_known(self, at: datetime, oldest_at: datetime) -> bool:
        """At an instant at which something was said; `oldest_at`: when the part was said that is longest ago."""
        if self._heard_at is not None and at - self._heard_at > self._silent_after:
            self._silent_since, self._again_at = self._heard_at, at
        self._heard_at = at if self._heard_at is None else max(at, self._heard_at)
        if self._silent_since is None or self._again_at is None:
            return True
        # nothing was said in the silence: half of it leaves room for ages that are not quite exact
        is_new = oldest_at - self._silent_since > self._silent_after / 2
        if is_new or at - self._again_at >= self._silent_after:
            self._silent_since = self._again_at = None
        return self._silent_since is None


class Register:
    """Readings of one register by their instants. What it did not tell is not made up."""

    def __init__(self, most_gap: timedelta) -> None:
        """`most_gap`: between two readings that lie so far apart at most an even flow is assumed."""
        self._most_gap = most_gap
        self._at: list[datetime] = []
        self._wh: list[float] = []
        self._kept: set[datetime] = set()
        """Those instants that the meter has kept."""

    def note(self, at: datetime, wh: float) -> None:
        """A reading. One that jumps back in time is left out; where the register jumps it was exchanged or begins anew,
        and nothing is known across it."""
        if self._at and at <= self._at[-1]:
            return
        if self._at and abs(wh - self._wh[-1]) > MOST_JUMP_WH + MOST_W * hours(at - self._at[-1]):
            self._at.clear()
            self._wh.clear()
            self._kept.clear()
        if len(self._wh) > 1 and self._wh[-2] == self._wh[-1] == wh:
            self._at[-1] = at  # of a register that stands still the first and the last reading tell all
            return
        self._at.append(at)
        self._wh.append(wh)
        old = bisect_left(self._at, at - KEPT)
        self._kept.difference_update(self._at[:old])
        del self._at[:old], self._wh[:old]

    def fill(self, at: datetime, wh: float) -> None:
        """What it showed at an instant in a gap, or before it was read first, as the meter has kept it; only what fits
        between the readings on both sides."""
        place = bisect_left(self._at, at)
        if place == len(self._at) or self._at[place] == at or at < self._at[-1] - KEPT:
            return
        beside = [place] if place == 0 else [place - 1, place]
        if all(abs(wh - self._wh[one]) <= MOST_JUMP_WH + MOST_W * hours(abs(at - self._at[one])) for one in beside):
            self._at.insert(place, at)
            self._wh.insert(place, wh)
            self._kept.add(at)

    @property
    def read_at(self) -> datetime | None:
        """The instant of the last reading."""
        return self._at[-1] if self._at else None

    def energy_wh(self, from_at: datetime, until: datetime) -> int | None:
        """Whole Wh between two instants; sums of neighbouring spans are those of the whole. None where the readings do
        not tell."""
        first, last = self._value(from_at, self._most_gap), self._value(until, self._most_gap)
        return None if first is None or last is None else round(last) - round(first)

    def estimated_wh(self, from_at: datetime, until: datetime) -> int | None:
        """The same where an end lies in a gap: what flowed over all of that is known, and is shared out evenly. None where the
        register does not stand on both sides of it, or it is longer than the span, and than what a meter keeps as one."""
        first, last = (self._value(at, until - from_at, METER_STEP) for at in (from_at, until))
        return None if first is None or last is None else round(last) - round(first)

    def _value(self, at: datetime, most_gap: timedelta, beside_kept: timedelta = timedelta(0)) -> float | None:
        """`beside_kept`: a gap with a kept value at an end may be so long as well."""
        after = bisect_left(self._at, at)
        before = bisect_right(self._at, at) - 1
        if before < 0 or after == len(self._at):
            return None
        if self._wh[before] == self._wh[after]:
            return self._wh[before]
        gap = self._at[after] - self._at[before]
        if gap > most_gap and (gap > beside_kept or self._kept.isdisjoint((self._at[before], self._at[after]))):
            return None
        return self._wh[before] + (self._wh[after] - self._wh[before]) * ((at - self._at[before]) / gap)
