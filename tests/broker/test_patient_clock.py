"""The clock of parties that share a process (tests/patient_clock.py)."""

from datetime import UTC, datetime, timedelta

import pytest
from patient_clock import MOST_S, TICK_S, PatientClock

ORIGIN = datetime(2026, 1, 14, 17, tzinfo=UTC)


def clock(*under_way: str) -> PatientClock:
    return PatientClock(ORIGIN, 600.0, lambda: bool(under_way))


def test_a_stall_counts_as_one_tick() -> None:
    patient = clock()
    patient.tick(TICK_S)
    assert patient.now() == ORIGIN + timedelta(seconds=TICK_S * 600)
    patient.tick(30.0)
    assert patient.now() == ORIGIN + timedelta(seconds=(TICK_S + MOST_S) * 600)


def test_it_stands_while_something_is_under_way() -> None:
    patient = clock("a post")
    patient.tick(TICK_S)
    assert patient.now() == ORIGIN


def test_who_waits_looks_again_after_a_tick_at_the_earliest() -> None:
    patient = clock()
    assert patient.real_seconds_until(ORIGIN + timedelta(milliseconds=1)) == TICK_S
    assert patient.real_seconds_until(ORIGIN + timedelta(hours=1)) == pytest.approx(6.0)
    assert patient.real_seconds_until(ORIGIN) == 0.0
