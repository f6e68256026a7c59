"""Messages as the first release knew them: its JSON Schemas, kept as they were (data/messages-0.1.0.json)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "messages-0.1.0.json").read_text())


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[kind])


def unknown_to_it(kind: str, body: bytes) -> list[str]:
    """What a party of the first release would not take of a message."""
    if kind not in SCHEMAS:
        return [f"{kind}: no such kind"]
    return [f"{kind}: {error.json_path}: {error.message}" for error in _validator(kind).iter_errors(json.loads(body))]
