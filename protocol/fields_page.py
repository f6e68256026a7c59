"""The page of all fields, made of the models: what is required, what is optional, within which bounds, every value."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from protocol.edges import BESIDE, ROUTES, Route, Way
from protocol.messages import EventMessage, Message
from protocol.schema import json_schemas
from protocol.source_texts import about, class_of, text_of

HEAD = """# Fields

Every field, part and value of the messages, written by `gridpact schema --into` from the models that gridpact itself reads
messages with. [asyncapi.json](asyncapi.json) and [schemas](schemas) say the same to machines. What no schema can say (plans
of one length, deadlines that nest) stands in the [README](README.md#what-no-schema-says); a full example of each kind in
[messages.md](../messages.md).

A required field has to be there. An optional one may be left out: then its default counts. Any other field makes the
message `malformed`; what is your own stands under `extensions`. **W** are whole watts, **Wh** whole watt-hours; an instant is
RFC 3339 with an offset, best UTC (`2026-01-14T09:00:00Z`), in the years 2000 to 2199; a duration is ISO 8601, of which an
aggregator writes hours, minutes and seconds (`PT30M`, `PT1H30M`, `PT24H`). A **name** is `[A-Za-z0-9_-]{1,64}`, an **id**
`[A-Za-z0-9_.:-]{1,300}`, a **short id** the same of at most 210 characters (other ids are made of it), a **line** a text
without control characters.
"""
WAYS = {
    Way.DOWN: "down, to the device",
    Way.UP: "up, from the device",
    Way.EITHER: "either way",
    Way.ALL: "on no edge, for whoever wants to know",
}
NAMES = {
    "^[A-Za-z0-9_-]{1,64}$": "name",
    "^[A-Za-z0-9_.:-]{1,300}$": "id",
    "^[A-Za-z0-9_.:-]{1,210}$": "short id",
}
"""Of texts with a pattern."""


def fields_page() -> str:
    """The page in Markdown."""
    return "\n".join([HEAD, *_lines()])


def _lines() -> Iterator[str]:
    parts: dict[str, dict[str, Any]] = {}
    yield "# Messages\n"
    yield from _common()
    for kind, schema in json_schemas().items():
        parts |= schema.get("$defs", {})
        yield from _message(kind, (ROUTES | BESIDE)[kind], schema)
    yield "# Parts\n"
    for name, schema in sorted(parts.items()):
        if "properties" in schema:
            yield f"## {name}\n\n{about(class_of(name))}\n"
            yield from _table(class_of(name), schema)
    yield "# Values\n"
    for name, schema in sorted(parts.items()):
        if "enum" in schema:
            yield from _values(class_of(name))


def _common() -> Iterator[str]:
    """What others have, too: told once."""
    schema = json_schemas()["withdraw"]
    properties = schema["properties"]
    every = {name: field for name, field in properties.items() if name in Message.model_fields}
    of_event = {
        name: field for name, field in properties.items() if name in EventMessage.model_fields and name not in every
    }
    yield "## Every message\n"
    yield from _table(Message, {"properties": every, "required": schema["required"]})
    yield "## Every message of an event\n\nAll but `reject`, `presence`, `capability` and `progress`.\n"
    yield from _table(EventMessage, {"properties": of_event, "required": schema["required"]})


def _message(kind: str, route: Route, schema: Mapping[str, Any]) -> Iterator[str]:
    retained = ", retained" if route.retained else ""
    yield f"## {kind}\n\n{about(route.model)}\n"
    where = "{party}/{event}" if route.way is Way.ALL else "{parent}/{child}"
    yield f"`dr/{kind}/{where}`: {WAYS[route.way]}{retained}; at most {route.most_bytes // 1024} KiB.\n"
    common = EventMessage if issubclass(route.model, EventMessage) else Message
    own = {name: field for name, field in schema["properties"].items() if name not in common.model_fields}
    yield from _table(route.model, {"properties": own, "required": schema["required"]})


def _table(owner: type, schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    yield "| field | | what | meaning |\n|---|---|---|---|"
    for name, field in schema["properties"].items():
        needed = "required" if name in required else f"optional{_default(field)}"
        yield f"| `{name}` | {needed} | {_what(name, field)} | {text_of(owner, name)} |"
    yield ""


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if default in (None, "", [], {}):
        return ""
    return f": `{str(default).lower() if isinstance(default, bool) else default}`"


def _values(owner: type) -> Iterator[str]:
    assert issubclass(owner, StrEnum)
    yield f"## {owner.__name__}\n\n{about(owner)}\n"
    yield "| value | meaning |\n|---|---|"
    yield from (f"| `{one.value}` | {text_of(owner, one.name)} |" for one in owner)
    yield ""


def _what(name: str, field: Mapping[str, Any]) -> str:
    """What a field holds, in words."""
    if "$ref" in field:
        ref = field["$ref"].rpartition("/")[2]
        return f"[{ref}](#{ref.lower()})"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_what(name, one) for one in field["anyOf"]))
    if "const" in field:
        return f"`{str(field['const']).lower()}`"
    match field.get("type"):
        case "array":
            least, most = field.get("minItems", 0), field["maxItems"]
            return f"list of {least} to {most}: {_what(name, field['items'])}"
        case "integer":
            return f"{_unit(name)} {_range(field)}"
        case "string":
            return _text(field)
        case "object":
            return f"object, at most {field['maxProperties']} entries"
        case "boolean":
            return "true or false"
    return "null"


def _unit(name: str) -> str:
    endings = {"_w": "W", "_wh": "Wh", "_s": "s", "_pct": "%"}
    return next((unit for ending, unit in endings.items() if name.endswith(ending)), "whole number")


def _range(field: Mapping[str, Any]) -> str:
    least, most = field["minimum"], field["maximum"] if "maximum" in field else field["exclusiveMaximum"] - 1
    return f"{least:,} to {most:,}"


def _text(field: Mapping[str, Any]) -> str:
    match field.get("format"):
        case "date-time":
            return "instant"
        case "duration":
            return "duration"
    pattern = field.get("pattern", "")
    if pattern in NAMES:
        return NAMES[pattern]
    if "maxLength" in field:
        return f"line of at most {field['maxLength']}"
    return f"`{pattern}`"
