from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.alternative import alternatives
from protocol.messages import OptionBasis, Shape
from protocol.plan import Plan, covers, excess, least

BASIS = (OptionBasis.OFFERS, OptionBasis.STORAGE)
watts = st.integers(0, 1000)
two_plans = st.integers(1, 6).flatmap(lambda n: st.tuples(*[st.tuples(*[watts] * n)] * 2))


def shapes(asked: Plan, firm: Plan) -> dict[Shape, Plan]:
    return {option.shape: option.power_w for option in alternatives(asked, firm, BASIS)}


@given(two_plans)
def test_every_option_is_firm_distinct_and_not_empty(plans: tuple[Plan, Plan]) -> None:
    asked, firm = plans
    options = alternatives(asked, firm, BASIS)
    assert len({option.power_w for option in options}) == len(options) <= 3
    for option in options:
        assert option.basis == BASIS
        assert option.option_id == option.shape
        assert any(option.power_w)
        assert covers(firm, option.power_w)
        assert sum(option.power_w) <= sum(asked)


@given(two_plans)
def test_truncated_is_all_that_can_be_met_of_the_request(plans: tuple[Plan, Plan]) -> None:
    asked, firm = plans
    assert shapes(asked, firm).get(Shape.TRUNCATED, (0,) * len(asked)) == least(asked, firm)


@given(two_plans)
def test_flat_is_one_level_where_something_is_asked_and_nothing_elsewhere(plans: tuple[Plan, Plan]) -> None:
    asked, firm = plans
    flat = shapes(asked, firm).get(Shape.FLAT)
    if flat is not None:
        levels = [power for power, want in zip(flat, asked, strict=True) if want]
        assert len(dict.fromkeys(levels)) == 1
        assert not any(power for power, want in zip(flat, asked, strict=True) if not want)
        higher = [power + 1 if want else 0 for power, want in zip(flat, asked, strict=True)]
        assert not covers(firm, tuple(higher)) or sum(higher) > sum(asked)


@given(two_plans)
def test_shifted_keeps_what_can_be_met_and_moves_as_much_as_fits(plans: tuple[Plan, Plan]) -> None:
    asked, firm = plans
    shifted = shapes(asked, firm).get(Shape.SHIFTED)
    if shifted is not None:
        truncated = least(asked, firm)
        assert covers(shifted, truncated)
        missing, room = sum(asked) - sum(truncated), sum(excess(firm, asked))
        assert sum(shifted) == sum(truncated) + min(missing, room)


def test_each_shape_of_a_request_that_is_short_in_one_slot() -> None:
    assert shapes((100, 100, 200, 0), (120, 60, 200, 10)) == {
        Shape.TRUNCATED: (100, 60, 200, 0),
        Shape.FLAT: (60, 60, 60, 0),
        Shape.SHIFTED: (120, 60, 200, 10),
    }


def test_energy_moves_to_the_roomiest_slot_first_and_to_the_earlier_of_two() -> None:
    assert shapes((100, 100, 100, 100), (90, 110, 130, 130))[Shape.SHIFTED] == (90, 100, 110, 100)


def test_a_level_above_the_request_of_a_slot_keeps_its_energy() -> None:
    assert shapes((100, 200), (150, 150))[Shape.FLAT] == (150, 150)
    assert shapes((100, 300), (900, 250))[Shape.FLAT] == (200, 200)


def test_equal_plans_are_named_once_and_nothing_is_proposed_where_nothing_can_be_met() -> None:
    assert list(shapes((100, 100), (70, 70))) == [Shape.TRUNCATED]
    assert shapes((100, 100), (0, 0)) == {}
    assert shapes((0, 0), (50, 50)) == {}
    assert list(shapes((100, 0), (0, 70))) == [Shape.SHIFTED]
