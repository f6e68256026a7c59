"""Notes of journals as their models. What a peer wrote in them is made fit for a terminal first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, cast

from agents.history.narrate import plain
from protocol.actor import Note
from protocol.note_model import NoteModel
from protocol.note_reading import read_note

N = TypeVar("N", bound=NoteModel)


@dataclass(frozen=True, slots=True)
class NotedEvidence(Generic[N]):
    """A note of a party. `place` is its entry's."""

    place: int
    at: datetime
    party: str
    note: N


def model_of(note: Note) -> NoteModel | None:
    """None for a note of another version."""
    data = {key: plain(value) if isinstance(value, str) else value for key, value in note.data.items()}
    return read_note(note.name, note.step, data)


def of(noted: Iterable[NotedEvidence[NoteModel]], kind: type[N]) -> list[NotedEvidence[N]]:
    """Those of a kind, in their order."""
    return [cast(NotedEvidence[N], one) for one in noted if isinstance(one.note, kind)]
