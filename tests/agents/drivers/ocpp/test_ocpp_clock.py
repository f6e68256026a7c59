"""How old is what a charger says, whatever its clock shows."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.drivers.ocpp.clock import ChargerClock, instant

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)


def age_s(clock: ChargerClock, now_s: float, said_s: float) -> float:
    return clock.age_s((T0 + timedelta(seconds=said_s)).isoformat(), T0 + timedelta(seconds=now_s))


def test_values_that_were_kept_while_it_was_away_are_old() -> None:
    clock = ChargerClock()
    ages = [age_s(clock, 600 + number, 15 * number) for number in range(4)]
    assert ages == [600, 586, 572, 558]
    assert age_s(clock, 610, 609) == 0
    assert clock.behind_s == 0


def test_clock_that_is_behind_is_known_by_its_second_value() -> None:
    clock = ChargerClock()
    assert age_s(clock, 0, -3_600) == 3_600
    assert age_s(clock, 15, -3_585) == 0
    assert clock.behind_s == 3_600
    assert age_s(clock, 40, -3_590) == 30


def test_clock_that_is_ahead_is_known_at_once_and_when_it_is_set_right() -> None:
    clock = ChargerClock()
    assert age_s(clock, 0, 9 * 3_600) == 0
    assert clock.behind_s == -9 * 3_600
    age_s(clock, 15, 15)
    assert age_s(clock, 30, 30) == 0
    assert clock.behind_s == 0


def test_charger_that_starts_anew_has_our_time() -> None:
    clock = ChargerClock()
    age_s(clock, 0, 3_600)
    clock.start()
    assert clock.behind_s == 0


@pytest.mark.parametrize("text", [None, "", "yesterday"])
def test_what_is_no_instant_tells_no_age(text: str | None) -> None:
    assert ChargerClock().age_s(text, T0) == 0


def test_instant_without_a_zone_is_utc() -> None:
    assert instant("2026-01-14T17:00:00") == instant("2026-01-14T18:00:00+01:00") == T0
