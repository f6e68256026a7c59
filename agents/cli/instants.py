"""Instants on the command line."""

import re
from datetime import UTC, datetime, timedelta

from agents.settings.mistakes import ConfigError, impossible


def start_of(text: str, now: datetime) -> datetime:
    """`+45m`, `+2h`, or an instant with its offset. Raises ConfigError."""
    if relative := re.fullmatch(r"\+(\d{1,5})([smh])", text):
        unit = {"s": "seconds", "m": "minutes", "h": "hours"}[relative[2]]
        return (now + timedelta(**{unit: int(relative[1])})).replace(microsecond=0)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ConfigError(f"--start: {text!r} is neither +45m nor an instant with its offset, as 2026-01-14T18:00:00Z")
    if (wrong := impossible(at)) is not None:
        raise ConfigError(f"--start: {wrong}")
    return at.astimezone(UTC)
