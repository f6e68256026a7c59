"""An owner's plan for a vehicle: weekly departures on the clocks of a named time zone, with exceptions and vacations."""

from collections.abc import Iterator, Sequence
from datetime import date, time
from itertools import pairwise
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agents.settings.mistakes import FIRST_YEAR, LAST_YEAR, Mistake
from protocol.units import EnergyWh

Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _without_offset(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("is a time on the clocks of the plan's zone, without an offset: 07:30")
    return at


Clock: TypeAlias = Annotated[time, AfterValidator(_without_offset)]


class PlanTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trip(PlanTable):
    """What is said of one departure; times are local."""

    soc_wh: EnergyWh | None = None
    """Wanted at the departure; none: the vehicle's `departure_soc_wh`."""
    back: Clock | None = None
    """When it is usually plugged in again: the same day, or the next one where that is not later."""
    days_away: Annotated[int, Field(ge=0, le=60)] = 0
    """How many days later instead."""
    trip_wh: EnergyWh | None = None
    """What the trip uses up, of a simulated vehicle."""
    arrives_wh: EnergyWh | None = None
    """What it comes back with. With `back` it is counted on before it is there."""


class WeeklyDeparture(Trip):
    """A departure on some days of every week."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    at: Clock


class ExceptionalDay(Trip):
    """A day whose weekly departures do not take place; with `at` there is another one."""

    on: date
    at: Clock | None = None


class Vacation(PlanTable):
    """Days, both included, on which the weekly departures do not take place."""

    first: date
    last: date

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.last < self.first:
            raise ValueError("last lies before first")
        return self


class OwnersPlan(PlanTable):
    """When a vehicle is needed, and how full."""

    zone: str
    """Of the time-zone database, as Europe/Oslo."""
    departures: Annotated[tuple[WeeklyDeparture, ...], Field(min_length=1, max_length=28)]
    exceptions: Annotated[tuple[ExceptionalDay, ...], Field(max_length=400)] = ()
    vacations: Annotated[tuple[Vacation, ...], Field(max_length=50)] = ()


def plan_mistakes(plan: OwnersPlan, capacity_wh: int) -> Iterator[Mistake]:
    """What a plan says that cannot be meant; `capacity_wh` is the vehicle's."""
    for key, trips in (("departures", plan.departures), ("exceptions", plan.exceptions)):
        for index, trip in enumerate(trips):
            yield from (mistake.below((key, index)) for mistake in _trip_mistakes(trip, capacity_wh))
    for day in WEEKDAYS:
        yield from _same_day(day, [one for one in plan.departures if day in one.days])
    known: set[date] = set()
    for index, one in enumerate(plan.exceptions):
        if one.on in known:
            yield Mistake(f"exceptions[{index}].on", f"{one.on} stands twice")
        known.add(one.on)
        yield from _year(one.on, f"exceptions[{index}].on")
    for index, vacation in enumerate(plan.vacations):
        yield from _year(vacation.first, f"vacations[{index}].first")
        yield from _year(vacation.last, f"vacations[{index}].last")


def _trip_mistakes(trip: Trip, capacity_wh: int) -> Iterator[Mistake]:
    for key in ("soc_wh", "trip_wh", "arrives_wh"):
        value = getattr(trip, key)
        if value is not None and value > capacity_wh:
            yield Mistake(key, f"{value} is above capacity_wh ({capacity_wh})")
    if trip.trip_wh is not None and trip.arrives_wh is not None:
        yield Mistake("trip_wh", "and arrives_wh both say what it comes back with: leave one out")


def _same_day(day: str, departures: Sequence[WeeklyDeparture]) -> Iterator[Mistake]:
    """A vehicle that is away does not depart."""
    for earlier, later in pairwise(sorted(departures, key=lambda one: one.at)):
        back = earlier.back
        if back is None or earlier.days_away or back <= earlier.at or back >= later.at:
            text = f"on {day} it departs at {earlier.at:%H:%M} and is not back before {later.at:%H:%M}"
            yield Mistake("departures", text)


def _year(day: date, key: str) -> Iterator[Mistake]:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        yield Mistake(key, f"lies in the year {day.year}; the years {FIRST_YEAR} to {LAST_YEAR} are taken")
