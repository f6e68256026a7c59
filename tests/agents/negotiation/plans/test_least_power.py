"""Shares that devices can run at: nobody's lies between nothing and its least power, and the sum stays the same."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.negotiation.plans import least_power
from agents.negotiation.plans.apportion import Candidate, ProportionalSharing, apportion
from agents.negotiation.plans.least_power import Bounds, allowed, moved
from agents.negotiation.plans.request_values import FairValues, MemberCapability, MeritOrderValues, runnable
from protocol.units import Direction

UP, DOWN = Direction.INCREASE_LOAD, Direction.DECREASE_LOAD
members = st.lists(st.tuples(st.integers(0, 4_000), st.sampled_from([0, 0, 1_000, 1_380])), min_size=1, max_size=8)


def fits(power_w: int, cap_w: int, least_w: int, direction: Direction) -> bool:
    """Stated on its own."""
    if power_w in (0, cap_w):
        return True
    return least_w <= power_w <= (cap_w - least_w if direction is DOWN else cap_w)


@settings(max_examples=300, deadline=None)
@given(members, st.integers(0, 100), st.sampled_from([UP, DOWN]))
def test_deal_is_shared_out_so_that_everybody_can_run(
    given_w: list[tuple[int, int]], pct: int, direction: Direction
) -> None:
    candidates = [Candidate(f"h{i}", (cap,), least_w=least) for i, (cap, least) in enumerate(given_w)]
    deal = sum(cap for cap, _ in given_w) * pct // 100
    shares = apportion((deal,), candidates, (0,), ProportionalSharing(), direction).shares
    parts = [shares[c.name].power_w[0] if c.name in shares else 0 for c in candidates]
    assert sum(parts) == deal
    assert all(0 <= part <= cap for part, (cap, _) in zip(parts, given_w, strict=True))
    runs = all(fits(part, cap, least, direction) for part, (cap, least) in zip(parts, given_w, strict=True))
    flexible = sum(cap for cap, least in given_w if not least)
    assert runs or flexible < 1_380  # whoever can give any power takes the rest


@settings(max_examples=200, deadline=None)
@given(members, st.integers(0, 20_000), st.sampled_from([FairValues(), MeritOrderValues()]))
def test_nobody_is_asked_for_less_than_its_least_power(
    given_w: list[tuple[int, int]], asked: int, policy: FairValues | MeritOrderValues
) -> None:
    able = [MemberCapability(f"h{i}", (cap,), merit=-i, least_w=least) for i, (cap, least) in enumerate(given_w)]
    before = policy.values((asked,), able, False)
    after = runnable(before, able)
    for member in able:
        assert fits(after[member.name][0], member.capacity_w[0], member.least_w, UP)
    assert sum(plan[0] for plan in after.values()) <= sum(plan[0] for plan in before.values())


def test_as_many_are_asked_as_can_run() -> None:
    able = [MemberCapability(f"ev-{i}", (3_680,) * 2, least_w=1_380) for i in range(10)]
    values = runnable(FairValues().values((5_000, 1_400), able, False), able)
    assert [plan for plan in values.values() if any(plan)] == [(1_667, 1_400), (1_667, 0), (1_666, 0)]


def test_those_who_have_no_least_power_are_asked_as_before() -> None:
    able = [MemberCapability(f"h-{i}", (1_000,)) for i in range(3)]
    values = FairValues().values((1_000,), able, False)
    assert runnable(values, able) is values


def test_one_more_is_begun_at_the_cost_of_others() -> None:
    bounds = Bounds(np.array([3_000, 2_000]), np.array([1_000, 1_000]), whole=False)
    found = moved(np.array([3_000, 500]), bounds)
    assert found is not None
    assert found.tolist() == [2_500, 1_000]


def test_what_nobody_can_run_at_is_not_moved() -> None:
    assert moved(np.array([500]), Bounds(np.array([3_000]), np.array([1_000]), whole=False)) is None


@pytest.mark.parametrize(
    ("power_w", "direction", "up", "given_w"),
    [(500, UP, False, 0), (500, UP, True, 1_380), (3_000, UP, False, 3_000), (3_000, DOWN, False, 2_300),
     (3_000, DOWN, True, 3_680), (0, DOWN, True, 0), (3_680, DOWN, False, 3_680)],
)  # fmt: skip
def test_power_of_one_member_goes_to_the_next_that_it_can_run_at(
    power_w: int, direction: Direction, up: bool, given_w: int
) -> None:
    assert allowed((power_w,), (3_680,), 1_380, direction, up=up) == (given_w,)
    assert allowed((power_w,), (3_680,), 0, direction, up=up) == (power_w,)


def test_plan_of_one_member_is_looked_at_in_all_slots_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(Bounds):
        def __init__(self, *given: Any, **more: Any) -> None:
            made.append(1)
            super().__init__(*given, **more)

    monkeypatch.setattr(least_power, "Bounds", Counted)
    assert allowed((500, 2_000) * 168, (3_000,) * 336, 1_400, Direction.INCREASE_LOAD) == (0, 2_000) * 168
    assert len(made) == 1
