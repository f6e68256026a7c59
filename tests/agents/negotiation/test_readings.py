"""Readings: a later revision corrects, an older one changes nothing."""

from datetime import UTC, datetime

import pytest

from agents.negotiation.plans.baseline import DeclaredBaseline
from agents.negotiation.readings import Readings, Taking, change_wh
from protocol import messages as m
from protocol.rules import report_id, report_revision
from protocol.units import MAX_ENERGY_WH, Direction


def reading(slot: int, energy_wh: int, baseline_wh: int = 0) -> m.Reading:
    return m.Reading(slot=slot, energy_wh=energy_wh, baseline_wh=baseline_wh, state=m.EventStatus.ACTIVE)


def test_later_revision_of_an_open_slot_replaces_the_earlier_one() -> None:
    readings = Readings()
    assert readings.take("a", reading(1, -500), 2, summed=False) is Taking.OPEN
    assert readings.take("a", reading(1, -700), 9, summed=False) is Taking.OPEN
    assert readings.of(1)["a"].energy_wh == -700


def test_older_revision_changes_nothing() -> None:
    readings = Readings()
    readings.take("a", reading(0, -700), 9, summed=False)
    assert readings.take("a", reading(0, -500), 1, summed=False) is Taking.NOTHING
    assert readings.of(0)["a"].energy_wh == -700


def test_reading_of_a_slot_that_is_summed_up_corrects_only_with_another_value() -> None:
    readings = Readings()
    readings.take("a", reading(0, -500), 1, summed=False)
    assert readings.take("a", reading(0, -500), 7, summed=True) is Taking.NOTHING
    assert readings.take("a", reading(0, -400), 8, summed=True) is Taking.CORRECTS
    assert readings.take("b", reading(0, -100), 1, summed=True) is Taking.CORRECTS
    assert change_wh(Direction.DECREASE_LOAD, readings.of(0)) == 500


PERIOD = m.IntervalPeriod(start=datetime(2026, 1, 14, 18, tzinfo=UTC))


def test_sum_of_a_slot_has_the_baseline_of_the_policy() -> None:
    readings = Readings()
    readings.take("a", reading(0, -500, 100), 1, summed=False)
    readings.take("b", reading(0, 200, 300), 1, summed=False)
    whole = readings.summed(0, m.EventStatus.ACTIVE, DeclaredBaseline(), PERIOD)
    assert (whole.energy_wh, whole.baseline_wh, whole.reading_type) == (-300, 400, m.ReadingType.SUMMED)


@pytest.mark.parametrize("sign", [-1, 1])
def test_sum_of_registers_that_nobody_can_have_is_said_with_the_same_difference(sign: int) -> None:
    readings = Readings()
    readings.take("a", reading(0, sign * MAX_ENERGY_WH, sign * (MAX_ENERGY_WH - 300)), 1, summed=False)
    readings.take("b", reading(0, sign * MAX_ENERGY_WH, sign * MAX_ENERGY_WH), 1, summed=False)
    readings.take("c", reading(0, -500, 100), 1, summed=False)
    whole = readings.summed(0, m.EventStatus.ACTIVE, DeclaredBaseline(), PERIOD)
    assert max(abs(whole.energy_wh), abs(whole.baseline_wh)) == MAX_ENERGY_WH
    assert whole.energy_wh - whole.baseline_wh == sign * 300 - 600


def test_first_reports_have_the_ids_of_the_first_release_and_later_ones_are_above_them() -> None:
    assert (report_id("a", "e1.1.1", 3, 0), report_revision(3, 8, 0)) == ("a.report.e1.1.1.3", 4)
    assert (report_id("a", "e1.1.1", 3, 5), report_revision(3, 8, 5)) == ("a.report.e1.1.1.3.5", 13)
    assert report_revision(0, 8, 10**7) == m.MAX_REVISION
