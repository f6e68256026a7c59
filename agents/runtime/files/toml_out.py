"""Writes tables as TOML: what `from-csv` makes, and the configurations that `gridpact up` gives its daemons."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any


def to_toml(data: Mapping[str, Any]) -> str:
    """Tables, and lists of tables; what lies deeper is written inline. None is left out."""
    lines: list[str] = []
    for key, value in data.items():
        many = isinstance(value, list | tuple)
        for table in value if many else [value]:
            if table is None:
                continue
            lines.append(f"[[{key}]]" if many else f"[{key}]")
            lines += [f"{name} = {_inline(item)}" for name, item in table.items() if item is not None]
            lines.append("")
    return "\n".join(lines)


def to_edited_toml(data: Mapping[str, Any], head: str = "") -> str:
    """The same for a file that people go on editing: keys of its own first, a table for each table, however deep. `head`
    stands above it as a comment."""
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    return "\n".join([*lines, *([""] if lines else []), *_tables(data, "")]).rstrip("\n") + "\n"


def _tables(data: Mapping[str, Any], path: str) -> Iterator[str]:
    below = {key: value for key, value in data.items() if isinstance(value, Mapping) or _of_tables(value)}
    own = [f"{_key(key)} = {_inline(value)}" for key, value in data.items() if key not in below and value is not None]
    yield from [*own, ""] if own else []
    for key, value in below.items():
        name = f"{path}.{_key(key)}" if path else _key(key)
        for table in value if _of_tables(value) else [value]:
            yield f"[[{name}]]" if _of_tables(value) else f"[{name}]"
            yield from _tables(table, name)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _of_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _inline(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() | date() | time():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            pairs = [f"{_key(key)} = {_inline(item)}" for key, item in value.items() if item is not None]
            return "{ " + ", ".join(pairs) + " }"
        case list() | tuple():
            return "[" + ", ".join(_inline(item) for item in value) + "]"
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False)
        case _:
            return str(value)
