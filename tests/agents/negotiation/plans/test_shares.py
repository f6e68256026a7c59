"""Whole watts shared out as arrays: by hand, and against the same rule in Python's integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.request_values import by_weight
from agents.negotiation.plans.shares import in_order, plans, proportional, slot_by_slot, table
from protocol.units import MAX_POWER_W

watts = st.one_of(st.integers(0, 9), st.integers(0, 9_000), st.integers(0, MAX_POWER_W))


@given(st.lists(watts, max_size=12), st.integers(0, 110))
def test_proportional_shares_are_those_of_water_filling_by_the_caps(caps: list[int], pct: int) -> None:
    wanted = sum(caps) * pct // 100
    assert proportional(wanted, np.array(caps, dtype=np.int64)).tolist() == by_weight(wanted, caps, caps)


def test_remainders_go_to_the_largest_fractions_and_ties_to_the_first() -> None:
    assert proportional(10, np.array([3, 3, 3, 3])).tolist() == [3, 3, 2, 2]
    assert proportional(5, np.array([1, 0, 4, 5])).tolist() == [1, 0, 2, 2]
    assert proportional(0, np.array([1, 2])).tolist() == [0, 0]
    assert proportional(7, np.array([1, 2])).tolist() == [1, 2]


def test_products_beyond_64_bits_are_exact() -> None:
    caps = np.full(3, MAX_POWER_W, dtype=np.int64)
    assert proportional(2 * MAX_POWER_W, caps).tolist() == [66_666_666_667, 66_666_666_667, 66_666_666_666]


def test_in_order_fills_one_after_the_other() -> None:
    assert in_order(7, np.array([5, 5, 5]), np.array([2, 0, 1])).tolist() == [2, 0, 5]
    assert in_order(99, np.array([5, 5]), np.array([0, 1])).tolist() == [5, 5]


def test_slots_that_are_alike_are_split_once() -> None:
    asked = []

    def split(wanted: int, row: np.ndarray) -> np.ndarray:
        asked.append(wanted)
        return row

    rows = table([(1, 1, 2), (3, 3, 3)], 3)
    assert plans(slot_by_slot((5, 5, 5), rows, split), 2) == [(1, 1, 2), (3, 3, 3)]
    assert asked == [5, 5]


def test_plans_of_other_slots_are_refused() -> None:
    with pytest.raises(ValueError, match="one entry a slot"):
        table([(1, 2), (1,)], 2)
