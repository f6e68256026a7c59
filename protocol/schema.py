"""JSON Schema of every message, and an AsyncAPI 3 document of all channels, from the same models that the codec uses."""

from typing import Any

from protocol.edges import QOS, ROOT, ROUTES, Way
from protocol.messages import VERSION

CONTENT_TYPE = "application/json"
NAME_PATTERN = "[A-Za-z0-9_-]{1,64}"


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (draft 2020-12) of each kind."""
    return {kind: route.model.model_json_schema() for kind, route in ROUTES.items()}


def asyncapi() -> dict[str, Any]:
    """An AsyncAPI 3.0 document: a channel and the operations of both ends for every kind.

    It is written from the parent's point of view: `send` travels down, `receive` up, `reject` is both.
    """
    schemas: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for kind, route in ROUTES.items():
        schema = route.model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[route.model.__name__] = schema
        messages[kind] = {
            "name": kind,
            "contentType": CONTENT_TYPE,
            "summary": (route.model.__doc__ or kind).strip().splitlines()[0],
            "payload": {"$ref": f"#/components/schemas/{route.model.__name__}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "gridpact",
            "version": VERSION,
            "description": "Demand-response negotiation along the edges (parent, child) of a tree of agents.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {kind: _channel(kind) for kind in ROUTES},
        "operations": _operations(),
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(kind: str) -> dict[str, Any]:
    party = {"description": f"A party's name: {NAME_PATTERN}"}
    return {
        "address": f"{ROOT}/{kind}/{{parent}}/{{child}}",
        "parameters": {"parent": party, "child": party},
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"}},
    }


def _operations() -> dict[str, Any]:
    operations = {}
    for kind, route in ROUTES.items():
        actions = {Way.DOWN: ("send",), Way.UP: ("receive",), Way.EITHER: ("send", "receive")}[route.way]
        for action in actions:
            operations[f"{action}_{kind}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{kind}"},
                "messages": [{"$ref": f"#/channels/{kind}/messages/{kind}"}],
                "bindings": {"mqtt": {"qos": QOS, "retain": route.retained, "bindingVersion": "0.2.0"}},
            }
    return operations
