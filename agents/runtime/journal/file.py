"""A journal as others read it: without its lease, beside the daemon that writes it, or long after.

One file has the entries of all parties of a process, and their settings (`configuration`), so it can be explained and
taken again by itself.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from agents.runtime.journal.journal import Journal, JournalError, StoredStep
from agents.runtime.journal.reading import reading
from agents.runtime.journal.rows import SELECT, in_order
from agents.runtime.journal.schema import CONFIGURATION, OF_THE_FILE, ROWS_OF_STEPS, SEGMENTS, SNAPSHOTS
from agents.runtime.journal.segments import PartyState
from agents.settings.checked import ConfigError
from agents.settings.daemon import PartiesConfig
from broker.private import make_folder
from broker.recording_file import Step
from protocol.actor import Entry

STATES = (("snapshot", SNAPSHOTS), ("segment", SEGMENTS))
"""Tables with states of parties, and the versions since which they are there."""


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A journal's file, or one out of its archive."""

    path: Path

    def configuration(self) -> PartiesConfig | None:
        """The settings of its parties; None in a file of a gridpact that did not keep them. Raises JournalError."""
        body = self.configuration_body()
        try:
            return None if body is None else PartiesConfig.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise JournalError(f"{self.path}: its settings are not of this gridpact: {first['msg']}") from None

    def configuration_body(self) -> bytes | None:
        """The same as it is written. Raises JournalError."""
        with self._opened() as connection:
            if _version(connection) < CONFIGURATION:
                return None
            row = connection.execute("SELECT body FROM configuration ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else bytes(row[0])

    def file_body(self) -> bytes | None:
        """The settings as the daemon's file had them when it was read last; None where that is what stands here. Raises
        JournalError."""
        with self._opened() as connection:
            if _version(connection) < CONFIGURATION:
                return None
            row = connection.execute("SELECT body FROM configuration WHERE seq = ?", (OF_THE_FILE,)).fetchone()
        return None if row is None else bytes(row[0])

    def settings(self) -> PartiesConfig:
        """The same, where nothing can be done without them. Raises ConfigError, JournalError."""
        found = self.configuration()
        if found is None:
            raise ConfigError(f"{self.path}: does not keep the settings of its parties: it is of an old gridpact")
        return found

    def begins_with(self) -> dict[str, bytes]:
        """What its parties knew before their first entries, as snapshots, where it is a segment. Raises JournalError."""
        with self._opened() as connection:
            if _version(connection) < SEGMENTS:
                return {}
            return {actor: bytes(body) for actor, body in connection.execute("SELECT actor, body FROM segment")}

    def states(self) -> dict[str, list[PartyState]]:
        """What it knows of each party beside its entries, the newest first. Raises JournalError."""
        found: dict[str, list[PartyState]] = {}
        with self._opened() as connection:
            tables = [table for table, since in STATES if _version(connection) >= since]
            for table in tables:
                for row in connection.execute(f"SELECT actor, seq, maker, body FROM {table}"):
                    found.setdefault(row[0], []).append(PartyState(*row))
        return found

    def steps(self) -> Iterator[Step]:
        """Entries as the lines of a recording. Raises JournalError."""
        for stored in self.entries():
            yield Step(stored.seq, stored.at, stored.actor, stored.input, stored.effects)

    def entries(self, actor: str | None = None, after: int | None = None) -> Iterator[StoredStep]:
        """Entries in the order in which they were written, of all parties or of one; with `after` only those that were
        written after the entry of that number. Raises JournalError."""
        where, given = ("WHERE actor = ?", (actor,)) if actor is not None else ("", ())
        if after is not None:
            yield from self._since(after, actor)
            return
        with self._opened() as connection:
            if _version(connection) < ROWS_OF_STEPS:
                found = connection.execute(
                    f"SELECT seq, at, actor, input, effects FROM entry {where} ORDER BY seq", given
                )
                yield from (StoredStep(seq, datetime.fromisoformat(at), *rest) for seq, at, *rest in found)
            else:
                yield from in_order(connection.execute(f"{SELECT} {where} ORDER BY first", given))

    def _since(self, number: int, actor: str | None) -> Iterator[StoredStep]:
        """The entries behind a number that a reader has seen last: rows that overlap are written at once, and seen together."""
        where, given = (" AND actor = ?", (actor,)) if actor is not None else ("", ())
        with self._opened() as connection:
            if _version(connection) >= ROWS_OF_STEPS:
                found = connection.execute(f"{SELECT} WHERE first > ?{where} ORDER BY first", (number, *given))
                yield from in_order(found)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file; what cannot be read in it is said in a sentence. Raises JournalError."""
        try:
            with reading(self.path) as connection:
                if not _version(connection):  # an empty file, or a database of something else
                    raise JournalError(f"{self.path}: is no journal: it has nothing of one")
                yield connection
        except sqlite3.OperationalError as error:  # its rights, its disk
            raise JournalError(f"{self.path}: cannot be read: {error}") from None
        except sqlite3.DatabaseError as error:
            what = "is no journal" if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB else "is damaged"
            raise JournalError(f"{self.path}: {what}: {error}") from None
        except (LookupError, ValueError, TypeError) as error:
            raise JournalError(f"{self.path}: is damaged: {error}") from None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def journal_files(paths: list[Path]) -> list[JournalFile]:
    """The journals at some paths: a file is itself, a directory stands for every journal in it and in their archives.
    Raises JournalError when there is none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted([*path.glob("*.journal"), *path.glob("*.journal.archive/*.sqlite")])
        else:
            found.append(path)
    if not found:
        raise JournalError(f"{', '.join(map(str, paths))}: there is no journal here")
    return [JournalFile(path) for path in found]


def empty(folder: Path | None) -> Path | None:
    """A folder for the journals of one run, made where it is missing. Raises ConfigError when it has some already."""
    if folder is None:
        return None
    if next(folder.glob("*.journal"), None) is not None:
        raise ConfigError(f"{folder}: has the journals of an earlier run: name a new folder")
    try:
        make_folder(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}") from None
    return folder


async def write_journal(path: Path, entries: Iterable[Entry], configuration: PartiesConfig) -> None:
    """A journal of steps that were taken elsewhere. Raises JournalError, LeaseTaken."""
    journal = Journal(path, configuration=configuration.as_bytes())
    journal.start()
    try:
        last = 0
        for entry in entries:
            last = journal.append(entry)
        await journal.durable(last)
    finally:
        await journal.close()
