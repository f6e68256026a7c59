"""What a home earns, by what its contract pays."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from worlds import T0

from agents.history.standing import PartyStage
from agents.pages.home.pay import earned, given_up, leaving_costs, of_month, promised
from agents.pages.home.tongue import Tongue
from agents.pages.home.view import HomeEvent
from agents.settings.parties import Payment
from protocol import messages as m
from protocol.units import Direction

PER_KWH = Payment(per="kwh", amount_milli=200, currency="EUR", leaving_costs_milli=0)
PER_EVENT = Payment(per="event", amount_milli=1_500, currency="EUR", leaving_costs_milli=500)
PER_MONTH = Payment(per="month", amount_milli=10_000, currency="EUR")


def event(terms: m.Terms | None = None, outcome: str = "", days: int = 0, **more: Any) -> HomeEvent:
    """An hour of 4 kW, as agreed; half of it is metered."""
    start = T0 + timedelta(days=days)
    request = m.Request(
        message_id="r", event_id="e1", request_id="r", revision=1, round=1, sent_at=start, program_id="dr",
        direction=Direction.DECREASE_LOAD, interval_period=m.IntervalPeriod(start=start, duration=timedelta(minutes=30)),
        power_w=(4_000, 4_000), reply_by=start, decide_by=start, terms=terms or m.Terms(),
    )  # fmt: skip
    known: dict[str, Any] = {"deal_w": (4_000, 4_000), "delivered": {0: 2_000}} | more
    return HomeEvent("e1", request, PartyStage.DELIVERING, outcome, (4_000, 4_000), known.pop("deal_w"), False, **known)


def test_each_way_of_being_paid_has_its_own_sum() -> None:
    assert [promised(event(), one) for one in (PER_KWH, PER_EVENT, PER_MONTH, None)] == [
        "0.80 EUR",
        "1.50 EUR",
        None,
        None,
    ]
    assert [earned(event(), one) for one in (PER_KWH, PER_EVENT, PER_MONTH, None)] == [
        "0.40 EUR",
        "1.50 EUR",
        None,
        None,
    ]
    priced = event(m.Terms(price_milli_per_kwh=100, currency="EUR"))
    assert (promised(priced, None), earned(priced, None)) == ("0.40 EUR", "0.20 EUR")


def test_nothing_is_told_to_be_earned_by_the_event_by_who_left_it_or_was_not_in_it() -> None:
    assert earned(event(outcome="withdrawn"), PER_EVENT) is None
    assert earned(event(outcome="cancelled"), PER_EVENT) is None
    assert earned(event(deal_w=None, delivered={}), PER_EVENT) is None


@pytest.mark.parametrize("payment", [PER_KWH, PER_EVENT, PER_MONTH, None])
def test_nothing_is_told_to_be_earned_where_no_meter_has_told_anything(payment: Payment | None) -> None:
    terms = m.Terms(price_milli_per_kwh=100, currency="EUR")
    for outcome in ("", "cancelled", "withdrawn", "not_needed"):
        assert earned(event(terms, outcome=outcome, delivered={}), payment) is None
    assert earned(event(terms, outcome="completed", delivered={}), payment) == (
        "1.50 EUR" if payment is PER_EVENT else None
    )
    assert of_month([event(delivered={})], PER_EVENT, T0, UTC) == "0.00 EUR"  # it is agreed, and has not begun


def test_leaving_gives_up_what_is_to_come_and_costs_what_the_contract_says() -> None:
    half = T0 + timedelta(minutes=30)
    assert [given_up(event(), one, half) for one in (PER_KWH, PER_EVENT, PER_MONTH)] == ["0.40 EUR", "1.50 EUR", None]
    assert [leaving_costs(one) for one in (PER_KWH, PER_EVENT, PER_MONTH, None)] == ["", "0.50 EUR", None, None]


def test_month_has_its_own_events_only() -> None:
    events = [event(), event(days=1), event(days=40)]
    assert [of_month(events, one, T0, UTC) for one in (PER_KWH, PER_EVENT, PER_MONTH, None)] == [
        "0.80 EUR", "3.00 EUR", "10.00 EUR", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("payment", "earns", "leaving"),
    [
        (
            PER_KWH,
            "That earns up to 0.80\u00a0EUR.",
            "would earn, up to 0.80\u00a0EUR. Your contract asks for nothing more.",
        ),
        (PER_EVENT, "That earns 1.50\u00a0EUR if you stay", "Your contract takes 0.50\u00a0EUR for leaving."),
        (PER_MONTH, "pays 10.00\u00a0EUR a month", "Your contract says whether leaving costs more than that."),
        (None, "Your contract says what it earns.", "Your contract says whether leaving costs more than that."),
    ],
)
def test_sentence_says_how_it_is_paid_and_what_leaving_costs(payment: Payment | None, earns: str, leaving: str) -> None:
    tongue = Tongue("en")
    assert earns in tongue.earns(event(), payment)
    assert leaving in tongue.leaving(event(), payment, T0)
