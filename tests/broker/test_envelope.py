"""A number within a message: put in on one side, cut out on the other, and nothing else changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import T0

from broker.envelope import cut, numbered
from protocol import messages as m
from protocol.codec import decode_body, encode

SAID = encode(m.Presence(message_id="a.presence.1", sent_at=T0, online=True, software="x"))


@pytest.mark.parametrize("extensions", [{}, {"x": 1}, {"gridpact.signature": "s", "y": [1]}])
def test_number_comes_out_again_and_the_message_is_what_it_was(extensions: dict[str, object]) -> None:
    said = encode(m.Presence(message_id="a", sent_at=T0, online=True, software="x", extensions=extensions))
    sent = numbered(said, "18c.7")
    assert cut(sent) == (said, "18c.7")
    heard = decode_body("presence", sent)
    assert next(iter(heard.extensions.items())) == ("gridpact.number", "18c.7")


def test_message_without_a_number_is_left() -> None:
    assert cut(SAID) == (SAID, "")


@given(st.binary(max_size=400))
def test_any_bytes_are_taken(payload: bytes) -> None:
    assert cut(payload)[1] == ""
    assert cut(numbered(payload, "a.1"))[0] == payload


@pytest.mark.parametrize("number", ["", "x", "g.1", "a." + "9" * 16, "A.1"])
def test_number_that_is_none_of_ours_stays_an_entry(number: str) -> None:
    sent = SAID.replace(b'"extensions":{', b'"extensions":{"gridpact.number":"' + number.encode() + b'"', 1)
    assert cut(sent) == (sent, "")


def test_only_the_first_entry_is_cut() -> None:
    twice = numbered(numbered(SAID, "a.1"), "a.2")
    assert cut(twice) == (numbered(SAID, "a.1"), "a.2")
