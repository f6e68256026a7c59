"""What a vehicle has said that it needs, in a file that outlives us: a charger says it once in a transaction."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from broker.private import put_whole


class SaidNeeds(NamedTuple):
    """As the wire had it, and the register when it came, Wh."""

    transaction: int | str
    needs: Mapping[str, Any]
    register_wh: float | None


class NeedsMemory:
    """Of one connector."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> SaidNeeds | None:
        """None: nothing that can be read stands there; the next vehicle says its own."""
        try:
            return SaidNeeds(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, said: SaidNeeds) -> None:
        """Raises OSError."""
        put_whole(self._path, json.dumps(said._asdict()).encode())
