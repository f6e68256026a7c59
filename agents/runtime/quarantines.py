"""Whom the parties of a process do not hear, kept beside its journal: only an operator's release ends a quarantine, no
restart does. A line for each quarantine and each release, in the order in which they came."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

from broker.private import FILE, put_whole

log = structlog.get_logger("gridpact.senders")


class KeptQuarantine(NamedTuple):
    """Since when, and why."""

    since: datetime
    why: str


class Quarantines:
    """Of one party. A disk that refuses a line is told, and stops nobody."""

    def __init__(self, journal: Path, party: str) -> None:
        self._path, self._party = quarantines_of(journal), party

    def kept(self) -> dict[str, KeptQuarantine]:
        """By sender, who is in quarantine still."""
        found: dict[str, KeptQuarantine] = {}
        for line in _lines(self._path):
            if line["party"] != self._party:
                continue
            if line.get("since") is None:
                found.pop(line["sender"], None)
            else:
                found[line["sender"]] = KeptQuarantine(datetime.fromisoformat(line["since"]), line["why"])
        return found

    def of(self, sender: str) -> list[dict[str, str]]:
        """All that is kept of a sender, what is over included."""
        return [line for line in _lines(self._path) if (line["party"], line["sender"]) == (self._party, sender)]

    def begin(self, sender: str, since: datetime, why: str) -> None:
        """A sender is not heard any more."""
        self._write(sender, {"since": since.isoformat(), "why": why})

    def end(self, sender: str) -> None:
        """An operator has released it."""
        self._write(sender, {"released_at": datetime.now(UTC).isoformat()})

    def _write(self, sender: str, told: dict[str, str]) -> None:
        line = orjson.dumps({"party": self._party, "sender": sender, **told})
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"\n" + line)  # so half a line of a kill spoils no other one
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.error(
                "quarantine_not_kept", party=self._party, sender=sender,
                text=f"{self._path}: cannot be written ({error.strerror}): a restart knows nothing of it",
            )  # fmt: skip


def quarantines_of(journal: Path) -> Path:
    """Where they are kept beside a journal."""
    return journal.with_name(journal.name + ".quarantines")


def forget_quarantines(journal: Path, party: str, sender: str) -> None:
    """Take a sender out, also of what is over. Raises OSError."""
    path = quarantines_of(journal)
    if not path.exists():
        return
    kept = [line for line in _lines(path) if (line["party"], line["sender"]) != (party, sender)]
    put_whole(path, b"".join(orjson.dumps(line) + b"\n" for line in kept))


def _lines(path: Path) -> Iterator[dict[str, str]]:
    """Whole lines; a kill may have left half of the last one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.splitlines():
        with suppress(orjson.JSONDecodeError):
            yield orjson.loads(line)
