"""What children told that they could give: over the slots of a request, and in a sum."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.negotiation.plans.capability import DAY_SLOTS, day_from, probable, summed_up
from protocol.messages import Capability, IntervalPeriod, PowerBand
from protocol.units import Direction

NOW = datetime(2026, 1, 14, 17, 10, tzinfo=UTC)
HALF = timedelta(minutes=30)
DOWN = Direction.DECREASE_LOAD
NOTHING = PowerBand(p10_w=(0,) * 4, p50_w=(0,) * 4, p90_w=(0,) * 4, p10_wh=0, p50_wh=0, p90_wh=0)


def band(p10_w: tuple[int, ...], p50_w: tuple[int, ...], p90_w: tuple[int, ...], wh: int = 10**6) -> PowerBand:
    return PowerBand(p10_w=p10_w, p50_w=p50_w, p90_w=p90_w, p10_wh=wh, p50_wh=wh, p90_wh=wh)


def told(name: str = "h", **changes: Any) -> Capability:
    fields: dict[str, Any] = {
        "message_id": f"{name}.capability.1",
        "sent_at": NOW,
        "interval_period": IntervalPeriod(start=NOW.replace(minute=0), duration=HALF),
        "increase_load": NOTHING,
        "decrease_load": band((0, 1_000, 2_000, 3_000), (1_000, 2_000, 3_000, 4_000), (2_000, 4_000, 6_000, 8_000)),
        "valid_until": NOW + timedelta(hours=2),
    }
    return Capability(**fields | changes)


def period(minute: int, duration: timedelta = HALF) -> IntervalPeriod:
    return IntervalPeriod(start=NOW.replace(minute=0) + timedelta(minutes=minute), duration=duration)


def test_request_on_the_same_slots_gets_what_was_told_for_them() -> None:
    found = probable(told(), DOWN, period(30), 2, NOW)
    assert found is not None
    assert (found.p10_w, found.p50_w, found.p90_w) == ((1_000, 2_000), (2_000, 3_000), (4_000, 6_000))
    assert found.sure_pct == 50


def test_slot_over_two_of_those_told_gets_the_lesser() -> None:
    found = probable(told(), DOWN, period(45), 2, NOW)
    assert found is not None
    assert found.p90_w == (4_000, 6_000)
    hour = probable(told(), DOWN, period(0, 2 * HALF), 2, NOW - HALF)
    assert hour is not None
    assert hour.p90_w == (2_000, 6_000)


@pytest.mark.parametrize("minute", [-30, 90])
def test_nothing_is_known_of_slots_outside_of_the_day_that_was_told(minute: int) -> None:
    assert probable(told(), DOWN, period(minute), 2, NOW - 2 * HALF) is None


def test_sum_that_some_are_not_in_says_nothing_of_the_whole() -> None:
    assert probable(told(told_by=2, counted=3), DOWN, period(30), 1, NOW) is None


def test_power_is_cut_to_what_the_energy_lasts_for() -> None:
    few = band((4_000,) * 4, (4_000,) * 4, (4_000,) * 4, wh=2_000)
    found = probable(told(decrease_load=few), DOWN, period(30), 2, NOW)
    assert found is not None
    assert found.p90_w == (2_000, 2_000)


@pytest.mark.parametrize("changes", [{"calls_left": 0}, {"notice_s": 3_600}])
def test_who_has_no_call_left_or_needs_more_notice_gives_nothing(changes: dict[str, int]) -> None:
    found = probable(told(**changes), DOWN, period(30), 2, NOW)
    assert found is not None
    assert (found.p90_w, found.sure_pct) == ((0, 0), 100)


def test_sum_counts_who_told_and_who_did_not() -> None:
    many = {
        "a": told("a", notice_s=60, calls_left=3, most_run_s=3_600),
        "b": told("b", notice_s=900, least_run_s=1_800, told_by=2, counted=4),
        "c": told("c", calls_left=0),
    }
    own = {direction: band((100,) * 48, (100,) * 48, (100,) * 48, wh=500) for direction in Direction}
    summed = summed_up("ra", many, 5, [own], NOW, 600)
    assert summed.interval_period == day_from(NOW) == IntervalPeriod(start=NOW.replace(minute=0), duration=HALF)
    assert summed.decrease_load.p50_w[:5] == (2_100, 4_100, 6_100, 8_100, 100)
    assert len(summed.decrease_load.p50_w) == DAY_SLOTS
    assert summed.decrease_load.p50_wh == 2_000_500
    assert summed.increase_load.p90_w[0] == 100
    assert (summed.notice_s, summed.least_run_s, summed.most_run_s, summed.calls_left) == (900, 1_800, 3_600, 3)
    assert (summed.told_by, summed.counted) == (5, 12)
    assert summed.valid_until == NOW + timedelta(seconds=1_200)


def test_sum_of_nobody_is_told_by_nobody() -> None:
    summed = summed_up("ra", {}, 0, (), NOW, 600)
    assert (summed.told_by, summed.counted, sum(summed.decrease_load.p90_w)) == (0, 1, 0)
