"""Entries of a journal as bytes and back. The same entry always gives the same bytes, so bytes can be compared (P11)."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson

from protocol import actor as a
from protocol.codec import decode_body
from protocol.edges import ROUTES, Edge
from protocol.errors import RejectReason
from protocol.messages import EventMessage
from protocol.units import Direction

Json = dict[str, Any]
_RECEIVED = re.compile(rb'\{"input":"received","edge":\{"parent":"([^"]*)","child":"([^"]*)"\},"kind":"(\w+)","body":')
_ALWAYS = frozenset({"resource_id", "at", "soc_wh", "energy_wh", "event_id", "slot"})
"""Of a reading: what every version writes."""
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

INPUT_TAGS: dict[type[a.Taken], str] = {
    a.Received: "received",
    a.Refused: "refused",
    a.Measured: "measured",
    a.Planned: "planned",
    a.Decided: "decided",
    a.Outage: "outage",
    a.Issue: "issue",
    a.Cancel: "cancel",
    a.Resumed: "resumed",
    a.Foreseen: "foreseen",
    a.Solved: "solved",
    a.Reanchored: "reanchored",
    a.Reconfigured: "reconfigured",
    a.Corrected: "corrected",
    a.Limited: "limited",
}
"""Frozen, as every name in an entry: journals of released versions have them."""
EFFECT_TAGS: dict[type[a.Effect], str] = {
    a.Send: "send",
    a.Clear: "clear",
    a.Setpoint: "setpoint",
    a.Measure: "measure",
    a.Solve: "solve",
    a.Question: "question",
    a.Note: "note",
}
"""Frozen likewise."""


def encode_input(item: a.Taken | None) -> bytes:
    """An input; `null` for a deadline that has come."""
    match item:
        case None:
            return b"null"
        case a.Received(edge, message):
            return b'{"input":"received",%s' % _on_edge(edge, message.kind, item.body)
        case _:
            return _dump({"input": INPUT_TAGS[type(item)], **_fields(item)})


def decode_input(data: bytes) -> a.Taken | None:
    """Raises RefusedMessage or LookupError for bytes that were not written by `encode_input`."""
    received = _RECEIVED.match(data)
    if received is not None:
        body = data[received.end() : -1]
        edge, kind = Edge(received[1].decode(), received[2].decode()), received[3].decode()
        return a.Received(edge, decode_body(kind, body), body)
    fields = orjson.loads(data)
    return None if fields is None else _INPUTS[fields.pop("input")](fields)


def heard_in(data: bytes) -> tuple[str, str] | None:
    """Edge and id of a message about an event in an encoded input; None for every other input."""
    received = _RECEIVED.match(data)
    if received is None or not issubclass(ROUTES[received[3].decode()].model, EventMessage):
        return None
    return f"{received[1].decode()}/{received[2].decode()}", orjson.loads(data[received.end() : -1])["message_id"]


def encode_effects(effects: Iterable[a.Effect]) -> bytes:
    """All effects of a step, in their order."""
    return b"[%s]" % b",".join(map(_effect, effects))


def decode_effects(data: bytes) -> tuple[a.Effect, ...]:
    """Raises RefusedMessage or LookupError for bytes that were not written by `encode_effects`."""
    return tuple(_EFFECTS[fields.pop("effect")](fields) for fields in orjson.loads(data))


def _effect(effect: a.Effect) -> bytes:
    if isinstance(effect, a.Send):
        return b'{"effect":"send",%s' % _on_edge(effect.edge, effect.message.kind, effect.body)
    return _dump({"effect": EFFECT_TAGS[type(effect)], **_fields(effect)})


def _on_edge(edge: Edge, kind: str, body: bytes) -> bytes:
    """The end of an object: a message's bytes stand in it as they travel."""
    head = f'"edge":{{"parent":"{edge.parent}","child":"{edge.child}"}},"kind":"{kind}","body":'
    return b"%s%s}" % (head.encode(), body)


def _fields(item: object) -> Json:
    fields = {name: getattr(item, name) for name in item.__slots__}  # type: ignore[attr-defined]
    if isinstance(item, a.Measured):  # journals of released versions have no such keys
        return {name: value for name, value in fields.items() if value is not None or name in _ALWAYS}
    if isinstance(item, a.Reconfigured) and item.settings is None:
        del fields["settings"]
    if isinstance(item, a.Resumed) and not item.counts_waited:
        del fields["counts_waited"]
    if isinstance(item, a.Issue) and not item.asks_again:
        del fields["asks_again"]
    return fields


def _dump(value: object) -> bytes:
    return orjson.dumps(value, default=_plain, option=_OPTIONS)


def _plain(value: object) -> object:
    if isinstance(value, Edge):
        return value._asdict()
    raise TypeError(f"{type(value).__name__} stands in no entry")


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


def _measured(fields: Json) -> a.Measured:
    dated: Json = {name: datetime.fromisoformat(fields[name]) for name in ("at", "departs_at") if fields.get(name)}
    return a.Measured(**fields | dated)


def _planned(fields: Json) -> a.Planned:
    stays = tuple(map(_stay, fields["stays"]))
    until, skipped = datetime.fromisoformat(fields["until"]), tuple(fields["skipped"])
    return a.Planned(fields["resource_id"], until, stays, skipped)


def _stay(fields: Json) -> a.PlannedStay:
    dated: Json = {name: datetime.fromisoformat(fields[name]) for name in ("departs_at", "plugs_in_at") if fields[name]}
    return a.PlannedStay(**fields | dated)


def _foreseen(fields: Json) -> a.Foreseen:
    power_w = {name: tuple(plan) for name, plan in fields["power_w"].items()}
    return a.Foreseen(fields["event_id"], fields["request_id"], power_w, fields["sure_pct"])


def _solved(fields: Json) -> a.Solved:
    parts = {name: tuple(shares) for name, shares in fields["parts"].items()}
    wanted = {name: tuple(plan) for name, plan in fields["wanted"].items()}
    return a.Solved(fields["event_id"], fields["number"], parts, tuple(fields["weights"]), wanted)


_INPUTS: dict[str, Callable[[Json], a.Taken]] = {
    "refused": _refused,
    "measured": _measured,
    "planned": _planned,
    "decided": lambda fields: a.Decided(**fields),
    "outage": lambda fields: a.Outage(**fields),
    "issue": _issue,
    "cancel": lambda fields: a.Cancel(**fields),
    "resumed": _instants(a.Resumed, "down_since"),
    "foreseen": _foreseen,
    "solved": _solved,
    "reanchored": _instants(a.Reanchored, "to_at"),
    "reconfigured": lambda fields: a.Reconfigured(**fields),
    "corrected": lambda fields: a.Corrected(**fields),
    "limited": lambda fields: a.Limited(**fields),
}
_EFFECTS: dict[str, Callable[[Json], a.Effect]] = {
    "send": lambda fields: a.Send(_edge(fields), _body(fields)),
    "clear": lambda fields: a.Clear(_edge(fields)),
    "setpoint": _instants(a.Setpoint, "at", "until"),
    "measure": _instants(a.Measure, "from_at", "until"),
    "solve": lambda fields: a.Solve(**fields),
    "question": _instants(a.Question, "answer_by"),
    "note": lambda fields: a.Note(**fields),
}
