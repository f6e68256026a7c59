"""A baseline by earlier days: which days count, and how the day itself moves it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from packages import forget, put
from worlds import START, World

from agents.negotiation.checked_policies import watched
from agents.negotiation.plans.baseline_days import EarlierDays, MeteredSpan
from agents.negotiation.policies import PolicyKind
from protocol import messages as m

HALF = timedelta(minutes=30)
DAY = timedelta(days=1)


def reading(baseline_wh: int = 0) -> m.Reading:
    return m.Reading(slot=0, energy_wh=0, baseline_wh=baseline_wh, state=m.EventStatus.ACTIVE)


def days(*energies_wh: int, at: datetime = START, lasts: timedelta = HALF) -> list[MeteredSpan]:
    """What was metered at that time on the days before, the newest first."""
    return [(at - DAY * back, lasts, wh) for back, wh in enumerate(energies_wh, 1)]


def counted(policy: EarlierDays, **readings: m.Reading) -> int:
    return policy.baseline_at(START, START, HALF, readings)


def test_newest_days_are_averaged_and_days_of_events_left_out() -> None:
    history = {"a": days(900, 100, 200, 300, 400)}
    assert counted(EarlierDays(history, UTC, days=3, without=[START - DAY]), a=reading()) == 200
    assert counted(EarlierDays(history, UTC, days=2), a=reading()) == 500


def test_days_that_are_not_known_whole_do_not_count() -> None:
    history = {"a": [*days(100, 200), (START - 3 * DAY, HALF / 2, 999)]}
    assert counted(EarlierDays(history, UTC), a=reading()) == 150


def test_longer_spans_of_the_meter_are_spread_evenly() -> None:
    assert counted(EarlierDays({"a": days(1_000, lasts=2 * HALF)}, UTC), a=reading()) == 500


def test_child_without_days_counts_by_what_it_declared() -> None:
    assert counted(EarlierDays({"a": days(100)}, UTC), a=reading(7), b=reading(11)) == 111


def test_same_day_moves_it_by_what_was_metered_until_an_hour_before() -> None:
    before = START - timedelta(hours=3)
    usual = days(400, 400, at=before, lasts=timedelta(hours=2))
    today = [(before, timedelta(hours=2), 1_200)]
    history = {"a": [*days(100, 100), *usual, *today]}
    adjusted = EarlierDays(history, UTC, adjust_by=timedelta(hours=2))
    assert counted(adjusted, a=reading()) == 100 + (1_200 - 400) // 4
    assert counted(EarlierDays({"a": days(100, 100)}, UTC, adjust_by=timedelta(hours=2)), a=reading()) == 100


def test_habits_follow_the_clocks_of_a_zone() -> None:
    zone = ZoneInfo("Europe/Oslo")
    after = datetime(2026, 3, 30, 16, tzinfo=UTC)  # the clocks were set the day before
    policy = EarlierDays({"a": [(datetime(2026, 3, 28, 17, tzinfo=UTC), HALF, 300)]}, zone)
    assert policy.baseline_at(after, after, HALF, {"a": reading(-1)}) == 300


def test_installed_one_is_asked_for_the_slots_instant() -> None:
    made = watched(PolicyKind.BASELINE, "baseline.days", EarlierDays({"a": days(100)}, UTC))
    assert made.baseline_at(START, START, HALF, {"a": reading()}) == 100
    assert made.baseline_wh(0, {"a": reading(7)}, ()) == 7


BODY = """
from datetime import UTC, timedelta
from worlds import START
from agents.negotiation.policies import EarlierDays

HALF, DAY = timedelta(minutes=30), timedelta(days=1)
DAYS = [(START - DAY, HALF, 3_000), (START - DAY + HALF, HALF, 2_000)]
found = EarlierDays({f"ra-1-h{number}": DAYS for number in range(2)}, UTC)
"""


def test_delivery_is_counted_against_earlier_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "site", monkeypatch, {"baseline.days": "earlier:found"}, BODY, "earlier")
    world = World()
    world.simple("ra-1", 2, baseline="days")
    world.event(4_000, 4_000)
    told = [note.data for note in world.run().notes("slot_metered", "ra-1")]
    monkeypatch.undo()
    forget()
    assert [one["delivered_wh"] for one in told] == [2_000 + 6_000, 2_000 + 4_000]
    assert [one["change_wh"] for one in told] == [2_000, 2_000]
