"""A journal's file opened by somebody who only reads it: no file of its folder is made, changed or taken away.

SQLite itself would make files beside a journal that it opens for reading, or refuse one in a place where it cannot.
While a daemon has the journal it is read as that daemon's neighbour. Otherwise the file stands still, and is read
alone; where a process was killed, what it had written last stands in a second file, and a copy of both is read.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from agents.runtime.journal.lease import is_held, lease_of
from agents.runtime.journal.schema import JournalError

COPIES = 5
"""How often a file that changes while it is copied is copied again."""

State: TypeAlias = tuple[int, int, int]
"""Of a file: its number, its size, and when it was last written."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The file. Raises JournalError, also when it was written meanwhile by somebody who was not there at first; what
    is no database at all raises sqlite3.DatabaseError when something is read."""
    if not path.is_file():
        raise JournalError(f"{path}: there is no such file")
    last_written = _state(_beside(path))
    if last_written is not None and is_held(lease_of(path)):
        with closing(_connect(path, "mode=ro")) as connection:
            yield connection
    elif last_written is not None and last_written[1] > 0:
        with TemporaryDirectory(prefix="gridpact-") as folder:
            copy = _copy(path, Path(folder))
            with closing(_connect(copy, "mode=rw")) as connection:
                yield connection
    else:
        with _standing_still(path), closing(_connect(path, "mode=ro&immutable=1")) as connection:
            yield connection


def _connect(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)


def _beside(path: Path) -> Path:
    """The file in which SQLite keeps what is not in the first one yet."""
    return path.with_name(path.name + "-wal")


def _state(path: Path) -> State | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _copy(path: Path, folder: Path) -> Path:
    """Both files as they were at one instant. Raises JournalError."""
    copy = folder / path.name
    for _ in range(COPIES):
        before = _state(path), _state(_beside(path))
        try:
            shutil.copyfile(path, copy)
            shutil.copyfile(_beside(path), _beside(copy))
        except FileNotFoundError:
            _beside(copy).unlink(missing_ok=True)  # a daemon that ended has taken it into the first file
        except OSError as error:
            raise JournalError(f"{path}: cannot be read: {error.strerror}") from None
        if (_state(path), _state(_beside(path))) == before:
            return copy
    raise JournalError(f"{path}: is being written: read it again in a moment")


@contextmanager
def _standing_still(path: Path) -> Iterator[None]:
    """For reading without a look at who else writes. Raises JournalError when somebody did."""
    before = _state(path)
    try:
        yield
    except sqlite3.DatabaseError:
        if _state(path) == before:
            raise
    if _state(path) != before:
        raise JournalError(f"{path}: was written while it was read: read it again")
