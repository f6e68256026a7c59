"""A note of a journal or a log line becomes its model again.

Notes of other versions are no fault: a name that is not known here reads as nothing, a key that is not known is passed
over.
"""

from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

import protocol.notes  # noqa: F401 - the models enter themselves
from protocol.note_model import MODELS, NoteModel


def read_note(name: str, step: str, data: Mapping[str, object]) -> NoteModel | None:
    """The model of a note from memory (tuples, instants) or from JSON (lists, texts); None for a note that this version
    does not know, or whose figures are of another shape."""
    model = MODELS.get((name, step))
    if model is None:
        return None
    try:
        return _reader(model).validate_python(data)
    except ValidationError:
        return None


_readers: dict[tuple[str, str], TypeAdapter[NoteModel]] = {}
"""Made when they are first wanted."""


def _reader(model: type[NoteModel]) -> TypeAdapter[NoteModel]:
    key = (model.name, model.step)
    if key not in _readers:
        _readers[key] = TypeAdapter(model)
    return _readers[key]
