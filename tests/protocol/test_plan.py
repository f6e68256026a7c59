"""Slot arithmetic, by hand."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from protocol import plan

HALF_HOUR = timedelta(minutes=30)


def test_add_and_total_sum_slot_by_slot() -> None:
    assert plan.add((1, 2), (10, 20)) == (11, 22)
    assert plan.total([(1, 2), (10, 20), (100, 200)], 2) == (111, 222)
    assert plan.total([], 2) == (0, 0)


@pytest.mark.parametrize("plans", [[(1, 2, 3)], [()], [(1, 2), (1,)], [(1,), (1,)]])
def test_a_total_takes_plans_of_its_number_of_slots_only(plans: list[plan.Plan]) -> None:
    with pytest.raises(ValueError, match=r"shorter|longer|one entry a slot"):
        plan.total(plans, 2)


def test_shortfall_is_what_is_missing_and_never_negative() -> None:
    assert plan.shortfall(asked=(10, 10, 0), available=(7, 12, 5)) == (3, 0, 0)


def test_excess_is_what_is_over() -> None:
    assert plan.excess((7, 12), (10, 10)) == (0, 2)


def test_enough_means_in_every_slot() -> None:
    assert plan.covers((10, 11), (10, 10))
    assert not plan.covers((9, 100), (10, 10))


def test_least_is_the_smaller_of_each_slot() -> None:
    assert plan.least((1, 5), (3, 2)) == (1, 2)


def test_share_is_that_of_the_worst_asked_slot_rounded_down() -> None:
    assert plan.share_pct((50, 999), (100, 1000)) == 50
    assert plan.share_pct((999,), (1000,)) == 99
    assert plan.share_pct((0, 20), (0, 10)) == 100
    assert plan.share_pct((0,), (0,)) == 100


def test_scaled_rounds_down() -> None:
    assert plan.scaled((10, 11), 1, 3) == (3, 3)


def test_energy_is_rounded_once_towards_zero_with_its_sign() -> None:
    assert plan.energy_wh((1, 1), HALF_HOUR) == 1
    assert plan.energy_wh((-1, -2), HALF_HOUR) == -1
    assert plan.energy_wh((3_000, 1_000), HALF_HOUR) == 2_000


@pytest.mark.parametrize("two", [plan.add, plan.excess, plan.shortfall, plan.covers, plan.least, plan.share_pct])
def test_plans_of_unequal_length_are_an_error(two: Callable[[plan.Plan, plan.Plan], object]) -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        two((1, 2), (1,))
