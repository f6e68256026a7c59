"""A journal's file while a process writes it: the lease on it, a connection that writes and one that reads."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agents.runtime.journal.files import sweep
from agents.runtime.journal.lease import Lease, lease_of
from agents.runtime.journal.schema import JournalError, migrate
from agents.settings.daemon import PartiesConfig
from broker.private import close_to_others, make_file, make_folder


class OpenJournal:
    """Made where there is none, and migrated where an earlier version wrote it."""

    def __init__(self, path: Path) -> None:
        """Raises JournalError, LeaseTaken."""
        self.path = path
        self._lease = _leased(path)
        self.writes = self._open()
        self.reads = sqlite3.connect(path, isolation_level=None)
        self.reads.execute("PRAGMA wal_autocheckpoint = 0")

    def close(self) -> None:
        """Let go of it."""
        self.reads.close()
        self.writes.close()
        self._lease.release()

    def number(self, statement: str) -> int:
        """The one whole number that a statement finds."""
        return int(self.reads.execute(statement).fetchone()[0])

    def row(self, statement: str, given: tuple[str, ...] = ()) -> tuple[Any, ...] | None:
        """The first row that a statement finds. Raises JournalError."""
        with self.readable():
            found: tuple[Any, ...] | None = self.reads.execute(statement, given).fetchone()
            return found

    @contextmanager
    def readable(self) -> Iterator[None]:
        """A file that is damaged within is said to be. Raises JournalError."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError) as error:
            raise JournalError(damaged(self.path, error)) from None

    def keep_configuration(self, body: bytes, number: int) -> bytes:
        """The settings as the file has them, from the entry of that number on: an earlier version wrote the same ones
        without the keys that have come since."""
        last = self.writes.execute("SELECT body FROM configuration ORDER BY seq DESC LIMIT 1").fetchone()
        if last is not None and (bytes(last[0]) == body or _as_of_today(last[0]) == body):
            return bytes(last[0])
        self.writes.execute("INSERT OR REPLACE INTO configuration VALUES (?, ?)", (number, body))
        return body

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            self._own()
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, self.path)
            sweep(connection, self.path)
        except (sqlite3.DatabaseError, OSError, JournalError) as error:
            if connection is not None:
                connection.close()
            self._lease.release()
            if isinstance(error, JournalError):
                raise
            raise JournalError(cannot_open(self.path, error)) from None
        return connection

    def _own(self) -> None:
        """The file is its owner's alone, and what SQLite makes beside it has the same mode."""
        with suppress(FileExistsError):
            make_file(self.path)
        for ending in ("", "-wal", "-shm"):
            close_to_others(self.path.with_name(self.path.name + ending))


def cannot_open(path: Path, why: object) -> str:
    """What is said of a file that is no journal, or a broken one."""
    return f"{path}: cannot be opened: {why}: mend it or move it away"


def damaged(path: Path, why: object) -> str:
    """What is said of a file in which something cannot be read."""
    return f"{path}: is damaged: {why}: put a copy of it in its place, or move it away"


def _as_of_today(settings: bytes) -> bytes | None:
    """Settings as this version writes them; None for what it does not know."""
    try:
        return PartiesConfig.model_validate_json(settings).as_bytes()
    except ValidationError:
        return None


def _leased(path: Path) -> Lease:
    """The lease on a journal, whose folder is made where it is missing. Raises JournalError, LeaseTaken."""
    try:
        make_folder(path.parent)
    except OSError as error:
        raise JournalError(f"{path.parent}: the journal's folder cannot be made: {error.strerror}") from None
    try:
        return Lease(lease_of(path))
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from None
