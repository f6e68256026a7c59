"""Notes on a terminal as a person reads them; everything else stays as it is. Logs of a service are JSON, untouched."""

from collections.abc import MutableMapping
from typing import Any

from agents.history.line import NoteLine
from agents.history.narrate import SlotCounts, line


class InWords:
    """A processor of structlog."""

    def __init__(self) -> None:
        self._slots = SlotCounts()

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if not {"at", "party", "event", "event_id", "step", "data"} <= event.keys():
            return event
        note = NoteLine(*(event.pop(key) for key in ("at", "party", "event", "event_id", "step", "data")))
        about = {"event_id": note.event_id} if note.event_id else {}
        return {"event": line(note, self._slots.of(note)), **about, **event}
