"""Operations of a vehicle's main relay, which no property tells: counted from the modes in which its charger was seen."""

import json
from contextlib import suppress
from datetime import date
from pathlib import Path

from broker.private import put_whole

CLOSED = (0x41, 0x42, 0x43)
"""Modes in which it is closed: (rapid) charging, discharging."""
OPEN = (0x40, 0x44, 0x47)


class SeenRelay:
    """Of one vehicle charger, by the days of where it is. What happens between two looks, or while nobody looks, is not seen: it
    is at least so much."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: a file in which it outlives us."""
        self._path = path
        self._day: date | None = None
        self._closed: bool | None = None
        self._operations = 0
        if path is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                kept = json.loads(path.read_text())
                self._day, self._closed = date.fromisoformat(kept["day"]), bool(kept["closed"])
                self._operations = int(kept["operations"])

    def note(self, mode: int | None, today: date) -> int:
        """It was seen in a mode; how many operations there were today."""
        before = self._day, self._closed, self._operations
        if today != self._day:
            self._day, self._operations = today, 0
        closed = True if mode in CLOSED else False if mode in OPEN else self._closed
        if self._closed is not None and closed != self._closed:
            self._operations += 1
        self._closed = closed
        if before != (self._day, self._closed, self._operations):
            self._keep()
        return self._operations

    def _keep(self) -> None:
        if self._path is None or self._closed is None:
            return
        told = {"day": f"{self._day}", "closed": self._closed, "operations": self._operations}
        with suppress(OSError):  # what is not kept, a next life does not know
            put_whole(self._path, json.dumps(told).encode())
