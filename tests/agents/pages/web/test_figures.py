"""Instants on the clocks of a zone, and figures with their units."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agents.pages.home.tongue import Tongue
from agents.pages.web.figures import Clockface, left, pct, peak, zone_of

OSLO, TOKYO = ZoneInfo("Europe/Oslo"), ZoneInfo("Asia/Tokyo")
AUTUMN = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""In Oslo 02:30, which comes again an hour later."""


def test_slot_is_labelled_with_both_ends_in_the_zone_of_the_viewer() -> None:
    start = datetime(2026, 1, 14, 18, 0, tzinfo=UTC)
    assert Clockface(UTC).slot(start, 1800, 1) == "18:30–19:00"
    assert Clockface(TOKYO).slot(start, 1800, 1) == "03:30–04:00"
    assert Clockface(TOKYO).full(start) == "2026-01-15 03:00"


def test_hour_that_clocks_show_twice_has_its_offset() -> None:
    clock = Clockface(OSLO)
    assert clock.time(AUTUMN) == "02:30+02"
    assert clock.time(AUTUMN + timedelta(hours=1)) == "02:30+01"
    assert clock.time(AUTUMN + timedelta(hours=2)) == "03:30"


def test_hour_after_clocks_were_set_forward_has_none() -> None:
    spring = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert Clockface(OSLO).time(spring) == "03:30"


@pytest.mark.parametrize("name", [None, "", "UTC", "Nowhere/City", "../../etc/passwd", "/etc/passwd"])
def test_zone_that_is_none_is_utc(name: str | None) -> None:
    assert zone_of(name) is UTC


def test_countdown_is_told_in_minutes_and_seconds() -> None:
    now = datetime(2026, 1, 14, tzinfo=UTC)
    assert left(now + timedelta(seconds=65), now) == "1 min 05 s"
    assert left(now + timedelta(seconds=3_665), now) == "1 h 01 min"
    assert left(now + timedelta(seconds=5), now) == "5 s"
    assert left(now + timedelta(seconds=65), now, Tongue("ja").countdown) == "1分05秒"
    assert left(now - timedelta(seconds=1), now) == "now"
    assert left(None, now) == ""


def test_share_of_nothing_is_no_figure() -> None:
    assert pct(1, 3) == "33 %"
    assert pct(0, 0) == "–"
    assert pct(None, 3) == "–"
    assert peak(None) == "–"
    assert peak((1_000, 2_500)) == "2.5 kW"
