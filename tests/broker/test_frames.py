"""What is written and read here of MQTT 5 is what the library writes and reads."""

import struct
from types import SimpleNamespace
from typing import Any

import gmqtt
import pytest
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.package import CommandWithMidPacket, PublishPacket
from hypothesis import given
from hypothesis import strategies as st

from bench.wire import packed
from broker import frames
from broker.bus import Post
from broker.link import NUMBER, Incoming

TOPIC = "dr/offer/ra-1/hems-0042"
PACKET_IDS = st.integers(1, 65_535)
NUMBERS = st.sampled_from(["", "18a2b.1", "18a2b.123456789"])
EXPIRIES = st.sampled_from([None, 1, 900, 2**32 - 1])
PAYLOADS = st.sampled_from([b"", b"{}", b"x" * 90, b"x" * 200, b"x" * 20_000])


def by_library(packet_id: int, payload: bytes, retain: bool = False, topic: str = TOPIC, **properties: Any) -> bytes:
    protocol = SimpleNamespace(proto_ver=MQTTv50, id_generator=SimpleNamespace(next_id=lambda: packet_id))
    _, packet = PublishPacket.build_package(gmqtt.Message(topic, payload, 1, retain, **properties), protocol)
    return bytes(packet)


def body(packet: bytes) -> bytes:
    """What stands behind the length."""
    at = 1
    while packet[at] & 128:
        at += 1
    return packet[at + 1 :]


def properties(number: str, expires_in_s: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if expires_in_s is not None:
        found["message_expiry_interval"] = expires_in_s
    if number:
        found["user_property"] = (NUMBER, number)
    return found


@given(PACKET_IDS, PAYLOADS, st.booleans(), NUMBERS, EXPIRIES)
def test_a_post_is_written_as_the_library_writes_it(
    packet_id: int, payload: bytes, retain: bool, number: str, expires_in_s: int | None
) -> None:
    post = Post(TOPIC, payload, retain, expires_in_s)
    given_properties = properties(number, expires_in_s)
    assert frames.publish(post, packet_id, number) == by_library(packet_id, payload, retain, **given_properties)


@given(PACKET_IDS, PAYLOADS, st.booleans())
def test_a_post_of_3_1_1_is_written_and_read_as_the_library_writes_it(
    packet_id: int, payload: bytes, retain: bool
) -> None:
    protocol = SimpleNamespace(proto_ver=MQTTv311, id_generator=SimpleNamespace(next_id=lambda: packet_id))
    _, packet = PublishPacket.build_package(gmqtt.Message(TOPIC, payload, 1, retain), protocol)
    written = frames.publish(Post(TOPIC, payload, retain, 900), packet_id, "a.1", with_properties=False)
    assert written == bytes(packet)
    heard = frames.received(written[0], body(written), with_properties=False)
    assert heard == Incoming(TOPIC, payload, retain, 1, packet_id, "")


@pytest.mark.parametrize("cut", [b"", b"\0", b"\0\3abc", b"\0\3abc\1", b"\0\1\xff\0\1"])
def test_a_post_of_3_1_1_that_is_cut_off_is_left_to_the_library(cut: bytes) -> None:
    assert frames.received(0x32, cut, with_properties=False) is None


@pytest.mark.parametrize(("expires_in_s", "told"), [(2**32, 2**32 - 1), (10**12, 2**32 - 1), (0, 1), (-5, 1)])
def test_an_expiry_that_the_wire_cannot_tell_is_the_nearest_that_it_can(expires_in_s: int, told: int) -> None:
    assert frames.publish(Post(TOPIC, b"{}", False, expires_in_s), 1, "") == frames.publish(
        Post(TOPIC, b"{}", False, told), 1, ""
    )


@given(PACKET_IDS, PAYLOADS, st.booleans(), NUMBERS, EXPIRIES)
def test_what_the_library_writes_is_read(
    packet_id: int, payload: bytes, retain: bool, number: str, expires_in_s: int | None
) -> None:
    packet = by_library(packet_id, payload, retain, **properties(number, expires_in_s))
    assert frames.received(packet[0], body(packet)) == Incoming(TOPIC, payload, retain, 1, packet_id, number)


@given(st.lists(st.sampled_from([b"", b"x", b"x" * 127, b"x" * 128, b"x" * 20_000]), max_size=4), st.integers(0, 30))
def test_whole_packets_are_found_and_what_is_cut_off_is_left(bodies: list[bytes], cut: int) -> None:
    packets = [packed(0x32, body) for body in bodies]
    sent = b"".join(packets)
    came = sent[: max(0, len(sent) - cut)]
    whole = [packet for number, packet in enumerate(packets) if len(b"".join(packets[: number + 1])) <= len(came)]
    found, size = frames.split(came)
    assert found == [(0x32, body) for body in bodies[: len(whole)]]
    assert size == len(b"".join(whole))


def test_a_length_of_five_bytes_is_none() -> None:
    assert frames.split(packed(0x40, b"\0\1") + b"\x32\xff\xff\xff\xff\x01") == ([(0x40, b"\0\1")], -1)
    assert frames.split(b"\x32\xff\xff\xff") == ([], 0)  # the fourth may still be the last one


def test_an_acknowledgement_means_what_the_library_means_by_it() -> None:
    whole = CommandWithMidPacket.build_package(0x40, 4_711, False)
    assert frames.acknowledged(body(whole)) == frames.acknowledged(body(frames.puback(4_711))) == 4_711
    assert body(whole)[2:] == b"\0\0"  # no reason, no properties: may be left out (section 3.4.2.1)


@pytest.mark.parametrize(
    "foreign",
    [
        {"content_type": "text/plain"},
        {"user_property": ("other", "18a2b.1")},
        {"user_property": [(NUMBER, "18a2b.1"), ("other", "x")]},
        {"user_property": (NUMBER, "9" * 200)},
        {"user_property": (NUMBER, "18a2b.1"), "message_expiry_interval": 5},
    ],
)
def test_properties_that_are_not_ours_are_left_to_the_library(foreign: dict[str, Any]) -> None:
    packet = by_library(7, b"{}", **foreign)
    assert frames.received(packet[0], body(packet)) is None


def test_a_packet_that_is_cut_off_within_its_properties_is_left_to_the_library() -> None:
    whole = body(by_library(7, b"", user_property=(NUMBER, "18a2b.1"), message_expiry_interval=5))
    found = [frames.received(0x32, whole[:size]) for size in range(len(whole))]
    assert found == [None] * len(whole)


def test_a_topic_that_is_no_text_is_left_to_the_library() -> None:
    assert frames.received(0x32, struct.pack("!H", 2) + b"\xff\xfe\0\x07\0{}") is None
