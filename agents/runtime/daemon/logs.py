"""The log of a process: JSON lines on stdout, and coloured lines on a terminal."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from agents.runtime.daemon.in_words import InWords
from protocol.actor import Note
from protocol.codec import to_json

MOST_NAMED = 5
"""Names in a line."""


def configure_logging(terminal: bool, name: str) -> None:
    """JSON lines on stdout; on a terminal lines for people. Each has the real time, and its party: the process's, of
    that name, where it is nobody's in particular."""

    def with_party(_: Any, __: str, event: Any) -> Any:
        event.setdefault("party", name)
        return event

    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [structlog.processors.add_log_level, stamp, with_party]
    if terminal:
        structlog.configure(processors=[*shared, InWords(), structlog.dev.ConsoleRenderer()])
        return
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)],
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )


def _dumps(event: Any, **_: Any) -> bytes:
    return to_json(event)


def some_names(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def note_line(at: datetime, who: str, note: Note) -> dict[str, object]:
    """A note as it is logged and watched."""
    return {
        "event": note.name,
        "at": at,
        "party": who,
        "event_id": note.event_id,
        "step": note.step,
        "data": dict(note.data),
    }
