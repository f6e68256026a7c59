"""What was due while plans took each other's place."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.negotiation.stood import DueEnergy, stood_wh
from protocol.messages import IntervalPeriod

START = datetime(2026, 1, 14, 18, tzinfo=UTC)
PERIOD = IntervalPeriod(start=START)
MINUTE = timedelta(minutes=1)


def test_plan_that_stood_all_the_time_is_due_in_full() -> None:
    due = DueEnergy()
    due.begin(PERIOD, START - MINUTE)
    assert [due.slot_wh((4_000, 2_000), PERIOD, slot) for slot in range(2)] == [2_000, 1_000]
    assert due.wh((4_001, 2_001), PERIOD, range(2)) == 3_001


def test_plan_is_due_until_it_is_cut() -> None:
    due = DueEnergy()
    due.change((4_000, 4_000), PERIOD, START + 15 * MINUTE)
    assert [due.slot_wh((0, 0), PERIOD, slot) for slot in range(2)] == [1_000, 0]
    assert [due.slot_wh((2_000, 4_000), PERIOD, slot) for slot in range(2)] == [1_500, 2_000]


def test_cut_of_slots_that_are_over_changes_nothing_of_what_was_due_in_them() -> None:
    due = DueEnergy()
    due.change((4_000, 4_000, 4_000), PERIOD, START + 70 * MINUTE)
    assert [due.slot_wh((1_000,) * 3, PERIOD, slot) for slot in range(3)] == [2_000, 2_000, 1_000]


def test_change_before_the_first_slot_leaves_nothing_due_of_what_stood() -> None:
    due = DueEnergy()
    due.change((4_000,), PERIOD, START)
    assert due.slot_wh((1_000,), PERIOD, 0) == 500


def test_plan_that_stands_from_inside_a_slot_on_is_due_from_then_on() -> None:
    due = DueEnergy()
    due.begin(PERIOD, START + 20 * MINUTE)
    assert [due.slot_wh((3_000, 3_000), PERIOD, slot) for slot in range(2)] == [500, 1_500]


def test_changes_at_any_instants_leave_no_second_out() -> None:
    due, at = DueEnergy(), START
    while at < START + 60 * MINUTE:
        due.change((3_600, 3_600), PERIOD, at)
        at += timedelta(milliseconds=1_234)
    assert [due.slot_wh((3_600, 3_600), PERIOD, slot) for slot in range(2)] == [1_800, 1_800]


def test_what_is_cancelled_inside_a_slot_is_due_until_then() -> None:
    due = DueEnergy()
    due.change((4_000,), PERIOD, START + 10 * MINUTE)
    assert due.slot_wh((2_000,), PERIOD, 0, START + 25 * MINUTE) == 666 + 500


@pytest.mark.parametrize("minutes", [0, 1, 15, 29])
def test_award_and_deal_go_by_one_rule(minutes: int) -> None:
    at, due = START + minutes * MINUTE, DueEnergy()
    due.change((4_000, 1_000), PERIOD, at)
    pieces = [(at, (4_000, 1_000))]
    for slot in range(2):
        stood = [piece for piece in pieces if piece[0] > PERIOD.slot_start(slot)]
        assert stood_wh(stood, (700, 600), PERIOD, slot) == due.slot_wh((700, 600), PERIOD, slot)
