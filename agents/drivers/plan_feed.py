"""Gives a home's actor the plans of its vehicles: at a start, once a day, and when an owner changes one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from agents.drivers.calendar import journeys_of, stays, zone_of
from agents.drivers.telling import TellingDriver
from agents.parties.der.actor import Der
from agents.settings.devices import VehicleSpec
from protocol.actor import Actor, Driver, Planned, PlannedStay

EVERY = timedelta(days=1)
REACH = timedelta(days=8)
"""How far ahead a plan is told: a day's events are issued days before at most."""

SEEN = timedelta(days=400)
"""How far ahead a day may be that is left out."""


class PlanFeed:
    """Of the vehicles of one home that have a plan."""

    def __init__(self, vehicles: Sequence[VehicleSpec], drivers: Mapping[str, Driver]) -> None:
        self._vehicles = {spec.resource_id: spec for spec in vehicles if spec.lives_on}
        self._drivers = drivers
        self._skipped: dict[str, set[date]] = {name: set() for name in self._vehicles}
        self._moved: dict[tuple[str, date], datetime] = {}
        """Departures of a day that are at another instant than the plan says."""
        self.next_at: datetime | None = datetime(2000, 1, 1, tzinfo=UTC) if self._vehicles else None

    def inputs(self, actor: Actor, now: datetime) -> Iterator[Planned]:
        """Every vehicle's plan from now on, without the days that its owner (as its actor knows) does not drive."""
        self.next_at = now + EVERY if self._vehicles else None
        for name in self._vehicles:
            yield self.planned(name, actor, now)

    def planned(self, name: str, actor: Actor, now: datetime) -> Planned:
        """One vehicle's plan."""
        spec = self._vehicles[name]
        known = actor.home.plans.get(name) if isinstance(actor, Der) else None
        skipped, today = self._skipped[name], now.astimezone(zone_of(spec)).date()
        if known is not None:
            skipped.update(map(date.fromisoformat, known.skipped))
        skipped = self._skipped[name] = {day for day in skipped if day >= today - EVERY}
        driver = self._drivers.get(name)
        if isinstance(driver, TellingDriver) and driver.vehicle is not None:
            driver.vehicle.skip(skipped)
        days = tuple(str(day) for day in sorted(skipped))
        found = stays(spec, now, now + REACH, skipped)
        return Planned(name, now + REACH, tuple(self._as_moved(name, stay) for stay in found), days)

    def _as_moved(self, name: str, stay: PlannedStay) -> PlannedStay:
        moved_to = self._moved.get((name, stay.departs_at.astimezone(self.zone(name)).date()))
        return stay if moved_to is None else replace(stay, departs_at=moved_to)

    def move(self, name: str, to_at: datetime, now: datetime) -> bool:
        """The next departure is at another instant; whether that lies between now and the stay behind it."""
        spec = self._vehicles[name]
        coming = [one for one in stays(spec, now, now + REACH, self._skipped[name]) if one.departs_at > now]
        behind = coming[1].plugs_in_at or coming[1].departs_at if len(coming) > 1 else now + REACH
        if not coming or not now < to_at < behind:
            return False
        self._moved = {key: at for key, at in self._moved.items() if at > now}
        self._moved[name, coming[0].departs_at.astimezone(self.zone(name)).date()] = to_at
        return True

    def zone(self, name: str) -> ZoneInfo:
        """Where a vehicle's days begin."""
        return zone_of(self._vehicles[name])

    @property
    def vehicles(self) -> tuple[str, ...]:
        """Those that have a plan."""
        return tuple(name for name, spec in self._vehicles.items() if spec.plan is not None)

    def departs_on(self, name: str, day: date, now: datetime) -> bool:
        """Whether the plan has a departure on a day that is still to come."""
        coming = journeys_of(self._vehicles[name], now, now + SEEN, self._skipped[name])
        return any(one.day == day and one.departs_at > now for one in coming)

    def skip(self, name: str, day: date) -> None:
        """The owner does not drive on a day."""
        self._skipped[name].add(day)
