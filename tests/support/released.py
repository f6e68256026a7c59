"""Journals of released versions, kept in tests/fixtures, and parties that start with them."""

import lzma
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paths import TESTS

from agents.drivers.build import build_drivers
from agents.runtime.build import build_actor
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from broker.bus import Deliver, Post
from broker.clock import Clock
from protocol.actor import Actor

FIXTURES = TESTS / "fixtures"
BEFORE = FIXTURES / "before-0.1.0"
"""Journals of the shipped evening, written before anything was released."""
SCENARIO = TESTS / "support" / "data" / "five_stages.toml"
EVENT = "e1"
ENDING = ".journal.xz"


@dataclass(frozen=True, slots=True)
class Stop:
    """An instant at which all parties of the scenario are stopped, and in which stages the event is then."""

    at: datetime
    stages: dict[str, str]


def _stop(hour: int, minute: int, second: float, *stages: str) -> Stop:
    at = datetime(2026, 1, 14, hour, minute, int(second), round(second % 1 * 1e6), UTC)
    return Stop(at, dict(zip(("utility", "ac", "ra-1", "ra-2", "hems-1", "hems-a"), stages, strict=True)))


CLOSED = "closed"
STOPS = {
    "collecting": _stop(17, 6, 0, "collecting", "collecting", "collecting", "collecting", "offered", "considering"),
    "relaxing": _stop(17, 12, 38.07, "collecting", "collecting", "relaxing", "proposed", "offered", "offered"),
    "offered": _stop(17, 12, 38.12, "collecting", "offered", "offered", "proposed", "offered", "offered"),
    "standby": _stop(17, 30, 0, "standby", "standby", "standby", "standby", "awarded", "awarded"),
    "delivering": _stop(18, 20, 0, "delivering", "delivering", "delivering", "delivering", "active", "active"),
    CLOSED: _stop(18, 50, 0, *[CLOSED] * 6),
}
"""By the folder of the journals."""
OPEN = [name for name in STOPS if name != CLOSED]


def versions() -> list[str]:
    """The releases whose journals are kept."""
    return sorted(path.name for path in FIXTURES.iterdir() if (path / CLOSED).is_dir())


def unpacked(source: Path, folder: Path) -> list[Path]:
    """The journals of a folder as a daemon has them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for packed in sorted(source.glob(f"*{ENDING}")):
        made.append(folder / packed.name.removesuffix(".xz"))
        made[-1].write_bytes(lzma.decompress(packed.read_bytes()))
    assert made
    return made


def without_snapshots(path: Path) -> None:
    """Take away what a clean stop has left beside the entries."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("DELETE FROM snapshot").rowcount > 0


def configuration(path: Path) -> PartiesConfig:
    """The settings in a journal, as this version reads them."""
    return JournalFile(path).settings()


def journal_of(path: Path) -> Journal:
    """A journal as a daemon with its settings opens it."""
    return Journal(path, configuration=configuration(path).as_bytes())


def stage_of(actor: Actor) -> str:
    """Where the event is at a party."""
    events: Any = actor.status()["events"]
    (event,) = events
    assert event["event_id"] == EVENT
    return str(event["stage"])


class NoBus:
    """Nothing is published here."""

    async def run(self, deliver: Deliver) -> None:
        raise NotImplementedError

    async def publish(self, post: Post) -> None:
        raise NotImplementedError


def shells(journal: Journal) -> Iterator[Shell]:
    """A fresh process of each party of a journal; it knows nothing yet."""
    for settings in configuration(journal.path).each():
        yield Shell(build_actor(settings), NoBus(), Clock(), build_drivers(settings), journal=journal)
