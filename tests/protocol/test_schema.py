"""The schemas that others generate code from say what the codec does."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from message_strategies import BY_KIND

from protocol.codec import encode
from protocol.edges import BESIDE, ROUTES, Way
from protocol.schema import asyncapi, json_schemas


@cache
def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json_schemas()[kind])


@pytest.mark.parametrize("kind", [*ROUTES, *BESIDE])
def test_the_json_schema_is_sound(kind: str) -> None:
    Draft202012Validator.check_schema(json_schemas()[kind])


@pytest.mark.parametrize("kind", [*ROUTES, *BESIDE])
@given(data=st.data())
def test_every_message_of_ours_fits_its_schema(kind: str, data: st.DataObject) -> None:
    validator(kind).validate(json.loads(encode(data.draw(BY_KIND[kind]))))


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in references(document):
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_both_ends_of_a_reject_are_there_and_one_of_each_other() -> None:
    operations = asyncapi()["operations"]
    for kind, route in (ROUTES | BESIDE).items():
        actions = {action for action in ("send", "receive") if f"{action}_{kind}" in operations}
        assert (
            actions
            == {Way.DOWN: {"send"}, Way.UP: {"receive"}, Way.EITHER: {"send", "receive"}, Way.ALL: {"send"}}[route.way]
        )
