"""Bytes to message and back: nothing changes on the way, nothing but RefusedMessage comes out of bad bytes."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import BY_KIND, any_message

from protocol.codec import MAX_PAYLOAD_BYTES, decode, decode_body, encode, to_json
from protocol.edges import BESIDE, ROUTES
from protocol.errors import RefusedMessage, RejectReason
from protocol.messages import Message, Request

CONFIRM = {
    "version": "1.0",
    "message_id": "hems-1.c1",
    "sent_at": "2026-01-14T08:20:01Z",
    "event_id": "ev-1",
    "request_id": "ev-1.1.1",
    "round": 1,
    "revision": 1,
    "award_id": "a-1",
    "accepted": True,
}


def refusal(kind: str, payload: bytes) -> RefusedMessage:
    with pytest.raises(RefusedMessage) as refused:
        decode_body(kind, payload)
    return refused.value


def changed(**fields: Any) -> bytes:
    return json.dumps(CONFIRM | fields).encode()


@pytest.mark.parametrize("kind", [*ROUTES, *BESIDE])
@given(data=st.data())
def test_every_message_comes_back_as_it_was(kind: str, data: st.DataObject) -> None:
    message = data.draw(BY_KIND[kind])
    assert decode_body(kind, encode(message)) == message


@given(any_message)
def test_the_same_message_gives_the_same_bytes(message: Message) -> None:
    assert encode(message) == encode(message.model_copy(deep=True))


@pytest.mark.parametrize("kind", [*ROUTES, *BESIDE])
@given(payload=st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_refused_with_a_reason_and_nothing_else(kind: str, payload: bytes) -> None:
    assert refusal(kind, payload).reason in (RejectReason.MALFORMED, RejectReason.UNSUPPORTED_VERSION)


@given(data=st.data())
def test_a_message_with_any_one_byte_changed_is_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(ROUTES)))
    payload = bytearray(encode(data.draw(BY_KIND[kind])))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RefusedMessage):
        assert isinstance(decode_body(kind, bytes(payload)), ROUTES[kind].model)


def test_the_sound_body_is_taken() -> None:
    assert decode_body("confirm", changed()).message_id == "hems-1.c1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"surprise": 1},
        {"accepted": "yes"},
        {"accepted": 1},
        {"round": 0},
        {"round": 1.5},
        {"round": "1"},
        {"sent_at": "2026-01-14T08:20:01"},
        {"sent_at": 1768378801},
        {"event_id": "ev/1"},
        {"event_id": "ev+1"},
        {"event_id": ""},
        {"event_id": "x" * 65},
        {"award_id": None},
        {"reason": "x" * 501},
        {"extensions": {str(n): n for n in range(17)}},
    ],
)
def test_a_wrong_field_is_refused_by_name_with_the_messages_id(wrong: dict[str, Any]) -> None:
    refused = refusal("confirm", changed(**wrong))
    assert refused.reason is RejectReason.MALFORMED
    assert next(iter(wrong)) in refused.text
    assert refused.message_id == "hems-1.c1"


def test_another_version_is_named() -> None:
    refused = refusal("confirm", changed(version="2.0"))
    assert refused.reason is RejectReason.UNSUPPORTED_VERSION
    assert "'2.0' is not spoken here" in refused.text


def test_a_payload_above_the_limit_is_not_even_parsed() -> None:
    refused = refusal("confirm", b"{" * (MAX_PAYLOAD_BYTES + 1))
    assert refused.reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize("payload", [b"[" * 100_000, b'{"a":' * 20_000, b"NaN", b"1e999", b'"\\ud800"'])
def test_what_breaks_parsers_is_refused(payload: bytes) -> None:
    assert refusal("offer", payload).reason is RejectReason.MALFORMED


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", str(2**64), str(-(2**63) - 1), "9" * 400])
@pytest.mark.parametrize("shape", ["%s", "[1, %s]", '{"y": [{"z": %s}]}'])
def test_number_that_not_everybody_can_read_is_refused_in_extensions(value: str, shape: str) -> None:
    payload = changed(extensions={"x": 0}).replace(b'{"x": 0}', f'{{"x":{shape % value}}}'.encode())
    assert value.encode() in payload
    refused = refusal("confirm", payload)
    assert (refused.reason, refused.message_id) == (RejectReason.MALFORMED, "hems-1.c1")
    assert "extensions" in refused.text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_whatever_is_taken_in_extensions_can_be_read_and_said_again(value: Any) -> None:
    payload = json.dumps({**json.loads(changed()), "extensions": {"x": value}}).encode()
    try:
        message = decode_body("confirm", payload)
    except RefusedMessage:
        return
    assert orjson.loads(payload)["extensions"] == message.extensions
    assert decode_body("confirm", encode(message)) == message


def test_an_id_that_is_no_id_is_not_repeated_in_the_refusal() -> None:
    assert refusal("confirm", changed(message_id="x y\n")).message_id is None


@pytest.mark.parametrize(
    "topic",
    ["", "dr", "dr/offer/ra-1", "dr/offer/ra-1/h/x", "dr/offer//h", "dr/bid/a/b", "DR/offer/a/b", "dr/offer/a/b c"],
)
def test_another_topic_is_refused(topic: str) -> None:
    with pytest.raises(RefusedMessage) as refused:
        decode(topic, changed())
    assert refused.value.reason is RejectReason.UNKNOWN_TOPIC


@given(any_message)
def test_the_fields_as_they_stand_give_the_bytes_of_the_whole_dump(message: Message) -> None:
    absent = {name for name in message.later if getattr(message, name) is None}
    whole = message.model_dump(exclude=absent)
    if isinstance(message, Request):
        for name in message.terms.later:
            if getattr(message.terms, name) is None:
                del whole["terms"][name]
    assert encode(message) == orjson.dumps(whole, option=orjson.OPT_UTC_Z)


@pytest.mark.parametrize("whole", [2**64, -(2**63) - 1, 10**30])
def test_a_sum_beyond_64_bits_is_told_as_a_float(whole: int) -> None:
    told = to_json({"a": {"sum": whole, "b": [True, None, "x", (2**64 - 1, whole)]}, 3: 2**63})
    assert orjson.loads(told) == {
        "a": {"sum": float(whole), "b": [True, None, "x", [2**64 - 1, float(whole)]]},
        "3": 2**63,
    }


def test_what_is_no_json_is_still_our_fault() -> None:
    with pytest.raises(orjson.JSONEncodeError):
        to_json({"a": object()})
