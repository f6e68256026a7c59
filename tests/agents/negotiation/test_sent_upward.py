"""What was said upward, for who asks again and who refuses it."""

from datetime import timedelta

from worlds import START, T0

from agents.negotiation.sent_upward import SentUpward
from protocol import messages as m
from protocol.actor import Send
from protocol.edges import Edge
from protocol.errors import RejectReason

EDGE = Edge("ra", "h")


def award(award_id: str) -> m.Award:
    return m.Award(
        message_id=f"ra.award.{award_id}.1", sent_at=T0, event_id="e1", request_id="e1.1.1", round=1, revision=1,
        award_id=award_id, accepts="h.offer.own.e1.1.1", outcome=m.Outcome.CONCLUDED, power_w=(1_000,),
        confirm_by=START - timedelta(minutes=10),
    )  # fmt: skip


def confirm(award_id: str, *, accepted: bool) -> Send:
    message = m.Confirm(
        message_id=f"h.confirm.{award_id}.1", sent_at=T0, event_id="e1", request_id="e1.1.1", round=1, revision=1,
        award_id=award_id, accepted=accepted, reason="" if accepted else "the award is above the offer",
    )  # fmt: skip
    return Send(EDGE, message)


def said(*sends: Send) -> SentUpward:
    sent = SentUpward()
    for send in sends:
        sent.keep("e1", send)
    return sent


def test_repeat_of_an_award_is_answered_with_the_word_on_that_award() -> None:
    yes, no = confirm("a", accepted=True), confirm("forged", accepted=False)
    sent = said(yes, no)
    assert sent.answer(EDGE, award("a")) is yes
    assert sent.answer(EDGE, award("forged")) is no
    assert sent.answer(EDGE, award("other")) is None


def test_yes_to_another_award_takes_the_place_of_the_yes_before() -> None:
    first, second = confirm("a", accepted=True), confirm("b", accepted=True)
    sent = said(first, second)
    assert sent.answer(EDGE, award("a")) is None
    assert sent.answer(EDGE, award("b")) is second


def test_refusal_of_either_word_is_found() -> None:
    yes, no = confirm("a", accepted=True), confirm("forged", accepted=False)
    sent = said(yes, no)
    for send in (yes, no):
        refused = m.Reject(
            message_id="ra.reject.1", sent_at=T0, refused_id=send.message.message_id, refused_kind="confirm",
            refused_by=m.Side.PARENT, reason=RejectReason.UNKNOWN_AWARD,
        )  # fmt: skip
        assert sent.refused(EDGE, refused) is send.message
        assert sent.refused(Edge("ra", "other"), refused) is None
