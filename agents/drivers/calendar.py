"""An owner's plan becomes instants: weekly departures on the clocks of a zone, in UTC.

What a spring night leaves out is read as before the clocks were put forward (07:30 stays 07:30; 02:30 is an hour later
on the wall). Of an hour that an autumn night has twice, a departure takes the first and a return the second: the vehicle
is ready early, and not counted on before it is there.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, pairwise, takewhile
from zoneinfo import ZoneInfo

from agents.settings.devices import TableStay, VehicleSpec
from agents.settings.plan import WEEKDAYS, ExceptionalDay, OwnersPlan, WeeklyDeparture
from protocol.actor import PlannedStay

DAY = timedelta(days=1)
AWAY = timedelta(hours=10)
"""How long a simulated vehicle is away where its owner does not say."""
NEVER = datetime(2190, 1, 1, tzinfo=UTC)
"""When a vehicle comes back whose table is at its end."""
AHEAD = timedelta(days=21)
"""How far beyond what is asked for the end of a stay is looked for: a vacation."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One departure, and the way back."""

    day: date
    """Of the departure, where the vehicle is."""
    departs_at: datetime
    back_at: datetime
    told: WeeklyDeparture | ExceptionalDay

    @property
    def plugs_in_at(self) -> datetime | None:
        """When it is plugged in again, where the owner says so."""
        return self.back_at if self.told.back is not None else None


def journeys(plan: OwnersPlan, since: datetime, until: datetime, skipped: Collection[date] = ()) -> Iterator[Journey]:
    """All that end after `since` and begin before `until`, in their order; none on a day that is skipped. Who is away
    does not depart."""
    zone = ZoneInfo(plan.zone)
    longest = max(one.days_away for one in (*plan.departures, *plan.exceptions))
    day, last = since.astimezone(zone).date() - DAY * (2 * longest + 3), until.astimezone(zone).date()
    away_until = datetime.min.replace(tzinfo=UTC)
    while day <= last:
        for told in _departures(plan, day) if day not in skipped else ():
            one = _journey(told, day, zone)
            if one is None or one.departs_at < away_until or one.departs_at >= until:
                continue
            away_until = one.back_at
            if one.back_at > since:
                yield one
        day += DAY


def journeys_of(
    spec: VehicleSpec, since: datetime, until: datetime, skipped: Collection[date] = ()
) -> Iterator[Journey]:
    """Those of a vehicle, by its owner's plan or by a table of stays."""
    if spec.plan is not None:
        return journeys(spec.plan, since, until, skipped)
    begun = takewhile(lambda one: one.departs_at < until, _of_table(spec.stays))
    return (one for one in begun if one.back_at > since)


def _of_table(stays: Sequence[TableStay]) -> Iterator[Journey]:
    """From each stay to the next one; after the last one it does not come back."""
    for one, following in zip(stays, (*stays[1:], None), strict=True):
        arrives_wh = None if following is None else following.arrives_wh
        day = one.departs_at.date()
        told = ExceptionalDay(on=day, soc_wh=one.soc_wh, arrives_wh=arrives_wh)
        yield Journey(day, one.departs_at, NEVER if following is None else following.plugs_in_at, told)
    never = ExceptionalDay(on=NEVER.date())
    yield from (Journey(NEVER.date(), NEVER + DAY * later, NEVER + DAY * later, never) for later in count(1))


def zone_of(spec: VehicleSpec) -> ZoneInfo:
    """Where a vehicle's days begin."""
    return ZoneInfo("UTC" if spec.plan is None else spec.plan.zone)


def stays(
    spec: VehicleSpec, since: datetime, until: datetime, skipped: Collection[date] = ()
) -> tuple[PlannedStay, ...]:
    """When a vehicle is expected to be plugged in, from the stay on that ends after `since` until that which begins
    before `until`."""
    found: list[PlannedStay] = []
    ahead = list(journeys_of(spec, since - AHEAD, until + AHEAD, skipped))
    for before, one in pairwise((None, *ahead)):
        assert one is not None
        plugs_in_at = before.plugs_in_at if before is not None else None
        begins_at = before.back_at if before is not None else None
        if one.departs_at <= since or (begins_at is not None and begins_at >= until):
            continue
        arrives_wh = before.told.arrives_wh if before is not None and plugs_in_at is not None else None
        found.append(PlannedStay(one.departs_at, one.told.soc_wh, plugs_in_at, arrives_wh))
    return tuple(found)


def _departures(plan: OwnersPlan, day: date) -> list[WeeklyDeparture | ExceptionalDay]:
    """Those of one day, in their order."""
    for exception in plan.exceptions:
        if exception.on == day:
            return [] if exception.at is None else [exception]
    if any(one.first <= day <= one.last for one in plan.vacations):
        return []
    weekday = WEEKDAYS[day.weekday()]
    today = [one for one in plan.departures if weekday in one.days]
    return [*sorted(today, key=lambda one: one.at)]


def _journey(told: WeeklyDeparture | ExceptionalDay, day: date, zone: ZoneInfo) -> Journey | None:
    if told.at is None:
        return None
    departs_at = instant_of(day, told.at, zone)
    if told.back is None:
        return Journey(day, departs_at, departs_at + AWAY + DAY * told.days_away, told)
    days = told.days_away or (0 if told.back > told.at else 1)
    back_at = instant_of(day + DAY * days, told.back, zone, fold=1)
    return Journey(day, departs_at, max(back_at, departs_at), told)


def instant_of(day: date, at: time, zone: ZoneInfo, fold: int = 0) -> datetime:
    """UTC of a time on the wall; `fold` 1: the later one of two. In the spring, of a time that there is not, both are the same hour only from the earlier offset on."""
    wall = datetime.combine(day, at, zone)
    first = wall.astimezone(UTC)
    left_out = first.astimezone(zone).replace(tzinfo=None) != wall.replace(tzinfo=None)
    return first if left_out else wall.replace(fold=fold).astimezone(UTC)
