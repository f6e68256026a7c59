"""Tables become pydantic models. Every mistake of a user is one sentence with file and key."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
UNION_TAGS = ("vehicle", "storage", "solar", "load")
"""Pydantic puts the kind of a device into the place of a mistake; the file has no such key."""


class ConfigError(ValueError):
    """A mistake in a file; `str(error)` is one sentence with the file and the key."""


def checked(model: type[M], data: Any, where: str) -> M:
    """The model of some tables; `where` says in which file (and table). Raises ConfigError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{where}: {sentence(error)}") from None


def sentence(error: ValidationError) -> str:
    """The first mistake: its key, what is wrong, and what stands there."""
    first = error.errors(include_url=False)[0]
    text = first["msg"].removeprefix("Value error, ")
    key = ""
    for part in first["loc"]:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part not in UNION_TAGS:
            key += f".{part}" if key else part
    if not key:
        return text
    match first["type"]:
        case "missing":
            return f"{key}: is missing"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{key}: there is no such key"
        case "timezone_aware":
            return f"{key}: an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z"
    given = first["input"]
    shown = f" (it is {given!r:.80})" if isinstance(given, str | int | float | bool | list) else ""
    return f"{key}: {text[0].lower()}{text[1:]}{shown}"
