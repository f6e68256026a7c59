"""JSON Schema of every message, and an AsyncAPI 3 document of all channels, from the same models that the codec uses."""

from collections.abc import Iterator
from typing import Any

from protocol import messages
from protocol.edges import BESIDE, QOS, ROOT, ROUTES, Route, Way
from protocol.messages import VERSION, Message, Side
from protocol.source_texts import about, class_of, text_of

CONTENT_TYPE = "application/json"
NAME_PATTERN = "[A-Za-z0-9_-]{1,64}"
KINDS = ROUTES | BESIDE
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (draft 2020-12) of each kind."""
    return {kind: _told(route.model, route.model.model_json_schema()) for kind, route in KINDS.items()}


def _told(model: type[Message], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what the source says of each field."""
    for owner, one in [(model, schema), *((class_of(name), inner) for name, inner in schema.get("$defs", {}).items())]:
        for field, of_field in one.get("properties", {}).items():
            if text := text_of(owner, field):
                of_field["description"] = text
    return schema


def asyncapi(view: Side = Side.PARENT) -> dict[str, Any]:
    """An AsyncAPI 3.0 document: a channel and the operations of both ends for every kind.

    It is written from one end's point of view: at the parent's `send` travels down and `receive` up, at the child's the
    other way round; `reject` is both.
    """
    schemas: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for kind, route in KINDS.items():
        schema = _told(route.model, route.model.model_json_schema(ref_template="#/components/schemas/{model}"))
        schemas |= schema.pop("$defs", {})
        schemas[route.model.__name__] = schema
        told[kind] = {
            "name": kind,
            "contentType": CONTENT_TYPE,
            "summary": about(route.model),
            "payload": {"$ref": f"#/components/schemas/{route.model.__name__}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "gridpact",
            "version": VERSION,
            "description": f"Demand-response negotiation along the edges (parent, child) of a tree of agents, as the {view} "
            "sees it: it sends what is `send`, and hears what is `receive`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {kind: _channel(kind, route) for kind, route in KINDS.items()},
        "operations": dict(_operations(view)),
        "components": {"messages": told, "schemas": schemas},
    }


def _channel(kind: str, route: Route) -> dict[str, Any]:
    message = {kind: {"$ref": f"#/components/messages/{kind}"}}
    if route.way is Way.ALL:
        return {
            "address": f"{ROOT}/{kind}/{{party}}/{{event}}",
            "description": f"On no edge, retained, for whoever wants to know; at most {route.most_bytes} bytes. A device "
            "neither sends nor needs it.",
            "parameters": {
                "party": {"description": f"The name of who tells it: {NAME_PATTERN}"},
                "event": {"description": f"The event's id: {NAME_PATTERN}"},
            },
            "messages": message,
        }
    way = {Way.DOWN: "from the parent to the child", Way.UP: "from the child to the parent", Way.EITHER: "either way"}
    return {
        "address": f"{ROOT}/{kind}/{{parent}}/{{child}}",
        "description": f"Travels {way[route.way]}; at most {route.most_bytes} bytes."
        + (" Of aggregators only: a device sends none." if route.model is messages.Alternative else ""),
        "parameters": {
            "parent": {"description": f"The parent's name: {NAME_PATTERN}"},
            "child": {"description": f"The child's name: {NAME_PATTERN}"},
        },
        "messages": message,
    }


def _operations(view: Side) -> Iterator[tuple[str, dict[str, Any]]]:
    down, up = ("send", "receive") if view is Side.PARENT else ("receive", "send")
    all_ = ("send",) if view is Side.PARENT else ("receive",)
    actions = {Way.DOWN: (down,), Way.UP: (up,), Way.EITHER: ("send", "receive"), Way.ALL: all_}
    for kind, route in KINDS.items():
        for action in actions[route.way]:
            yield (
                f"{action}_{kind}",
                {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{kind}"},
                    "messages": [{"$ref": f"#/channels/{kind}/messages/{kind}"}],
                    "bindings": {"mqtt": {"qos": QOS, "retain": route.retained, "bindingVersion": "0.2.0"}},
                },
            )
