"""A baseline by earlier days: what a meter has read at the same time of day, before any event. It has its own data, so an
installed package makes one of its table and gives it a name (docs/policies.md)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from protocol.messages import Reading

DAY = timedelta(days=1)
LAST_BEFORE = timedelta(hours=1)
"""What is metered in the last hour before an event may be of its preparation, and adjusts nothing."""

MeteredSpan = tuple[datetime, timedelta, int]
"""From when, how long, and Wh, + = import."""


class EarlierDays:
    """The average of the last days that are known at that time, where one likes moved to the same day's own level. Pure:
    what it knows of the days was handed over when it was made."""

    def __init__(
        self,
        history: Mapping[str, Sequence[MeteredSpan]],
        zone: tzinfo,
        days: int = 5,
        adjust_by: timedelta = timedelta(),
        without: Sequence[datetime] = (),
    ) -> None:
        """`history`: of each child, by its name; `zone`: of the clocks that habits follow; `days`: how many, the newest
        first; `adjust_by`: how long before the event's last hour the day itself is compared, none for no time; `without`:
        instants of days that do not count (those of events)."""
        self.history = history
        self.zone = zone
        self.days = days
        self.adjust_by = adjust_by
        self.without = {at.astimezone(zone).date() for at in without}

    def baseline_wh(self, slot: int, readings: Mapping[str, Reading], earlier: Sequence[Mapping[str, Reading]]) -> int:
        """What was declared: without the slot's instant nothing can be compared."""
        return sum(reading.baseline_wh for reading in readings.values())

    def baseline_at(
        self, first_at: datetime, start_at: datetime, length: timedelta, readings: Mapping[str, Reading]
    ) -> int:
        """Of all who have reported the slot from `start_at` on, signed Wh; of a child whose days are not known what it has
        declared. `first_at`: the event's beginning."""
        return round(
            sum(
                reading.baseline_wh if (found := self._of(name, first_at, start_at, length)) is None else found
                for name, reading in readings.items()
            )
        )

    def _of(self, name: str, first_at: datetime, start_at: datetime, length: timedelta) -> float | None:
        known = self._average_wh(name, start_at, length)
        if known is None or not self.adjust_by:
            return known
        begins = first_at - LAST_BEFORE - self.adjust_by
        usual, today = self._average_wh(name, begins, self.adjust_by), self._metered_wh(name, begins, self.adjust_by)
        return known if usual is None or today is None else known + (today - usual) * (length / self.adjust_by)

    def _average_wh(self, name: str, start_at: datetime, length: timedelta) -> float | None:
        """Of the newest days before that are known from then on for so long; None where there is none."""
        found: list[float] = []
        local = start_at.astimezone(self.zone)
        for back in range(1, 8 * self.days):
            day = local.date() - back * DAY
            at = datetime.combine(day, local.timetz())
            if day not in self.without and (wh := self._metered_wh(name, at, length)) is not None:
                found.append(wh)
                if len(found) == self.days:
                    break
        return sum(found) / len(found) if found else None

    def _metered_wh(self, name: str, start_at: datetime, length: timedelta) -> float | None:
        """What was metered, evenly within a span; None where some of it is not known."""
        end_at, known, energy_wh = start_at + length, timedelta(), 0.0
        for begins, lasts, wh in self.history.get(name, ()):
            inside = min(end_at, begins + lasts) - max(start_at, begins)
            if inside > timedelta():
                known += inside
                energy_wh += wh * (inside / lasts)
        return energy_wh if known >= length else None
