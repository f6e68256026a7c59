"""The wire half: what messages alone tell of a party, and what they do not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agents.history.edge import MOST_EARLIER, EdgeHistory
from agents.history.standing import PartyStage, WhyUnknown
from agents.history.wire import PartyOnWire
from protocol import messages as m
from protocol.edges import Edge
from protocol.units import Direction

AT = datetime(2026, 1, 14, 17, tzinfo=UTC)
START = AT + timedelta(hours=1)
LATER = AT + timedelta(minutes=1)


def head(number: int = 1, revision: int = 1) -> dict[str, Any]:
    return {"sent_at": AT, "event_id": "e", "request_id": f"e.{revision}.{number}", "round": number}


def request(number: int = 1, revision: int = 1, mandate: bool = False) -> m.Request:
    return m.Request(
        **head(number, revision), message_id=f"q{number}{revision}", revision=revision, program_id="dr",
        direction=Direction.DECREASE_LOAD, interval_period=m.IntervalPeriod(start=START), power_w=(100, 100),
        reply_by=AT + timedelta(minutes=10), decide_by=AT + timedelta(minutes=40), terms=m.Terms(mandate=mandate),
    )  # fmt: skip


def offer(power_w: tuple[int, ...] = (90, 80)) -> m.Offer:
    opt = m.Opt.IN if any(power_w) else m.Opt.OUT
    return m.Offer(
        **head(), message_id="o", revision=1, opt=opt, power_w=power_w, available_w=power_w,
        valid_until=AT + timedelta(minutes=40),
    )  # fmt: skip


def award(outcome: m.Outcome = m.Outcome.CONCLUDED, revision: int = 1, child: str = "a") -> m.Award:
    power_w = (90, 80) if outcome is m.Outcome.CONCLUDED else (0, 0)
    accepts = "o" if outcome is m.Outcome.CONCLUDED else None
    return m.Award(
        **head(), message_id=f"w{child}{revision}", revision=revision, award_id=child, accepts=accepts,
        outcome=outcome, power_w=power_w, confirm_by=START,
    )  # fmt: skip


def confirm(accepted: bool) -> m.Confirm:
    return m.Confirm(**head(), message_id="c", revision=1, award_id="a", accepted=accepted)


def edge(*messages: m.EventMessage) -> EdgeHistory:
    found = EdgeHistory(Edge("p", "a"))
    for message in messages:
        found.take(message, AT)
    return found


def child(*messages: m.EventMessage) -> PartyOnWire:
    """A party with a parent, and one child of its own that is asked."""
    above = edge()
    party = PartyOnWire("a", above, {"h": edge(request())})
    for message in messages:
        above.take(message, AT)
        match message:
            case m.Request():
                party.asked(message, standing=False)
                party.said(message)
            case m.Award():
                party.decided(message)
            case _:
                party.answered(message)
        party.touch(AT)
    return party


def test_refused_award_is_no_deal() -> None:
    assert edge(request(), offer(), award(), confirm(True)).deal_w == (90, 80)
    assert edge(request(), offer(), award(), confirm(False)).deal_w is None
    party = child(request(), offer(), award(), confirm(False))
    assert (party.standing(LATER).stage, party.standing(LATER).secured_w) == (PartyStage.OFFERED, None)


def test_later_request_supersedes_the_award_and_a_change_the_readings() -> None:
    reading = m.Reading(slot=0, energy_wh=0, baseline_wh=50, state=m.EventStatus.ACTIVE)
    report = m.Report(**head(), message_id="r", revision=1, resource_id="a", readings=(reading,))
    known = edge(request(), offer(), award(), report)
    assert known.delivered_wh(Direction.DECREASE_LOAD) == {0: 50}
    known.take(request(2), AT)
    assert (known.deal_w, known.delivered_wh(Direction.DECREASE_LOAD)) == (None, {0: 50})
    known.take(request(1, revision=2), AT)
    assert known.delivered_wh(Direction.DECREASE_LOAD) == {}


def test_what_was_taken_back_is_no_part_of_the_deal_until_the_next_award() -> None:
    back = m.Withdraw(
        **head(), message_id="b", revision=1, award_id="a", from_slot=1, power_w=(90, 30), cause="unplugged"
    )
    assert edge(request(), offer(), award(), back).deal_w == (90, 30)
    assert edge(request(), offer(), award(), back, award(revision=2)).deal_w == (90, 80)


def test_award_of_a_relaxed_offer_to_an_earlier_request_loosens() -> None:
    relaxed = offer().model_copy(update={"message_id": "x", "basis": m.Basis.RELAXED, "revision": 2})
    stands = award().model_copy(update={"accepts": "x", "request_id": "e.1.2"})
    own = offer().model_copy(update={"request_id": "e.1.2"})
    assert edge(request(), offer(), relaxed, request(2), own, stands).loosens
    assert not edge(request(), offer(), relaxed, request(2), own, stands.model_copy(update={"accepts": "o"})).loosens
    many = [one for n in range(2, 40) for one in (request(n), relaxed.model_copy(update={"request_id": f"e.1.{n}"}))]
    assert len(edge(request(), *many).relaxed_before) <= MOST_EARLIER


def test_message_of_this_moment_may_not_have_arrived() -> None:
    party = child(request(), offer())
    assert party.standing(AT).stage is WhyUnknown.ON_ITS_WAY
    assert (party.standing(LATER).stage, party.standing(LATER).available_w) == (PartyStage.OFFERED, (90, 80))


def test_who_offers_nothing_has_what_the_wire_does_not_show() -> None:
    party = child(request(), offer((0, 0)))
    assert (party.standing(LATER).stage, party.standing(LATER).available_w) == (
        PartyStage.OPTED_OUT,
        WhyUnknown.NOT_ON_THE_WIRE,
    )


def test_answer_that_nobody_takes_expires() -> None:
    until = AT + timedelta(minutes=40)
    assert child(request(), offer()).standing(until).stage is WhyUnknown.DUE_NOW
    party = child(request(), offer())
    assert (party.standing(until + timedelta(seconds=1)).stage, party.outcome) == (PartyStage.CLOSED, "expired")


def test_deal_under_a_mandate_does_not_travel() -> None:
    assert child(request(mandate=True), offer()).standing(LATER).secured_w is WhyUnknown.NOT_ON_THE_WIRE


def test_party_that_needs_only_one_of_two_children_is_not_closed() -> None:
    party = PartyOnWire("utility", None, {"a": edge(request(), offer(), award()), "b": edge(request(), offer())})
    party.said(award())
    party.children["b"].take(award(m.Outcome.NOT_NEEDED, child="b"), AT)
    party.said(award(m.Outcome.NOT_NEEDED, child="b"))
    party.touch(AT)
    assert (party.standing(LATER).stage, party.standing(LATER).secured_w) == (PartyStage.STANDBY, (90, 80))


def test_party_that_awards_nobody_is_closed() -> None:
    party = PartyOnWire("utility", None, {"a": edge(request(), offer())})
    party.children["a"].take(award(m.Outcome.NO_DEAL), AT)
    party.said(award(m.Outcome.NO_DEAL))
    party.touch(AT)
    assert (party.standing(LATER).stage, party.outcome) == (PartyStage.CLOSED, "no_deal")
