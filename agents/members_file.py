"""Reads the book of contracts from TOML (`[[members]]`) or CSV; every mistake is one sentence with file and key."""

import csv
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agents.members import Members

LISTS = ("resources", "relaxations")
"""Columns of a CSV whose cells hold several values, separated by `;`."""


class MembersError(ValueError):
    """A mistake in the file; `str(error)` says which file, where, and what to do."""


def load_members(path: Path) -> Members:
    """The book in a file. Raises MembersError."""
    try:
        text = path.read_text(encoding="utf-8")
        rows = _from_csv(text) if path.suffix == ".csv" else tomllib.loads(text).get("members", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MembersError(f"{path}: cannot be read: {error}") from None
    try:
        return Members.model_validate({"members": rows})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "members"
        raise MembersError(f"{path}: {where}: {first['msg']}") from None


def _from_csv(text: str) -> list[dict[str, Any]]:
    rows = []
    for row in csv.DictReader(text.splitlines()):
        given: dict[str, Any] = {key: value for key, value in row.items() if key is not None and value}
        for column in LISTS:
            if column in given:
                given[column] = [part.strip() for part in given[column].split(";") if part.strip()]
        rows.append(given)
    return rows
