"""The log of who ordered or looked at what: a line of JSON each, appended and synced."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from agents.settings.checked import ConfigError

MOST_SHOWN = 200


class Audit:
    """One file, private to its owner. Raises ConfigError where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._write(b"")

    def log(self, user: str, did: str, **about: object) -> None:
        """One line; it is on the disk when this returns."""
        line = {"at": datetime.now(UTC), "user": user, "did": did, **about}
        self._write(orjson.dumps(line) + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {error.strerror}") from None

    def last(self) -> list[dict[str, Any]]:
        """The newest lines, the newest first."""
        lines = self.path.read_bytes().splitlines()[-MOST_SHOWN:]
        return [orjson.loads(line) for line in reversed(lines)]
