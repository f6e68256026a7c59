"""The files of a journal's archive: how one is made durably, and what a kill has left half done."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from agents.runtime.journal.reading import reading
from agents.runtime.journal.rows import SELECT
from broker.private import make_file, make_folder

FIRST = f"{SELECT} ORDER BY first LIMIT 1"
"""The oldest row of a file: it is in one file only."""
STAMP = "%Y%m%dT%H%M%S"
"""When a file was moved there, as its name begins."""


@contextmanager
def new_archive(path: Path, first: int) -> Iterator[Path]:
    """A file that is filled within and then stands durably in the archive, under a name with the number of its first
    entry (and `.sqlite`); with an error it is taken away. Raises OSError."""
    folder = archive_of(path)
    make_folder(folder)
    target = folder / f"{datetime.now(UTC):{STAMP}}-{first}.sqlite"
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        make_file(part)
        yield part
        make_durable(part)
        part.rename(target)
        make_durable(folder)
    except BaseException:
        part.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
        raise


def sweep(connection: sqlite3.Connection, path: Path) -> None:
    """Take away what a process left in the archive that was killed while it moved entries there: half a file, or a whole
    one whose entries are still here, and will be moved again. Raises sqlite3.Error, OSError."""
    folder = archive_of(path)
    for part in folder.glob("*.part*"):
        part.unlink()
    oldest = connection.execute("SELECT min(first) FROM steps").fetchone()[0]
    if oldest is None:
        return
    for target in folder.glob("*-*.sqlite"):
        number = target.stem.rpartition("-")[2]
        if not number.isdecimal() or int(number) < oldest:
            continue  # all here has come since
        with reading(target) as archive:
            moved = archive.execute(FIRST).fetchone()
        if moved is not None and connection.execute(f"{SELECT} WHERE first = ?", moved[:1]).fetchone() == moved:
            target.unlink()


def drop_archives(path: Path, before: datetime) -> list[Path]:
    """Take away what was moved into a journal's archive before an instant. Raises OSError."""
    stamp = f"{before:{STAMP}}"
    old = [file for file in sorted(archive_of(path).glob("*.sqlite")) if file.name < stamp]
    for file in old:
        file.unlink(missing_ok=True)
    return old


def archive_of(path: Path) -> Path:
    """The folder beside a journal in which its archive is."""
    return path.with_name(path.name + ".archive")


def make_durable(path: Path) -> None:
    """SQLite syncs no file that it vacuums into, and after this one the entries stand nowhere else."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
