"""What parties told, held against the models of notes."""

from collections.abc import Iterable

from protocol.actor import Note
from protocol.entries import encode_effects
from protocol.note_reading import read_note


def strange_notes(notes: Iterable[Note]) -> list[Note]:
    """Notes that have no model, or that their model does not tell again byte for byte."""
    return [note for note in notes if not is_known(note)]


def is_known(note: Note) -> bool:
    """Whether a note, in memory and from JSON, is of a model that makes the same bytes of it."""
    model = read_note(note.name, note.step, note.data)
    return model is not None and encode_effects([model.note(note.event_id)]) == encode_effects([note])
