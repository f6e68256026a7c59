import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.residual import exchanged, reduced, residual, share_residual
from protocol.plan import Plan, add, covers, least, shortfall, total

watts = st.integers(0, 1000)
plans = st.tuples(watts, watts, watts)
names = st.sampled_from([f"ra-{i}" for i in range(6)])


@given(plans, st.lists(plans, max_size=5), plans)
def test_the_residual_is_what_is_missing_and_never_grows_with_more_locked(
    asked: Plan, locked: list[Plan], more: Plan
) -> None:
    left = residual(asked, locked)
    assert left == shortfall(asked, total(locked, 3))
    assert covers(asked, left)
    assert covers(left, residual(asked, [*locked, more]))


def test_who_is_short_late_gives_early_for_one_who_gives_late_in_its_place() -> None:
    parts = {"early": (14, 14, 0, 0), "late": (14, 14, 14, 14)}
    found = exchanged((0, 0, 14, 14), {"early": (14, 14, 0, 0)}, parts, ["late"])
    assert found == {"early": (28, 28, 0, 0), "late": (0, 0, 28, 28)}


def test_who_gives_nothing_in_the_missing_slots_is_asked_for_nothing_there() -> None:
    parts = {"early": (14, 0, 0), "other": (14, 14, 0)}
    assert exchanged((0, 0, 9), {"early": (14, 14, 0)}, parts, ["other"]) == {}


@given(plans, st.dictionaries(names, plans), st.dictionaries(names, plans))
def test_nothing_is_lost_by_an_exchange(missing: Plan, over: dict[str, Plan], parts: dict[str, Plan]) -> None:
    givers = {name: plan for name, plan in over.items() if name in parts}
    after = parts | exchanged(missing, givers, parts, parts)
    before_w, after_w = total(parts.values(), 3), total(after.values(), 3)
    assert covers(add(after_w, tuple(3 * len(parts) ** 2 if lacks else 0 for lacks in missing)), before_w)
    assert all(a == b for a, b, lacks in zip(after_w, before_w, missing, strict=True) if not lacks)
    assert covers(missing, shortfall(after_w, before_w))
    for name, plan in after.items():
        least_w = parts[name] if name in givers and sum(plan) > sum(parts[name]) else (0, 0, 0)
        assert covers(plan, least_w)
        assert sum(plan) <= sum(parts[name]) + sum(givers.get(name, (0,)))


@given(plans, st.dictionaries(names, plans))
def test_parts_never_exceed_a_surplus_and_sum_to_all_that_can_be_had(left: Plan, surplus: dict[str, Plan]) -> None:
    parts = share_residual(left, surplus)
    assert list(parts) == [name for name in surplus if name in parts]
    assert all(any(part) and covers(surplus[name], part) for name, part in parts.items())
    assert total(parts.values(), 3) == least(left, total(surplus.values(), 3))


@given(plans, st.dictionaries(names, plans, min_size=1))
def test_the_first_with_a_surplus_is_asked_first(left: Plan, surplus: dict[str, Plan]) -> None:
    first = next(iter(surplus))
    assert share_residual(left, surplus).get(first, (0, 0, 0)) == least(left, surplus[first])


@given(plans, st.integers(0, 100))
def test_a_short_one_is_never_asked_for_more_than_it_proposed(proposal: Plan, margin: int) -> None:
    asked = reduced(proposal, margin)
    assert covers(proposal, asked)
    if margin:
        assert all(now < before for now, before in zip(asked, proposal, strict=True) if before)
    else:
        assert asked == proposal


def test_locked_offers_and_parts_cover_the_request_when_the_surplus_does() -> None:
    asked, locked = (100, 100), [(40, 60), (30, 10)]
    parts = share_residual(residual(asked, locked), {"ra-1": (10, 50), "ra-2": (50, 0)})
    assert parts == {"ra-1": (10, 30), "ra-2": (20, 0)}
    assert add(total(locked, 2), total(parts.values(), 2)) == asked


@pytest.mark.parametrize("margin", [-1, 101])
def test_a_margin_that_is_no_share_is_refused(margin: int) -> None:
    with pytest.raises(ValueError, match="not within 0 to 100"):
        reduced((100,), margin)
