"""A note of a journal or a log line becomes its model again.

Notes of other versions are no fault: a name that is not known here reads as nothing, a key that is not known is passed
over.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from pydantic import TypeAdapter, ValidationError

import protocol.notes  # noqa: F401 - the models enter themselves
from protocol.note_model import MODELS, NoteModel

Validate: TypeAlias = Callable[[Mapping[str, object]], NoteModel]
_readers: dict[tuple[str, str], Validate] = {}
"""Made when they are first wanted."""


def read_note(name: str, step: str, data: Mapping[str, object]) -> NoteModel | None:
    """The model of a note from memory (tuples, instants) or from JSON (lists, texts); None for a note that this version
    does not know, or whose figures are of another shape."""
    key = (name, step)
    reader = _readers.get(key)
    if reader is None:
        model = MODELS.get(key)
        if model is None:
            return None
        # pydantic's own core: its wrapper takes as long as the reading
        reader = _readers[key] = cast(Validate, TypeAdapter(model).validator.validate_python)
    try:
        return reader(data)
    except ValidationError:
        return None
