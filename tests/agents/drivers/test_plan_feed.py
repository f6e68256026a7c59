"""What a plan's feed tells a home: at a start, once a day, and still after a restart."""

from datetime import date, timedelta

from worlds import T0, vehicle

from agents.drivers.build import build_drivers, build_feeds
from agents.drivers.plan_feed import PlanFeed
from agents.parties.der.actor import Der
from agents.settings.parties import DerSettings
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture
from broker.stepper import Stepper
from protocol.actor import Measured, Planned
from protocol.entries import encode_effects

DAY = timedelta(days=1)
DAILY = WeeklyDeparture.model_validate({"days": WEEKDAYS, "at": "07:00", "back": "16:30"})
HOME = DerSettings(
    name="h", parent="ra", devices=(vehicle("ev", plan=OwnersPlan(zone="UTC", departures=(DAILY,))), vehicle("ev-2"))
)


def living() -> Stepper:
    drivers = build_drivers(HOME)
    return Stepper(Der(HOME), drivers, build_feeds(HOME, drivers))


def departures(told: Planned) -> list[int]:
    return [one.departs_at.day for one in told.stays]


def test_plan_comes_before_the_readings_at_a_start_and_again_every_day() -> None:
    stepper = living()
    assert [type(one.input) for one in stepper.begin(T0)] == [Planned, Measured, Measured]
    told = [one.input for day in (1, 2) for one in stepper.take(None, T0 + day * DAY) if isinstance(one.input, Planned)]
    assert [departures(one)[0] for one in told] == [16, 17]
    assert told[0].until - T0 == 9 * DAY


def test_home_without_a_plan_has_no_feed() -> None:
    alone = DerSettings(name="h", parent="ra", devices=(vehicle("ev-2"),))
    assert build_feeds(alone, build_drivers(alone)) == ()


def test_day_that_an_owner_left_out_is_left_out_after_a_restart() -> None:
    stepper = living()
    entries = list(stepper.begin(T0))
    (feed,) = stepper.feeds
    assert isinstance(feed, PlanFeed)
    feed.skip("ev", date(2026, 1, 15))
    entries += stepper.take(feed.planned("ev", stepper.actor, T0), T0)
    again = living()
    for entry in entries:
        again.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)
    told = next(one.input for one in again.begin(T0 + timedelta(hours=1)) if isinstance(one.input, Planned))
    assert told.skipped == ("2026-01-15",)
    assert departures(told)[0] == 16
    later = next(one.input for one in again.take(None, T0 + 4 * DAY) if isinstance(one.input, Planned))
    assert later.skipped == ()


def test_departure_is_left_out_only_while_it_is_still_to_come() -> None:
    (feed,) = living().feeds
    assert isinstance(feed, PlanFeed)
    assert feed.departs_on("ev", date(2026, 1, 15), T0)
    assert not feed.departs_on("ev", date(2026, 1, 14), T0)
    feed.skip("ev", date(2026, 1, 15))
    assert not feed.departs_on("ev", date(2026, 1, 15), T0)
