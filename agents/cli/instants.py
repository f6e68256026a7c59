"""Instants on the command line."""

from datetime import UTC, datetime

from agents.settings.ahead import ahead
from agents.settings.mistakes import ConfigError, impossible


def start_of(text: str, now: datetime) -> datetime:
    """`+45m`, `+2h`, or an instant with its offset. Raises ConfigError."""
    if (found := ahead(text, now)) is not None:
        return found
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ConfigError(f"--start: {text!r} is neither +45m nor an instant with its offset, as 2026-01-14T18:00:00Z")
    if (wrong := impossible(at)) is not None:
        raise ConfigError(f"--start: {wrong}")
    return at.astimezone(UTC)
