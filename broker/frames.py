"""PUBLISH of QoS 1 and its PUBACK as bytes (OASIS MQTT 5.0 and 3.1.1, sections 3.3 and 3.4): the two packets that a crowd's party
reads and writes by the hundred thousand. Everything else of the protocol is the library's.
"""

import struct

from broker.bus import Post
from broker.link import NUMBER, Incoming, expiry_s
from protocol.edges import QOS

PUBLISH, PUBACK = 0x30, 0x40
QOS_1, RETAIN = QOS << 1, 0x01
PUBLISH_QOS, PUBLISH_QOS_1 = 0xF6, PUBLISH | QOS_1
"""The bits of the first byte that say so, and what they say."""
MESSAGE_EXPIRY, USER_PROPERTY = 0x02, 0x26
_NUMBER = b"&" + struct.pack("!H", len(NUMBER)) + NUMBER.encode()


def split(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """The whole packets at the beginning of what has come in, each its first byte and what stands behind the length;
    and how many bytes they take. -1 instead where a length is none (section 1.5.5)."""
    found: list[tuple[int, bytes]] = []
    at, most = 0, len(data) - 1
    while at < most:
        length, start = data[at + 1], at + 2
        if length > 127:
            length, shift = length & 127, 7
            while True:
                if start > most:
                    return found, at
                digit, start = data[start], start + 1
                length |= (digit & 127) << shift
                if digit < 128:
                    break
                shift += 7
                if shift > 21:
                    return found, -1
        end = start + length
        if end > most + 1:
            break
        found.append((data[at], data[start:end]))
        at = end
    return found, at


def publish(post: Post, packet_id: int, number: str, with_properties: bool = True) -> bytes:
    """A post with the sender's number; an empty one is left out. MQTT 3.1.1 has no properties."""
    topic, properties = post.topic.encode(), b""
    if not with_properties:
        of_topic = len(topic)
        return b"%c%b%b%b%b%b" % (
            PUBLISH_QOS_1 | post.retain,
            _length(4 + of_topic + len(post.payload)),
            of_topic.to_bytes(2, "big"),
            topic,
            packet_id.to_bytes(2, "big"),
            post.payload,
        )
    if post.expires_in_s is not None:
        properties = struct.pack("!BI", MESSAGE_EXPIRY, expiry_s(post.expires_in_s))
    if number:
        properties += b"%b%b%b" % (_NUMBER, len(number).to_bytes(2, "big"), number.encode())
    size, of_topic = _length(len(properties)), len(topic)
    return b"%c%b%b%b%b%b%b%b" % (
        PUBLISH_QOS_1 | post.retain,
        _length(4 + of_topic + len(size) + len(properties) + len(post.payload)),
        of_topic.to_bytes(2, "big"),
        topic,
        packet_id.to_bytes(2, "big"),
        size,
        properties,
        post.payload,
    )


def puback(packet_id: int) -> bytes:
    """The acknowledgement of a message that is safe with us."""
    return b"%c\x02%b" % (PUBACK, packet_id.to_bytes(2, "big"))


def acknowledged(body: bytes) -> int:
    """The packet id of a PUBACK."""
    return int.from_bytes(body[:2], "big")


def received(first: int, body: bytes, with_properties: bool = True) -> Incoming | None:
    """What a PUBLISH of QoS 1 says. None where it has other properties than a sender of ours gives it, or is cut off:
    the library reads it then."""
    try:
        at = 2 + int.from_bytes(body[:2], "big")
        topic, packet_id = body[2:at].decode(), int.from_bytes(body[at : at + 2], "big")
        if not with_properties:
            return (
                Incoming(topic, body[at + 2 :], bool(first & RETAIN), QOS, packet_id, "")
                if at + 2 <= len(body)
                else None
            )
        size = body[at + 2]
        start, end = at + 3, at + 3 + size
        number = "" if not size else _number(body, start, end) if size < 128 else None
    except (IndexError, UnicodeDecodeError):
        return None
    if number is None or end > len(body):
        return None
    return Incoming(topic, body[end:], bool(first & RETAIN), QOS, packet_id, number)


def _number(body: bytes, at: int, end: int) -> str | None:
    """The sender's number among the properties; None where there is something else."""
    if body[at] == MESSAGE_EXPIRY:
        at += 5
        if at == end:
            return ""
    value = at + len(_NUMBER) + 2
    if body[at : value - 2] != _NUMBER or value + body[value - 1] != end or body[value - 2]:
        return None
    return body[value:end].decode()


def _length(value: int) -> bytes:
    """A variable byte integer (section 1.5.5)."""
    if value < 128:
        return b"%c" % value
    encoded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        if not value:
            encoded.append(digit)
            return bytes(encoded)
        encoded.append(digit | 128)
