"""A note with its instant and its party: as an actor tells it, or as it stands in a log line."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from protocol.actor import Note


class NoteLine(NamedTuple):
    """The values are those of the actor (tuples, instants) or those of JSON (lists, texts)."""

    at: datetime
    party: str
    name: str
    event_id: str
    step: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, at: datetime, party: str, note: Note) -> "NoteLine":
        return cls(at, party, note.name, note.event_id, note.step, note.data)

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> "NoteLine | None":
        """From a log line; None when it is no note."""
        try:
            at = datetime.fromisoformat(line["at"])
            return cls(at, line["party"], line["event"], line["event_id"], line["step"], line["data"])
        except (KeyError, TypeError, ValueError):
            return None

    def as_json(self) -> dict[str, object]:
        """As it is logged."""
        return {
            "at": self.at,
            "party": self.party,
            "event": self.name,
            "event_id": self.event_id,
            "step": self.step,
            "data": self.data,
        }
