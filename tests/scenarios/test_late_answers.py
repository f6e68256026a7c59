"""What the judge of the random worlds calls an answer that is missing."""

from datetime import timedelta

from asked import request
from checker.stages import late_answers
from worlds import T0

from protocol import messages as m
from protocol.actor import Entry, Received
from protocol.codec import encode
from protocol.edges import Edge

MINUTE = timedelta(minutes=1)


def heard(at_minute: int, message: m.Request) -> Entry:
    return Entry(T0 + at_minute * MINUTE, "h", Received(Edge("ra", "h"), message, encode(message)), ())


def over() -> Entry:
    return Entry(T0 + timedelta(hours=2), "h", None, ())


FIRST = request(1_000)
LATER = request(1_000, message_id="r2", request_id="e1.2.1", revision=2)


def test_request_that_nobody_answers_is_told() -> None:
    assert late_answers([heard(0, FIRST), over()]) == ["P3: h: no answer to e1.1.1 by its reply_by"]


def test_only_the_latest_request_of_an_event_has_to_be_answered() -> None:
    assert late_answers([heard(0, FIRST), heard(1, LATER), over()]) == ["P3: h: no answer to e1.2.1 by its reply_by"]


def test_repeat_of_a_superseded_request_changes_nothing_of_that() -> None:
    trace = [heard(0, FIRST), heard(1, LATER), heard(2, FIRST), over()]
    assert late_answers(trace) == ["P3: h: no answer to e1.2.1 by its reply_by"]
