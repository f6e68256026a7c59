"""What a stranger may put on the wire: bodies that ended a process once, or look as if they could, and properties."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

AT = "2026-01-14T18:00:00Z"
HEAD: dict[str, Any] = {
    "message_id": "x.1",
    "sent_at": AT,
    "event_id": "e",
    "request_id": "e.1.1",
    "round": 1,
    "revision": 1,
}
OFFER = HEAD | {"opt": "opt_in", "power_w": [1], "available_w": [1], "valid_until": AT}
READING = {"slot": 0, "energy_wh": 1, "baseline_wh": 1, "state": "active"}


def body(kind_fields: Mapping[str, Any], **fields: Any) -> bytes:
    return json.dumps(dict(kind_fields) | fields).encode()


BODIES: Mapping[str, Sequence[bytes]] = {
    "offer": (
        body(OFFER, sent_at="9999-12-31T23:59:59-01:00"),
        body(OFFER, sent_at="0001-01-01T00:00:00+01:00"),
        body(OFFER, valid_until="9999-12-31T23:59:59.999999Z"),
        body(OFFER, available_w=[10**12]),
        body(OFFER, power_w=[10**400], available_w=[10**400]),
        body(OFFER, request_id="r" * 300),
        body(OFFER, **{"\x1b[2J\u202e": 1}),
        body(OFFER, extensions={"x": [[0]] * 5_000}),
        body(OFFER, power_w=["a"] * 20_000),
        b'{"round":' + b"9" * 5_000 + b"}",
        b'{"extensions":' + b'{"a":' * 10_000,
        b"\xff\xfe",
        b"",
    ),
    "report": (
        body(HEAD, resource_id="r", readings=[READING | {"energy_wh": -(10**15)}]),
        body(HEAD, resource_id="r", readings=[{}] * 15_000),
        body(HEAD, resource_id="r", readings=[READING] * 337),
    ),
    "withdraw": (body(HEAD, award_id="a", from_slot=0, power_w=[1], cause="\x1b]0;mine\x07"),),
    "capability": (
        body({"message_id": "x.1", "sent_at": AT, "valid_until": AT, "increase_load": {"p10_w": [10**15]}}),
        body({"message_id": "x.1", "sent_at": AT, "valid_until": AT, "counted": 10**9}),
    ),
    "presence": (
        body({"message_id": "x.1", "sent_at": "9999-12-31T23:59:59-01:00", "online": True}),
        body({"message_id": "x.1", "sent_at": AT, "online": True, "software": "\x1b[31m"}),
        body({"message_id": "x.1", "sent_at": AT, "online": True, "capability": {"w": 10**30}}),
    ),
}
"""By kind."""

_GIVEN: Sequence[Mapping[str, Any]] = (
    {"UserProperty": [("n", f"a.{'9' * 5_000}")]},
    {"UserProperty": [("n", f"a.{'9' * 400}")]},
    {"UserProperty": [("n", "a.²"), ("n", "b.1"), ("", ""), *[("x", "y" * 200)] * 50]},
    {"UserProperty": [("n", f"{'s' * 60_000}.1")]},
    {"ContentType": "\U0001f4a3", "ResponseTopic": "dr/offer/ra/der", "CorrelationData": b"\xff\0" * 500},
    {"PayloadFormatIndicator": 1, "MessageExpiryInterval": 2**32 - 1},
)


def odd_properties() -> list[Properties]:
    """MQTT 5's, of publications."""
    found = []
    for given in _GIVEN:
        made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in given.items():
            setattr(made, name, value)
        found.append(made)
    return found
