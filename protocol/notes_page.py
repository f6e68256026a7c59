"""docs/notes.md, made of the models."""

from collections.abc import Iterator
from dataclasses import fields
from typing import get_type_hints

import protocol.notes  # noqa: F401 - the models enter themselves
from protocol.note_model import MODELS, NoteModel

HEAD = """# Notes

What parties tell beside their messages: in journals, in the log lines of a daemon, on its control socket (`watch`) and
in `gridpact simulate --json`. Logs, live views and `gridpact explain` are made of them. Written by
`gridpact schema --notes`; the models stand in `protocol/notes/`.

A line has `at`, `party`, `event` (the note's name), `event_id`, `step` (of the patent, `claim 1`, `meter`, `control`, or
empty) and `data` with the keys below. Power in W, a list with one value a slot where nothing else is said; energy in Wh;
shares in percent; instants in UTC. **Slots count from 0 here**, as on the wire; commands that show them to people count
from 1. Names, steps and keys are frozen: a reader passes over names and keys that it does not know, and a key that is
marked optional may be missing.
"""
TYPES = {
    "int": "number",
    "bool": "true or false",
    "str": "text",
    "datetime": "instant",
    "Sequence[str]": "list of texts",
    "Sequence[int]": "list of numbers",
    "Mapping[str, Sequence[int]]": "lists of numbers by name",
    "Sequence[str | None]": "a text or null a slot",
}


def notes_page() -> str:
    """The page in Markdown."""
    return "\n".join([HEAD, *_lines()])


def _lines() -> Iterator[str]:
    for (name, step), model in sorted(MODELS.items()):
        yield f"## {name}{f' ({step})' if step else ''}\n"
        yield f"{model.__doc__}\n"
        if model.keys:
            yield "| key | value |\n|---|---|"
            yield from (f"| `{key}` | {told}{_optional(model, key)} |" for key, told in _types(model))
            yield ""


def _optional(model: type[NoteModel], key: str) -> str:
    return ", optional" if key in model.optional else ""


def _types(model: type[NoteModel]) -> Iterator[tuple[str, str]]:
    hints = get_type_hints(model)
    for field in fields(model):  # type: ignore[arg-type]
        yield field.name, _type(field.name, hints[field.name])


def _type(key: str, hint: object) -> str:
    """In words, with the unit that the key's ending says."""
    text = getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint)
    text = text.replace("collections.abc.", "").replace("tuple[int, ...]", "Plan").removesuffix(" | None")
    if text == "Mapping[str, Plan]":
        return "by name W a slot"
    unit = {"_w": "W", "_wh": "Wh", "pct": "%"}.get(
        next((end for end in ("_wh", "_w", "pct") if key.endswith(end)), "")
    )
    if text == "Plan":
        return "W a slot"
    return unit if unit is not None and text == "int" else TYPES[text]
