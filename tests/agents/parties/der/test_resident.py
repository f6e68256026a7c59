"""What a resident is asked, and what an answer or a change of mind does at the home."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import START, T0, battery, vehicle

from agents.parties.der.actor import Der
from agents.parties.memory import memory_of, remember
from agents.settings.parties import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Decided, Effect, Note, Question, Received, Send
from protocol.codec import encode
from protocol.edges import Edge
from protocol.units import Direction

MINUTE = timedelta(minutes=1)
EDGE = Edge("ra", "h")


def home(consent: Consent = Consent.ASK, **settings: Any) -> Der:
    devices = settings.pop("devices", (vehicle("ev-1"),))
    return Der(DerSettings(name="h", parent="ra", devices=devices, consent=consent, **settings))


def request(round_: int = 1, revision: int = 1, **changes: Any) -> m.Request:
    fields: dict[str, Any] = {
        "message_id": f"ra.request.{revision}.{round_}",
        "sent_at": T0,
        "event_id": "e",
        "request_id": f"e.{revision}.{round_}",
        "round": round_,
        "revision": revision,
        "program_id": "p",
        "direction": Direction.DECREASE_LOAD,
        "interval_period": m.IntervalPeriod(start=START),
        "power_w": (3_000, 3_000),
        "reply_by": T0 + 20 * MINUTE,
        "decide_by": T0 + 40 * MINUTE,
    }
    return m.Request(**fields | changes)


def take(der: Der, message: m.EventMessage, at: datetime = T0) -> list[Effect]:
    return der.receive(Received(EDGE, message, encode(message)), at)


def decide(der: Der, take_part: bool, at: datetime = T0 + MINUTE) -> list[Effect]:
    return der.receive(Decided("e", take_part), at)


def offers(effects: list[Effect]) -> list[tuple[m.Opt, int]]:
    sent = [effect.message for effect in effects if isinstance(effect, Send)]
    return [(offer.opt, offer.revision) for offer in sent if isinstance(offer, m.Offer)]


def notes(effects: list[Effect]) -> list[str]:
    return [effect.name for effect in effects if isinstance(effect, Note)]


def test_question_says_power_times_earnings_and_what_it_costs_the_car() -> None:
    der = home(
        devices=(battery("bat-1"), vehicle("ev-1", relaxations=[{"restriction": "reserve_soc", "steps": [4_000]}]))
    )
    take(der, request(terms=m.Terms(price_milli_per_kwh=30_500, currency="JPY")))
    assert der.question("e") == (
        "use less or give back from 2026-01-14 18:00 to 19:00 UTC: up to 11 kW x 2, 11 kWh in all; earns up to 335.50 JPY; "
        "bat-1 5 kWh; ev-1 6 kWh, charged by its departure as you set it, unless it is asked for what you agreed to loosen: "
        "take part?"
    )


def test_question_says_nothing_of_a_price_that_is_not_known() -> None:
    der = home()
    take(der, request())
    assert "earns" not in (der.question("e") or "")


def test_question_says_that_there_is_nothing_to_give() -> None:
    der = home(devices=(vehicle("ev-1", plugs_in_at=START + 5 * 60 * MINUTE),))
    take(der, request())
    assert "your devices have nothing to give then" in (der.question("e") or "")


def test_no_takes_the_offer_back_and_frees_the_devices() -> None:
    der = home()
    take(der, request())
    assert offers(decide(der, True)) == [(m.Opt.IN, 1)]
    assert der.ledger.but("x") != {}
    assert offers(decide(der, False)) == [(m.Opt.OUT, 2)]
    assert der.ledger.but("x") == {}
    assert offers(decide(der, True)) == [(m.Opt.IN, 3)]


def award(accepts: str | None) -> m.Award:
    return m.Award(
        message_id="ra.award.1", sent_at=T0, event_id="e", request_id="e.1.1", round=1, revision=1, award_id="e.1.1.ra.h",
        accepts=accepts, outcome=m.Outcome.CONCLUDED if accepts else m.Outcome.NOT_NEEDED,
        power_w=(3_000, 3_000) if accepts else (0, 0), confirm_by=T0 + 50 * MINUTE,
    )  # fmt: skip


@pytest.mark.parametrize("again", [False, True])
def test_award_of_an_offer_that_was_taken_back_is_refused(again: bool) -> None:
    der = home()
    take(der, request())
    decide(der, True)
    decide(der, False)
    if again:
        decide(der, True)
    (confirm,) = [e.message for e in take(der, award("h.offer.own.e.1.1"), T0 + 2 * MINUTE) if isinstance(e, Send)]
    assert isinstance(confirm, m.Confirm)
    assert not confirm.accepted
    corrected = award("h.offer.own.e.1.1.3").model_copy(update={"message_id": "ra.award.2", "revision": 2})
    told = [e.message for e in take(der, corrected, T0 + 3 * MINUTE) if isinstance(e, Send)]
    assert [isinstance(message, m.Confirm) and message.accepted for message in told] == [again]


def test_yes_after_the_last_decision_above_comes_too_late() -> None:
    der = home(stored_rule=False)
    take(der, request())
    der.wake(T0 + 10 * MINUTE)
    assert offers(decide(der, True, T0 + 40 * MINUTE)) == [(m.Opt.IN, 2)]
    other = home(stored_rule=False)
    take(other, request())
    other.wake(T0 + 10 * MINUTE)
    assert notes(decide(other, True, T0 + 40 * MINUTE + MINUTE)) == ["decision_too_late"]


@pytest.mark.parametrize("take_part", [True, False])
def test_answer_that_changes_nothing_is_no_late_one(take_part: bool) -> None:
    der = home()
    take(der, request())
    decide(der, take_part)
    assert notes(decide(der, take_part)) == ["consent_decided"]


@pytest.mark.parametrize("consent", list(Consent))
def test_no_stands_in_every_later_round(consent: Consent) -> None:
    der = home(consent)
    take(der, request())
    decide(der, False)
    effects = take(der, request(2, power_w=(1_000, 1_000)), T0 + 5 * MINUTE)
    assert [opt for opt, _ in offers(effects)] == [m.Opt.OUT]
    assert not [effect for effect in effects if isinstance(effect, Question)]


def test_no_that_came_too_late_stands_in_the_next_round() -> None:
    der = home(Consent.ALWAYS)
    take(der, request())
    take(der, award(None), T0 + 2 * MINUTE)
    assert notes(decide(der, False, T0 + 3 * MINUTE)) == ["decision_too_late"]
    assert [opt for opt, _ in offers(take(der, request(2), T0 + 5 * MINUTE))] == [m.Opt.OUT]


def test_resident_who_has_not_answered_yet_is_not_asked_again() -> None:
    der = home()
    assert [e.answer_by for e in take(der, request()) if isinstance(e, Question)] == [T0 + 10 * MINUTE]
    assert take(der, request(2, reply_by=T0 + 12 * MINUTE), T0 + 2 * MINUTE) == []
    assert der.deadline == T0 + 7 * MINUTE
    assert take(der, request(3, reply_by=T0 + 30 * MINUTE), T0 + 3 * MINUTE) == []
    assert der.deadline == T0 + 7 * MINUTE


@pytest.mark.parametrize(
    "changes",
    [
        {"direction": Direction.INCREASE_LOAD},
        {"interval_period": m.IntervalPeriod(start=START + 30 * MINUTE)},
        {"power_w": (3_000,)},
    ],
)
def test_event_at_other_times_or_in_the_other_direction_is_another_question(changes: dict[str, Any]) -> None:
    der = home()
    take(der, request())
    decide(der, True)
    effects = take(der, request(1, 2, **changes), T0 + 5 * MINUTE)
    assert len([effect for effect in effects if isinstance(effect, Question)]) == 1


def test_state_of_a_stop_knows_what_was_decided() -> None:
    der = home()
    take(der, request())
    decide(der, True)
    decide(der, False)
    again = home()
    remember(again, memory_of(der))
    assert memory_of(again) == memory_of(der)
    assert offers(decide(again, True)) == [(m.Opt.IN, 3)]
