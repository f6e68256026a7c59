from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.acceptance import Judged, LeastShare
from protocol.plan import Plan, add, covers, share_pct

watts = st.integers(0, 60)
plans = st.tuples(watts, watts, watts)
accepts = LeastShare().accepts


@given(plans, plans, st.integers(0, 100))
def test_without_others_the_share_of_the_worst_slot_decides(asked: Plan, offered: Plan, least_pct: int) -> None:
    judged = Judged(asked, offered, (0, 0, 0), least_pct)
    assert accepts(judged) is (share_pct(offered, asked) >= least_pct)


@given(plans, plans, plans)
def test_what_others_have_over_has_to_fill_the_gap_in_every_slot(asked: Plan, offered: Plan, over: Plan) -> None:
    judged = Judged(asked, offered, over, 100)
    assert accepts(judged) is covers(add(offered, over), asked)


def test_share_is_rounded_down() -> None:
    assert accepts(Judged((1000,), (709,), (0,), 70))
    assert not accepts(Judged((1000,), (699,), (0,), 70))
