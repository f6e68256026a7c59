"""The words of a journal itself: a member of such a name cannot be told from them."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum

import protocol.notes  # noqa: F401 -- makes the models
from agents.settings import daemon, devices, learned, members, parties
from protocol import actor, messages, units
from protocol.edges import ROUTES, Edge
from protocol.entries import EFFECT_TAGS, INPUT_TAGS
from protocol.note_model import MODELS


def _words() -> Iterator[str]:
    yield from (*INPUT_TAGS.values(), *EFFECT_TAGS.values(), *ROUTES, *Edge._fields)
    yield from ("input", "effect", "kind", "body", "der", "home", "aggregate", "true", "false", "null")
    for (name, step), model in MODELS.items():
        yield from (name, step, *model.keys)
    for module in (actor, messages, units, daemon, devices, learned, members, parties):
        for one in vars(module).values():
            if not isinstance(one, type):
                continue
            if issubclass(one, StrEnum):
                yield from (member.value for member in one)
            elif is_dataclass(one):
                yield from (field.name for field in fields(one))
            else:
                yield from getattr(one, "model_fields", {})


RESERVED = frozenset(_words())
