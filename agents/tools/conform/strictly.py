"""What a contract's schema refuses and our own parser takes: other parsers may not be so kind."""

import json
import re
from collections.abc import Iterator
from typing import Any

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
"""RFC 3339, as the schemas ask for."""
DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?\Z")
FREE = ("extensions", "capability")
INSTANTS = ("sent_at", "measured_at", "valid_until", "start", "reply_by", "decide_by", "confirm_by")


def faults(payload: bytes) -> str:
    """Of a body that our parser has read: what no other one need understand; empty where there is nothing."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            twice.append("a key that stands there twice")
        return made

    body = json.loads(payload, object_pairs_hook=pairs)
    return ", ".join([*twice, *_loose(body)])


def _loose(value: Any, name: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, part in value.items():
                if key not in FREE:
                    yield from _loose(part, key)
        case list():
            for part in value:
                yield from _loose(part, name)
        case str() if name in INSTANTS:
            if INSTANT.match(value) is None:
                yield f"{name}: {value[:40]!r} is no instant of RFC 3339"
        case str() if name == "duration" and DURATION.match(value) is None:
            yield f"{name}: {value[:40]!r} is no duration of ISO 8601"
