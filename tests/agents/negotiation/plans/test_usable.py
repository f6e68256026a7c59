"""What of a proposed plan counts, by what a parent can use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.acceptance import Judged
from agents.negotiation.plans.alternative import alternatives
from agents.negotiation.plans.usable import bought_of, judged_by, left_of, worth_of
from agents.settings.parties import Usable
from protocol.messages import OptionBasis, Shape
from protocol.plan import Plan, covers, shortfall
from protocol.rules import best_option

watts = st.integers(0, 1_000)
two_plans = st.integers(1, 6).flatmap(lambda n: st.tuples(*[st.tuples(*[watts] * n)] * 2))


@pytest.mark.parametrize(
    ("can_use", "shape"),
    [(Usable.EVERY_SLOT, Shape.TRUNCATED), (Usable.LEVEL, Shape.FLAT), (Usable.ENERGY, Shape.SHIFTED)],
)
def test_each_shape_is_the_best_of_its_use(can_use: Usable, shape: Shape) -> None:
    asked = (10, 10, 6)
    options = alternatives(asked, (4, 8, 9), (OptionBasis.OFFERS,))
    assert {option.shape for option in options} == set(Shape)
    assert best_option(options, asked, worth_of(can_use)).shape is shape


@given(st.sampled_from(Usable), two_plans)
def test_no_more_energy_is_bought_than_is_wanted(can_use: Usable, plans: tuple[Plan, Plan]) -> None:
    wanted, offered = plans
    bought = bought_of(can_use, offered, wanted)
    assert covers(offered, bought)
    assert sum(bought) <= sum(wanted)
    left = left_of(can_use, wanted, bought)
    assert covers(shortfall(wanted, bought), left)
    if can_use is Usable.ENERGY:
        assert sum(left) == sum(wanted) - sum(bought)


def test_energy_is_judged_as_one_slot() -> None:
    judged = Judged((10, 10), (4, 12), (1, 1), 70)
    assert judged_by(Usable.ENERGY, judged) == Judged((20,), (16,), (2,), 70)
    assert judged_by(Usable.LEVEL, judged) == judged
