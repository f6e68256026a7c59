"""Tables that users wrote become pydantic models. Every mistake of a user is one sentence with file and key."""

import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from agents.settings.contradictions import contradictions
from agents.settings.mistakes import FIRST_YEAR, LAST_YEAR, Mistake, impossible, most_of, place
from agents.settings.mistakes import ConfigError as ConfigError  # noqa: PLC0414 - its home for all but the command line
from protocol.units import Name

T = TypeVar("T")
NOTHING: Mapping[str, object] = {}
PLAIN = {
    "path_type": "the name of a file is needed",
    "tuple_type": "a list is needed",
    "model_type": "a table is needed",
    "dataclass_type": "a table is needed",
    "dict_type": "a table is needed",
    "too_short": "at least {min_length} needed, not {actual_length}",
    "too_long": "at most {max_length} taken, not {actual_length}",
}
"""Mistakes that pydantic tells in words of Python."""
NAME = get_args(Name)[1].pattern
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def checked(model: type[T], data: Any, where: str) -> T:
    """The model of some tables that a user wrote; `where` says in which file (and table). Raises ConfigError, also
    for what each by itself is possible and together is not."""
    made = known(model, data, where)
    for mistake in mistakes(made, data):
        raise ConfigError(f"{where}: {mistake}")
    return made


def known(model: type[T], data: Any, where: str) -> T:
    """The same for tables that a journal or a recording has kept: it stays readable when rules are added. Raises
    ConfigError."""
    try:
        made: T = _adapter(model).validate_python(data)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(f"{where}: {sentence(error, model)}") from None
    except OverflowError:
        raise ConfigError(f"{where}: {_too_far(data)}") from None
    return made


def mistakes(made: object, given: object = None, path: tuple[str | int, ...] = ()) -> list[Mistake]:
    """What a model that is well-formed says that cannot be meant; `given` are the tables that it was made of."""
    found: list[Mistake] = []
    _look(made, given, path, found)
    return found


def _look(made: object, given: object, path: tuple[str | int, ...], found: list[Mistake]) -> None:
    keys = _numbers(type(made))  # type: ignore[arg-type]
    if keys is not None:
        tables = given if isinstance(given, Mapping) else NOTHING
        for name, most in keys:
            value, part = getattr(made, name), tables.get(name)
            if value is None:
                continue
            if type(value) is int and -most <= value <= most and type(part) is int:
                continue  # nearly all of what a crowd's settings have
            _look(value, part, (*path, name), found)
        found += (mistake.below(path) for mistake in contradictions(made))
    elif isinstance(made, dict):
        tables = given if isinstance(given, Mapping) else NOTHING
        for key, value in made.items():
            _look(value, tables.get(key), (*path, key), found)
    elif isinstance(made, tuple | list):
        parts = given if isinstance(given, tuple | list) and len(given) == len(made) else (None,) * len(made)
        for index, (value, part) in enumerate(zip(made, parts, strict=True)):
            _look(value, part, (*path, index), found)
    elif not isinstance(made, str) and (text := impossible(made, given, path)) is not None:
        found.append(Mistake(place(path), text))


@cache
def _numbers(model: type[Any]) -> tuple[tuple[str, int], ...] | None:
    """The keys of a model, each with the most that a number there may be; None: it is no model."""
    if not issubclass(model, BaseModel):
        return None
    return tuple((name, most_of(name)) for name in model.model_fields)


def sentence(error: ValidationError, model: type[Any] | None = None) -> str:
    """The first mistake: its key, what is wrong, and what stands there. A key that there is not comes before one that
    is missing: it is often the same one."""
    found = error.errors(include_url=False)
    first = next((one for one in found if one["type"] in UNKNOWN), found[0])
    loc, text = first["loc"], first["msg"].removeprefix("Value error, ")
    if (plain := PLAIN.get(first["type"])) is not None:
        text = plain.format(**first.get("ctx", {}))
    key = place(loc)
    if not key:
        return text
    match first["type"]:
        case "missing":
            return f"{key}: is missing"
        case kind if kind in UNKNOWN:
            return f"{key}: there is no such key{near(str(loc[-1]), _keys(model, loc[:-1]))}"
        case "timezone_aware":
            return f"{key}: an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z"
        case "less_than" | "greater_than_equal" if "T" in str(first.get("ctx")):
            return f"{key}: {_beyond(first['input'])}"
        case "string_pattern_mismatch" if first.get("ctx", {}).get("pattern") == NAME:
            return f"{key}: {first['input']!r:.80} is no name: 1 to 64 letters (a-z), digits, - and _"
        case "union_tag_not_found":
            return f"{key}.{_tag(first)}: is missing"
        case "union_tag_invalid":
            context = first.get("ctx", {})
            wrong, tags = str(context.get("tag")), str(context.get("expected_tags")).replace("'", "")
            if tags.startswith("vehicle"):
                from agents.settings.kinds import other_kinds  # kinds need what stands here

                tags = ", ".join((tags, *other_kinds()))
            return f"{key}.{_tag(first)}: there is no {wrong!r:.80}{near(wrong, tags.split(', '))}; there are {tags}"
    given = first["input"]
    shown = f" (it is {given!r:.80})" if isinstance(given, str | int | float | bool | list) else ""
    return f"{key}: {text[0].lower()}{text[1:]}{shown}"


def _beyond(instant: object) -> str:
    """What is wrong with an instant outside of the years that there are."""
    found = re.match(r"\d{4}(?=-)", instant) if isinstance(instant, str) else None
    year = instant.year if isinstance(instant, datetime) else int(found[0]) if found is not None else None
    if year is None:
        return f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}"
    return f"lies in the year {year}; the years {FIRST_YEAR} to {LAST_YEAR} are taken"


def _tag(error: ErrorDetails) -> str:
    """The key that says which kind of table it is."""
    return str(error.get("ctx", {}).get("discriminator", "kind")).replace("'", "")


@cache
def _adapter(model: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def near(word: str, words: list[str]) -> str:
    """A hint at the word that is meant; empty where none is like it."""
    found = get_close_matches(word, words, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _keys(model: Any, loc: tuple[str | int, ...]) -> list[str]:
    """The keys that there are in a table of a model."""
    kinds = _models(model)
    for part in loc:
        below = [fields[part] for fields in map(_fields, kinds) if part in fields]
        kinds = [kind for annotation in below for kind in _models(annotation)] if below else _tagged(kinds, part)
    return [key for kind in kinds for key in _fields(kind)]


def _models(annotation: Any) -> list[Any]:
    """The models that stand in an annotation, however deep."""
    if _fields(annotation):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _tagged(kinds: list[Any], part: str | int) -> list[Any]:
    """Of several kinds the one with a tag, as pydantic puts it into the place of a mistake; else all of them."""
    return [kind for kind in kinds if part in get_args(_fields(kind).get("kind"))] or kinds


def _fields(model: Any) -> dict[str, Any]:
    fields = getattr(model, "__pydantic_fields__", {})
    return {name: field.annotation for name, field in fields.items()} if isinstance(model, type) else {}


def _too_far(data: Any, path: tuple[str | int, ...] = ()) -> str:
    """Which instant is so far away that it is none in UTC."""
    found = list(data.items()) if isinstance(data, Mapping) else list(enumerate(data)) if _listed(data) else []
    for key, value in found:
        if isinstance(value, Mapping) or _listed(value):
            if text := _too_far(value, (*path, key)):
                return text
        elif isinstance(value, datetime) and not FIRST_YEAR <= value.year <= LAST_YEAR:
            return str(Mistake(place((*path, key)), impossible(value) or ""))
    return "" if path else f"an instant lies outside the years {FIRST_YEAR} to {LAST_YEAR}"


def _listed(data: Any) -> bool:
    return isinstance(data, list | tuple)
