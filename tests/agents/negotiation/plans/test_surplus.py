"""What is asked once more of those who said that they could give more."""

from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.surplus import SurplusMember, surplus_values
from protocol.plan import Plan, covers, most, shortfall, total

SLOTS = 4


def member(name: str, firm_w: Plan, available_w: Plan, most_w: int = 3_000) -> SurplusMember:
    return SurplusMember(name, firm_w, available_w, most_w)


def test_rest_is_asked_of_those_with_something_over_in_their_order() -> None:
    members = [member("a", (1_000,), (1_000,)), member("b", (1_000,), (1_500,)), member("c", (1_000,), (3_000,))]
    assert surplus_values((4_000,), members) == {"b": (1_500,), "c": (1_500,)}


def test_nobody_is_asked_where_nothing_is_to_be_had() -> None:
    assert surplus_values((4_000,), [member("a", (1_000,), (1_000,), 1_000)]) == {}


def test_who_leaves_early_gives_first_and_who_stays_gives_later() -> None:
    leaver = member("leaver", (1_000, 1_000, 0, 0), (2_000, 2_000, 0, 0))
    stayer = member("stayer", (1_000,) * 4, (1_000,) * 4)
    assert surplus_values((2_000,) * 4, [stayer, leaver]) == {
        "stayer": (0, 0, 2_000, 2_000),
        "leaver": (2_000, 2_000, 0, 0),
    }


plans = st.tuples(*[st.integers(0, 3_000)] * SLOTS)


@given(plans, st.lists(st.tuples(plans, plans), min_size=1, max_size=6))
def test_values_are_asked_within_what_is_missing_and_never_leave_more_missing(
    asked_w: Plan, offers: list[tuple[Plan, Plan]]
) -> None:
    members = [member(f"m{n}", firm, most(firm, available)) for n, (firm, available) in enumerate(offers)]
    values = surplus_values(asked_w, members)
    assert set(values) <= {one.name for one in members}
    before_w = total([one.firm_w for one in members], SLOTS)
    after_w = total([values.get(one.name, one.firm_w) for one in members], SLOTS)
    assert sum(shortfall(asked_w, after_w)) <= sum(shortfall(asked_w, before_w))
    for one in members:
        power_w = values.get(one.name, one.firm_w)
        assert all(power <= max(one.most_w, said) for power, said in zip(power_w, one.available_w, strict=True))
        assert one.name not in values or any(power_w)
    if covers(before_w, asked_w):
        assert values == {}
