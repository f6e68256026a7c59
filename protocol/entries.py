"""Entries of a journal as bytes and back. The same entry always gives the same bytes, so bytes can be compared (P11)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson

from protocol import actor as a
from protocol.codec import decode_body, encode
from protocol.edges import Edge
from protocol.errors import RejectReason
from protocol.units import Direction

Json = dict[str, Any]
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def encode_input(item: a.Input | None) -> bytes:
    """An input; `null` for a deadline that has come."""
    match item:
        case None:
            return b"null"
        case a.Received(edge, message):
            return _dump(
                {"input": "received", "edge": edge, "kind": message.kind, "body": orjson.Fragment(encode(message))}
            )
        case _:
            return _dump({"input": type(item).__name__.lower(), **_fields(item)})


def decode_input(data: bytes) -> a.Input | None:
    """Raises RefusedMessage or LookupError for bytes that were not written by `encode_input`."""
    fields = orjson.loads(data)
    return None if fields is None else _INPUTS[fields.pop("input")](fields)


def encode_effects(effects: Iterable[a.Effect]) -> bytes:
    """All effects of a step, in their order."""
    return _dump([_effect(effect) for effect in effects])


def decode_effects(data: bytes) -> tuple[a.Effect, ...]:
    """Raises RefusedMessage or LookupError for bytes that were not written by `encode_effects`."""
    return tuple(_EFFECTS[fields.pop("effect")](fields) for fields in orjson.loads(data))


def _effect(effect: a.Effect) -> Json:
    if isinstance(effect, a.Send):
        body = orjson.Fragment(encode(effect.message))
        return {"effect": "send", "edge": effect.edge, "kind": effect.message.kind, "body": body}
    return {"effect": type(effect).__name__.lower(), **_fields(effect)}


def _fields(item: object) -> Json:
    return {name: getattr(item, name) for name in item.__slots__}  # type: ignore[attr-defined]


def _dump(value: object) -> bytes:
    return orjson.dumps(value, option=_OPTIONS)


def _edge(fields: Json) -> Edge:
    return Edge(**fields["edge"])


def _body(fields: Json) -> Any:
    return decode_body(fields["kind"], orjson.dumps(fields["body"]))


def _instants(made: Callable[..., Any], *names: str) -> Callable[[Json], Any]:
    def build(fields: Json) -> Any:
        return made(**fields | {name: datetime.fromisoformat(fields[name]) for name in names})

    return build


def _issue(fields: Json) -> a.Issue:
    fields["start"], fields["power_w"] = datetime.fromisoformat(fields["start"]), tuple(fields["power_w"])
    fields["direction"] = Direction(fields["direction"])
    return a.Issue(**fields)


def _refused(fields: Json) -> a.Refused:
    return a.Refused(**fields | {"edge": _edge(fields), "reason": RejectReason(fields["reason"])})


_INPUTS: dict[str, Callable[[Json], a.Input]] = {
    "received": lambda fields: a.Received(_edge(fields), _body(fields)),
    "refused": _refused,
    "measured": _instants(a.Measured, "at"),
    "decided": lambda fields: a.Decided(**fields),
    "issue": _issue,
    "cancel": lambda fields: a.Cancel(**fields),
    "resumed": _instants(a.Resumed, "down_since"),
}
_EFFECTS: dict[str, Callable[[Json], a.Effect]] = {
    "send": lambda fields: a.Send(_edge(fields), _body(fields)),
    "clear": lambda fields: a.Clear(_edge(fields)),
    "setpoint": _instants(a.Setpoint, "at", "until"),
    "measure": _instants(a.Measure, "from_at", "until"),
    "question": _instants(a.Question, "answer_by"),
    "note": lambda fields: a.Note(**fields),
}
