"""Weekly departures on a wall clock are the right instants, on the days of the clock changes, too."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from worlds import vehicle

from agents.drivers.calendar import journeys, stays
from agents.settings.devices import VehicleSpec
from agents.settings.plan import WEEKDAYS, ExceptionalDay, OwnersPlan, Vacation, WeeklyDeparture


def plan(*, at: time = time(7, 30), back: time | None = time(17), zone: str = "Europe/Oslo", **more: Any) -> OwnersPlan:
    daily = WeeklyDeparture(days=WEEKDAYS, at=at, back=back, arrives_wh=20_000, soc_wh=30_000)
    return OwnersPlan(**{"zone": zone, "departures": (daily,), **more})


def car(by: OwnersPlan) -> VehicleSpec:
    return vehicle("ev", plan=by)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def departures(of: OwnersPlan, since: datetime, days: int) -> list[datetime]:
    return [one.departs_at for one in journeys(of, since, since + timedelta(days=days)) if one.departs_at >= since]


def test_departure_keeps_its_time_on_the_wall_over_both_clock_changes() -> None:
    assert departures(plan(), utc(2026, 3, 28), 2) == [utc(2026, 3, 28, 6, 30), utc(2026, 3, 29, 5, 30)]
    assert departures(plan(), utc(2026, 10, 24), 2) == [utc(2026, 10, 24, 5, 30), utc(2026, 10, 25, 6, 30)]


def test_departure_in_the_hour_that_a_spring_night_leaves_out_is_read_before_the_change() -> None:
    assert departures(plan(at=time(2, 30)), utc(2026, 3, 29), 1) == [utc(2026, 3, 29, 1, 30)]


def test_of_the_hour_that_an_autumn_night_has_twice_a_departure_takes_the_first_and_a_return_the_second() -> None:
    assert departures(plan(at=time(2, 30)), utc(2026, 10, 25), 1) == [utc(2026, 10, 25, 0, 30)]
    back = [one.back_at for one in journeys(plan(at=time(1), back=time(2, 30)), utc(2026, 10, 25), utc(2026, 10, 26))]
    assert back == [utc(2026, 10, 25, 1, 30)]


def test_every_departure_of_a_year_shows_the_owners_time() -> None:
    zone = ZoneInfo("Europe/Oslo")
    found = departures(plan(), utc(2026, 1, 1), 365)
    assert len(found) == 365
    assert {at.astimezone(zone).time() for at in found} == {time(7, 30)}
    assert {at.time() for at in found} == {time(6, 30), time(5, 30)}


def test_return_that_is_not_later_than_the_departure_is_of_the_next_day() -> None:
    (one,) = journeys(plan(at=time(20), back=time(6)), utc(2026, 1, 14, 12), utc(2026, 1, 15, 12))
    assert (one.departs_at, one.back_at) == (utc(2026, 1, 14, 19), utc(2026, 1, 15, 5))


def test_exception_takes_the_place_of_the_weekly_departures_of_its_day() -> None:
    free, late = ExceptionalDay(on=date(2026, 1, 14)), ExceptionalDay(on=date(2026, 1, 15), at=time(10))
    found = departures(plan(exceptions=(free, late)), utc(2026, 1, 14), 3)
    assert found == [utc(2026, 1, 15, 9), utc(2026, 1, 16, 6, 30)]


def test_who_is_away_for_days_does_not_depart_meanwhile() -> None:
    trip = ExceptionalDay(on=date(2026, 1, 14), at=time(9), back=time(18), days_away=2)
    found = [
        (one.departs_at, one.back_at) for one in journeys(plan(exceptions=(trip,)), utc(2026, 1, 14), utc(2026, 1, 18))
    ]
    assert found[0] == (utc(2026, 1, 14, 8), utc(2026, 1, 16, 17))
    assert [departs.day for departs, _ in found] == [14, 17]


def test_vacation_and_a_day_that_is_skipped_have_no_departure() -> None:
    free = Vacation(first=date(2026, 1, 15), last=date(2026, 1, 16))
    of = plan(vacations=(free,))
    assert [at.day for at in departures(of, utc(2026, 1, 14), 5)] == [14, 17, 18]
    skipped = journeys(of, utc(2026, 1, 14), utc(2026, 1, 19), {date(2026, 1, 17)})
    assert [one.departs_at.day for one in skipped] == [14, 18]


def test_stays_lie_between_the_journeys_and_know_what_the_vehicle_comes_back_with() -> None:
    found = stays(car(plan()), utc(2026, 1, 14, 3), utc(2026, 1, 15, 3))
    assert [(one.plugs_in_at, one.departs_at) for one in found] == [
        (utc(2026, 1, 13, 16), utc(2026, 1, 14, 6, 30)), (utc(2026, 1, 14, 16), utc(2026, 1, 15, 6, 30)),
    ]  # fmt: skip
    assert {one.arrives_wh for one in found} == {20_000}
    assert {one.soc_wh for one in found} == {30_000}


def test_stay_after_an_unknown_return_begins_whenever_it_does() -> None:
    found = stays(car(plan(back=None)), utc(2026, 1, 14, 3), utc(2026, 1, 15, 3))
    assert {one.plugs_in_at for one in found} == {None}
    assert {one.arrives_wh for one in found} == {None}


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/St_Johns", "Australia/Lord_Howe"])
def test_plan_holds_in_zones_far_away(zone: str) -> None:
    found = departures(plan(zone=zone), utc(2026, 1, 1), 365)
    assert {at.astimezone(ZoneInfo(zone)).time() for at in found} == {time(7, 30)}
