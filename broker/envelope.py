"""A sender's number within the message, for MQTT 3.1.1, which has no properties to carry it.

It stands as the first entry of `extensions` and is cut out again where it comes in: parties, and their journals, know the
message without it. A peer that does not cut it passes over the entry.
"""

import re

BEFORE = b'"extensions":{'
_FOUND = re.compile(rb'"gridpact\.number":"([0-9a-f]{1,32}\.[0-9]{1,15})",?')
WITHIN = 1_000
"""Bytes of a message in which its extensions begin: what stands before them is short."""


def numbered(payload: bytes, number: str) -> bytes:
    """A message with its number; as it is where it has no extensions."""
    start = payload.find(BEFORE, 0, WITHIN)
    if start < 0:
        return payload
    place = start + len(BEFORE)
    comma = b"" if payload.startswith(b"}", place) else b","
    return payload[:place] + b'"gridpact.number":"' + number.encode() + b'"' + comma + payload[place:]


def cut(payload: bytes) -> tuple[bytes, str]:
    """The message as it was said, and its number; empty where it has none."""
    start = payload.find(BEFORE, 0, WITHIN)
    found = _FOUND.match(payload, start + len(BEFORE)) if start >= 0 else None
    if found is None:
        return payload, ""
    return payload[: found.start()] + payload[found.end() :], found[1].decode()
