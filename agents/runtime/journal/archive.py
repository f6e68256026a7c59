"""The archive of a journal: everything moves into a file of its own, and only the ids of what was heard stay."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from agents.runtime.journal.reading import reading
from agents.runtime.journal.rows import SELECT, steps_in
from agents.runtime.journal.schema import transaction
from broker.private import make_file, make_folder
from protocol.entries import heard_in

FIRST = f"{SELECT} ORDER BY first LIMIT 1"
"""The oldest row: it is in one file only."""
STAMP = "%Y%m%dT%H%M%S"
"""When a file was moved there, as its name begins."""
STORED_IDS = 200_000
"""Ids of messages about archived events that stay known, so that a late repeat is still a repeat."""


def archived(
    connection: sqlite3.Connection, path: Path, then: Callable[[sqlite3.Connection], None] = lambda connection: None
) -> Path | None:
    """Move all entries into a file of their own, and keep the ids of the messages that were taken; the file, or None
    when there was nothing to move. `then` is written in the same transaction. When the disk refuses it, all is as it was.
    Raises sqlite3.Error, OSError."""
    first, last = connection.execute("SELECT min(first), max(last) FROM steps").fetchone()
    if first is None:
        with transaction(connection):
            then(connection)
        return None
    folder = archive_of(path)
    make_folder(folder)
    target = folder / f"{datetime.now(UTC):{STAMP}}-{first}.sqlite"
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        make_file(part)
        connection.execute("VACUUM INTO ?", (str(part),))
        make_durable(part)
        part.rename(target)
        make_durable(folder)
        _forget_entries(connection, last, then)
    except BaseException:
        part.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
        raise
    with suppress(sqlite3.Error):  # the room is given back at the next archive, or used again
        connection.execute("VACUUM")
    return target


def sweep(connection: sqlite3.Connection, path: Path) -> None:
    """Take away what a process left in the archive that was killed while it moved its entries there: half a file, or a
    whole one whose entries are still here, and will be moved again. Raises sqlite3.Error, OSError."""
    folder = archive_of(path)
    for part in folder.glob("*.part*"):
        part.unlink()
    stored = connection.execute(FIRST).fetchone()
    for target in folder.glob(f"*-{stored[0]}.sqlite") if stored is not None else ():
        with reading(target) as archive:
            moved_twice = archive.execute(FIRST).fetchone() == stored
        if moved_twice:
            target.unlink()


def drop_archives(path: Path, before: datetime) -> list[Path]:
    """Take away what was moved into a journal's archive before an instant. Raises OSError."""
    stamp = f"{before:{STAMP}}"
    old = [file for file in sorted(archive_of(path).glob("*.sqlite")) if file.name < stamp]
    for file in old:
        file.unlink()
    return old


def archive_of(path: Path) -> Path:
    """The folder of a journal's archive."""
    return path.with_name(path.name + ".archive")


def make_durable(path: Path) -> None:
    """SQLite syncs no file that it vacuums into, and after this one the entries stand nowhere else."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget_entries(connection: sqlite3.Connection, last: int, then: Callable[[sqlite3.Connection], None]) -> None:
    with transaction(connection):
        for row in connection.execute(SELECT):
            known = [(step.actor, *heard, step.seq) for step in steps_in(row) if (heard := heard_in(step.input))]
            connection.executemany("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?)", known)
        connection.execute("DELETE FROM steps")
        connection.execute("DELETE FROM snapshot")
        connection.execute("DELETE FROM inbox WHERE seq <= ?", (last - STORED_IDS,))
        then(connection)
