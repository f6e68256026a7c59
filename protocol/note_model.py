"""What a note is made of: a name and a step that never change, and figures with units in their names.

A model becomes the `Note` of the journals, with the same bytes. A field that is None by default is left out while it has
nothing to tell; one that comes later has a default, for the journals before it.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, dataclass_transform

from protocol.actor import Note

N = TypeVar("N", bound="NoteModel")
MODELS: "dict[tuple[str, str], type[NoteModel]]" = {}
"""By name and step. A name with two steps has a model for each."""


class NoteModel:
    """Base of all notes."""

    __slots__ = ()
    name: ClassVar[str]
    step: ClassVar[str]
    """The patent's, `claim 1`, `meter`, `control`, or none."""
    keys: ClassVar[tuple[str, ...]]
    """Of the data, in their order."""
    optional: ClassVar[tuple[str, ...]]
    """Keys that are left out while they are None."""
    _values: ClassVar[Callable[[Any], tuple[object, ...]]]

    def note(self, event_id: str = "") -> Note:
        """The note as journals and logs have it."""
        data = dict(zip(self.keys, type(self)._values(self), strict=True))
        for key in self.optional:
            if data[key] is None:
                del data[key]
        return Note(self.name, event_id, self.step, data)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def note_of(name: str, step: str = "") -> Callable[[type[N]], type[N]]:
    """Make a class the model of the notes of a name and a step."""

    def build(cls: type[N]) -> type[N]:
        if (name, step) in MODELS:
            raise TypeError(f"{name} {step} has a model: {MODELS[name, step].__name__}")
        made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        made.name, made.step = name, step
        made.keys = tuple(field.name for field in fields(made))  # type: ignore[arg-type]
        made.optional = tuple(field.name for field in fields(made) if field.default is None)  # type: ignore[arg-type]
        made._values = _getter(made.keys)
        MODELS[name, step] = made
        return made

    return build


def _getter(keys: tuple[str, ...]) -> Callable[[Any], tuple[object, ...]]:
    if len(keys) > 1:
        return staticmethod(attrgetter(*keys))
    return staticmethod(lambda model: tuple(getattr(model, key) for key in keys))
