"""Rules that readers of messages share, held against what the parties do."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from message_strategies import instants

from agents.negotiation.answers import ChildAnswers
from agents.negotiation.child import RequestRecord, in_full
from agents.negotiation.children import Children
from protocol import messages as m
from protocol.rules import best_option, best_plan, delivered_wh, order_of
from protocol.units import Direction

PLANS = st.lists(st.integers(0, 5_000), min_size=3, max_size=3).map(tuple)


def option(number: int, power_w: tuple[int, ...]) -> m.Option:
    return m.Option(option_id=f"o{number}", power_w=power_w, basis=(m.OptionBasis.OFFERS,), shape=m.Shape.TRUNCATED)


@given(st.lists(PLANS, min_size=1, max_size=3), PLANS, instants)
def test_best_option_is_the_one_that_a_parent_keeps(plans: list[tuple[int, ...]], asked_w: tuple[int, ...], at) -> None:  # type: ignore[no-untyped-def]
    options = tuple(option(number, power_w) for number, power_w in enumerate(plans))
    children = Children(("ra",), {})
    children.renew("ra", RequestRecord("e.1.1", 1, 1, "dr", asked_w, at, at, at, m.Terms()))
    alternative = m.Alternative(
        message_id="a", sent_at=at, event_id="e", request_id="e.1.1", round=1, revision=1, options=options,
        valid_until=at + timedelta(hours=1),
    )  # fmt: skip
    ChildAnswers(children).take_alternative(children["ra"], alternative)
    kept = children["ra"].best
    assert kept is not None
    assert in_full(kept.ref, "ra") == best_option(options, asked_w).option_id


def test_plan_of_another_length_counts_less_than_one_that_fits() -> None:
    assert best_plan([(9, 9, 9), (1, 1)], (5, 5)) == (1, 1)
    assert best_plan([(9, 9, 9)], (5, 5)) == (9, 9, 9)


def test_delivered_is_counted_in_the_events_direction() -> None:
    assert delivered_wh(Direction.DECREASE_LOAD, -500, 1_500) == 2_000
    assert delivered_wh(Direction.INCREASE_LOAD, -500, 1_500) == -2_000


def test_change_of_the_event_comes_after_every_round_before_it() -> None:
    asked = [
        m.Request.model_construct(revision=revision, round=number) for revision, number in ((1, 9), (2, 1), (2, 2))
    ]
    assert sorted((asked[2], asked[0], asked[1]), key=order_of) == asked
