"""The keys of a model as people read them: what is taken, the default, what it means."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from agents.tools.configuration.words import WORDS

UNITS = {
    "_wh_per_k": "Wh/K", "_w_per_k": "W/K", "_wh": "Wh", "_w": "W", "_s": "s", "_pct": "%", "_h": "h", "_c": "°C", "_k": "K",
}  # fmt: skip
LARGEST = 10**9
"""Bounds beyond it are those of every number of that unit (the table of values tells them)."""
NAME_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
FORMATS = {"date-time": "instant", "date": "day", "time": "time on the clocks of the zone", "path": "file"}


@dataclass(frozen=True, slots=True)
class SettingsKey:
    """One key of a table."""

    name: str
    takes: str
    default: str
    """`needed` where there is none."""
    means: str


def keys_of(model: type[Any], but: type[Any] | None = None) -> tuple[SettingsKey, ...]:
    """All keys of a model in their order; without those of a model that it extends."""
    schema = TypeAdapter(model).json_schema()
    needed, skipped = (
        schema.get("required", ()),
        set() if but is None else set(TypeAdapter(but).json_schema()["properties"]),
    )
    found = []
    for name, told in schema["properties"].items():
        if name not in skipped:
            default = "needed" if name in needed else _default(told)
            found.append(SettingsKey(name, _takes(name, told, schema.get("$defs", {})), default, means(model, name)))
    return tuple(found)


def means(model: type[Any], name: str) -> str:
    """What a key means: the words behind it in its model, else those in WORDS; empty where there are none."""
    for one in model.__mro__:
        if text := _behind(one).get(name):
            return " ".join(text.split()).replace("None: ", "Left out: ")
    return WORDS.get(f"{model.__name__}.{name}", WORDS.get(name, ""))


@cache
def _behind(model: type[Any]) -> Mapping[str, str]:
    """The text below each key of a class."""
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return {}
    return dict(_texts(node)) if isinstance(node, ast.ClassDef) else {}


def _texts(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for line, below in zip(node.body, node.body[1:], strict=False):
        match line, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, text


def unit_of(name: str) -> str:
    """The unit that a key's ending says; empty where it says none."""
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def _takes(name: str, told: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """What may stand for a key, by its JSON Schema."""
    kinds = [one for one in told.get("anyOf", ()) if one.get("type") != "null"]
    if kinds:
        return " or ".join(dict.fromkeys(_takes(name, one, models) for one in kinds))
    if "$ref" in told:
        model = models[told["$ref"].rpartition("/")[2]]
        return _takes(name, model, models) if "enum" in model else "table"
    if "oneOf" in told:
        return "table of a kind"
    if "const" in told or "enum" in told:
        return ", ".join(f"`{one}`" for one in told.get("enum", [told.get("const")]))
    match told.get("type"):
        case "array":
            return _listed(name, told, models)
        case "boolean":
            return "true or false"
        case "integer" | "number":
            unit = unit_of(name) or ("number" if told["type"] == "number" else "whole number")
            return ", ".join(filter(None, (unit, _between(told))))
        case "object":
            return "table"
        case "string" if told.get("pattern") == NAME_PATTERN:
            return "name"
        case "string":
            return FORMATS.get(told.get("format", ""), "text")
    return "text"


def _listed(name: str, told: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    item = _takes(name, told.get("items", {}), models)
    items = f"{item}s" if item.startswith("table") else f"list: {item}"
    least, most = told.get("minItems"), told.get("maxItems")
    bounds = [f"at least {least}"] if least else []
    return f"{items} ({', '.join([*bounds, *([f'at most {most}'] if most else [])])})" if bounds or most else items


def _between(told: Mapping[str, Any]) -> str:
    least, above, most = told.get("minimum"), told.get("exclusiveMinimum"), told.get("maximum")
    known = most if most is not None and most < LARGEST else None
    if above is not None:
        return f"above {above}" + (f", at most {known}" if known is not None else "")
    if known is not None:
        return f"{least} to {known}" if least is not None else f"at most {known}"
    return f"at least {least}" if least else ""


def _default(told: Mapping[str, Any]) -> str:
    """As it would stand in the file; a dash where a key that is left out means that there is none."""
    default = told.get("default")
    match default:
        case None:
            return "-"
        case bool():
            return f"`{str(default).lower()}`"
        case []:
            return "none"
        case dict():
            return "its own defaults" if default else "none"
        case list():
            return ", ".join(f"`{one}`" for one in default)
        case "":
            return "empty"
        case str():
            return f'`"{default}"`'
    return f"`{default}`"
