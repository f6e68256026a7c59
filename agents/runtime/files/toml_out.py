"""Writes tables as TOML: what `from-csv` makes, and the configurations that `gridpact up` gives its daemons."""

import json
from collections.abc import Mapping
from datetime import datetime
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


def _inline(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            pairs = [f"{key} = {_inline(item)}" for key, item in value.items() if item is not None]
            return "{ " + ", ".join(pairs) + " }"
        case list() | tuple():
            return "[" + ", ".join(_inline(item) for item in value) + "]"
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False)
        case _:
            return str(value)
