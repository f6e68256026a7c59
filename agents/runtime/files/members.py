"""Reads the book of contracts from TOML (`[[members]]`) or CSV (a header row; `;` between the values of a list).

Every mistake is one sentence with the file, the line and the key.
"""

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from agents.runtime.files.table import separated
from agents.settings.checked import ConfigError, near
from agents.settings.contracts import MEMBER, plain_contract
from agents.settings.members import Member, Members

LISTS = ("resources", "relaxations")
"""Columns of a CSV whose cells hold several values, separated by `;`."""

NUMBERS = (
    "increase_load_w",
    "decrease_load_w",
    "merit",
    "reliability_pct",
    "least_w",
    "answers_within_s",
    "reports_within_s",
)
"""Columns of a CSV that hold whole numbers. An empty cell of any column is left out, so that the default holds."""

Rows: TypeAlias = Iterable[tuple[str, Mapping[str, Any]]]
"""Where a contract stands in its file, and its keys and values. Read one by one: all rows of a crowd at once would
leave the memory between its contracts in pieces."""


class MembersError(ConfigError):
    """A mistake in the file; `str(error)` is one sentence that says in which file, where and at which key."""


def load_members(path: Path) -> Members:
    """The book in a file, in the file's order. Raises MembersError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _from_csv(text) if path.suffix.lower() == ".csv" else _from_toml(text)
        return _book(rows)
    except OSError as error:
        raise MembersError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise MembersError(f"{path}: byte {error.start} is not UTF-8") from None
    except csv.Error as error:
        raise MembersError(f"{path}: is not a CSV: {error}") from None
    except MembersError as error:
        raise MembersError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise MembersError(f"{path}: is not TOML: {error}") from None


def as_csv(members: Iterable[Member]) -> str:
    """A book as `load_members` reads it."""
    columns, out = [field.name for field in fields(Member)], io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for member in members:
        row = plain_contract(member)
        writer.writerow([_written(row.get(column)) for column in columns])
    return out.getvalue()


def _written(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else ""
    return ";".join(map(str, value)) if isinstance(value, list) else value


def _book(rows: Rows) -> Members:
    members: list[Member] = []
    for where, row in rows:
        try:
            members.append(MEMBER.validate_python(row))
        except ValidationError as error:
            raise MembersError(f"{where}, {_sentence(error)}") from None
    try:
        return Members(members=tuple(members))
    except ValidationError as error:
        raise MembersError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    text = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return text
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{key}: is missing"
    if first["type"] == "unexpected_keyword_argument":
        names = [field.name for field in fields(Member)]
        return f"{key:.40}: no such key{near(key, names)}; there are {', '.join(names)}"
    return f"{key}: {text} (it is {first['input']!r:.80})"


def _from_toml(text: str) -> Rows:
    found = tomllib.loads(text)
    tables = found.pop("members", None)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise MembersError("members: one table [[members]] a contract is needed")
    if found:
        raise MembersError(f"{next(iter(found))}: there is no such key in a book of members, only [[members]]")
    lines = [number for number, line in enumerate(text.split("\n"), 1) if re.match(r"\s*\[\[\s*members\s*\]\]", line)]
    if len(lines) == len(tables):  # else they are written inline, where the number of the contract has to do
        return [(f"line {line}", table) for line, table in zip(lines, tables, strict=True)]
    return [(f"contract {number}", table) for number, table in enumerate(tables, 1)]


def _from_csv(text: str) -> Rows:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [cell.strip() for cell in next(lines, [])]
    twice = [key for i, key in enumerate(header) if key in header[:i]]
    if "name" not in header or twice:
        mistake = f"{twice[0]!r} stands twice" if twice else "name: is missing"
        raise MembersError(f"line 1, {mistake} in the header row{separated(header)}")
    for cells in lines:
        where = f"line {lines.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise MembersError(f"{where}, {len(cells)} cells where the header row has {len(header)}")
        given = {key: cell.strip() for key, cell in zip(header, cells, strict=True) if cell.strip()}
        yield where, {key: _cell(key, cell) for key, cell in given.items()}


def _cell(key: str, cell: str) -> str | int | list[str]:
    if key in LISTS:
        return [part.strip() for part in cell.split(";") if part.strip()]
    return _number(cell) if key in NUMBERS else cell


@lru_cache(1_000)
def _number(cell: str) -> str | int:
    """Numbers of one text are one object: most homes of a book have one of few capacities."""
    return int(cell) if re.fullmatch(r"-?[0-9]{1,18}", cell) else cell
