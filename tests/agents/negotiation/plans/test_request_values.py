from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.request_values import (
    MOST_FACTOR,
    FairValues,
    MemberCapability,
    MeritOrderValues,
    RequestValuePolicy,
    by_weight,
    split_by_ability,
    split_by_scale,
)
from protocol.plan import Plan, total

SLOTS = 3
FAIR, MERIT = FairValues(), MeritOrderValues()
watts = st.integers(0, 10_000)
plans = st.tuples(watts, watts, watts)
sizes = st.tuples(plans, st.integers(0, 100), st.integers(0, 3))
fleets = st.lists(sizes, max_size=12).map(
    lambda members: [
        MemberCapability(f"m{i}", capacity, pct, merit) for i, (capacity, pct, merit) in enumerate(members)
    ]
)
policies = st.sampled_from((FAIR, MERIT))


def fleet(n: int, pct: int, capacity_w: int = 10_000) -> list[MemberCapability]:
    return [MemberCapability(f"m{i}", (capacity_w,), pct) for i in range(n)]


def all_of(members: list[MemberCapability]) -> Plan:
    return total([member.capacity_w for member in members], SLOTS)


@given(plans, fleets, policies, st.booleans())
def test_nobody_is_asked_for_more_than_its_capacity(
    asked: Plan, members: list[MemberCapability], policy: RequestValuePolicy, over: bool
) -> None:
    values = policy.values(asked, members, over_request=over)
    assert list(values) == [member.name for member in members]
    for member in members:
        assert all(0 <= value <= cap for value, cap in zip(values[member.name], member.capacity_w, strict=True))


@given(plans, fleets, policies)
def test_values_sum_to_the_request_or_to_all_there_is(
    asked: Plan, members: list[MemberCapability], policy: RequestValuePolicy
) -> None:
    values = policy.values(asked, members, over_request=False)
    assert total(values.values(), SLOTS) == tuple(map(min, asked, all_of(members)))


@given(plans, fleets, policies)
def test_the_expected_yes_covers_the_request_or_everything_is_asked(
    asked: Plan, members: list[MemberCapability], policy: RequestValuePolicy
) -> None:
    values = policy.values(asked, members, over_request=True)
    for slot, (power_w, everything) in enumerate(zip(asked, all_of(members), strict=True)):
        wanted = sum(plan[slot] for plan in values.values())
        # equal shares are rounded to whole watts, which moves the expectation by less than a watt a member
        expected = sum(values[member.name][slot] * member.reliability_pct for member in members) / 100
        assert wanted == everything or (power_w <= wanted and expected > power_w - len(members))


@given(plans, fleets, policies)
def test_a_reliable_fleet_is_asked_for_exactly_what_is_needed(
    asked: Plan, members: list[MemberCapability], policy: RequestValuePolicy
) -> None:
    sure = [MemberCapability(member.name, member.capacity_w, 100, member.merit) for member in members]
    for_sure = policy.values(asked, sure, over_request=True)
    assert for_sure == policy.values(asked, sure, over_request=False)


@given(plans, fleets, policies, st.booleans())
def test_a_level_request_and_its_slots_alone_give_the_same(
    asked: Plan, members: list[MemberCapability], policy: RequestValuePolicy, over: bool
) -> None:
    values = policy.values(asked, members, over_request=over)
    for slot, power_w in enumerate(asked):
        alone = [MemberCapability(m.name, (m.capacity_w[slot],), m.reliability_pct, m.merit) for m in members]
        for name, value in policy.values((power_w,), alone, over_request=over).items():
            assert value == (values[name][slot],)


@pytest.mark.parametrize(("n", "measured_pct"), [(10, 39), (100, 10.5), (1000, 3.3), (10_000, 1.0)])
def test_the_safety_of_a_fleet_shrinks_as_measured(n: int, measured_pct: float) -> None:
    p, asked = 0.8, 1000 * n
    fair = sum(map(sum, FAIR.values((asked,), fleet(n, 80), over_request=True).values()))
    assert fair == pytest.approx(asked / (p - 2 * sqrt(p * (1 - p) / n)), abs=n)
    ordered = fleet(2 * n, 80, 1000)
    more = sum(map(sum, MERIT.values((asked,), ordered, over_request=True).values()))
    least, most = sorted((100 * fair * p / asked - 100, 100 * more * p / asked - 100))
    assert least - 3 <= measured_pct <= most + 0.5


def test_the_safety_of_a_handful_is_bounded_and_its_expectation_is_not() -> None:
    values = FAIR.values((100,), fleet(1, 50), over_request=True)
    assert values == {"m0": (100 * MOST_FACTOR,)}
    values = FAIR.values((100,), fleet(1, 10), over_request=True)
    assert values == {"m0": (1000,)}


def test_an_unreliable_giant_weighs_by_its_size() -> None:
    small = [MemberCapability(f"s{i}", (100,), 100) for i in range(10)]
    values = FAIR.values((500,), [MemberCapability("giant", (9000,), 50), *small], over_request=True)
    assert sum(map(sum, values.values())) == 3 * 500
    values = MERIT.values((500,), [MemberCapability("giant", (9000,), 50, merit=1), *small], over_request=True)
    assert values["giant"] == (0,)


def test_fair_is_in_proportion_to_capacity_and_odd_watts_go_to_the_first() -> None:
    members = [MemberCapability("a", (100,)), MemberCapability("b", (100,)), MemberCapability("c", (200,))]
    values = FAIR.values((102,), members, over_request=False)
    assert values == {"a": (26,), "b": (25,), "c": (51,)}


def test_merit_order_fills_the_lowest_first_and_answers_in_the_members_order() -> None:
    members = [
        MemberCapability("a", (100,), merit=2),
        MemberCapability("b", (100,), merit=1),
        MemberCapability("c", (100,), merit=1),
    ]
    values = MERIT.values((150,), members, over_request=False)
    assert list(values.items()) == [("a", (0,)), ("b", (100,)), ("c", (50,))]


def test_a_capacity_with_other_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="one entry a slot"):
        FAIR.values((1, 2), [MemberCapability("a", (1,))], over_request=False)


@given(st.integers(0, 10**6), st.lists(st.tuples(watts, watts), max_size=12))
def test_water_filling_is_exact_and_lifts_all_below_their_cap_alike(wanted: int, ones: list[tuple[int, int]]) -> None:
    weights, caps = [weight for weight, _ in ones], [cap for _, cap in ones]
    shares = by_weight(wanted, weights, caps)
    assert sum(shares) == min(wanted, sum(caps))
    assert all(0 <= share <= cap for share, cap in zip(shares, caps, strict=True))
    levels = [(share, max(1, weight), cap) for share, weight, cap in zip(shares, weights, caps, strict=True)]
    for share, weight, cap in levels:
        if share < cap:  # nobody, full ones included, stands more than the rounding above it
            assert all((other - 1) * weight < (share + 1) * w for other, w, _ in levels if other)


@given(plans, st.dictionaries(st.sampled_from("abcdef"), watts, min_size=1))
def test_by_scale_sums_exactly_and_a_scale_of_nothing_gets_nothing(asked: Plan, scales: dict[str, int]) -> None:
    parts = split_by_scale(asked, scales)
    assert list(parts) == list(scales)
    assert total(parts.values(), SLOTS) == asked
    if any(scales.values()):
        assert all(not any(parts[name]) for name, scale in scales.items() if not scale)


def test_by_scale_is_in_proportion() -> None:
    assert split_by_scale((1000, 10), {"ra-1": 300, "ra-2": 100}) == {"ra-1": (750, 8), "ra-2": (250, 2)}
    assert split_by_scale((10,), {"ra-1": 0, "ra-2": 0}) == {"ra-1": (5,), "ra-2": (5,)}
    assert split_by_scale((10,), {}) == {}


def test_by_ability_is_in_proportion_slot_by_slot_and_by_scale_where_nobody_can() -> None:
    could_w = {"ra-1": (300, 0, 0), "ra-2": (100, 50, 0)}
    parts = split_by_ability((1000, 10, 30), could_w, {"ra-1": 1, "ra-2": 2})
    assert parts == {"ra-1": (750, 0, 10), "ra-2": (250, 10, 20)}
