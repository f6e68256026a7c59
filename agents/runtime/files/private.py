"""Files that others must not read, or must never see half written."""

from pathlib import Path

from agents.settings.mistakes import ConfigError
from broker.private import put_whole

PRIVATE, SHARED = 0o600, 0o644


def put(path: Path, content: bytes, mode: int = SHARED) -> None:
    """Write a file at once, as `broker.private.put_whole`, with the folders above it that are missing. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        put_whole(path, content, mode)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def content(path: Path) -> bytes:
    """What a file holds. Raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
