"""The archive of a journal whose parties are at rest: everything moves into a file of its own, fresh actors take over, and
only the ids of what was heard stay."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agents.runtime.journal.files import new_archive
from agents.runtime.journal.rows import SELECT
from agents.runtime.journal.schema import transaction
from agents.runtime.journal.segments import keep_ids


def archived(
    connection: sqlite3.Connection, path: Path, then: Callable[[sqlite3.Connection], None] = lambda connection: None
) -> Path | None:
    """Move all entries into a file of their own, and keep the ids of the messages that were taken; the file, or None
    when there was nothing to move. `then` is written in the same transaction. When the disk refuses it, all is as it was.
    Raises sqlite3.Error, OSError."""
    first = connection.execute("SELECT min(first) FROM steps").fetchone()[0]
    if first is None:
        with transaction(connection):
            then(connection)
        return None
    with new_archive(path, first) as part:
        connection.execute("VACUUM INTO ?", (str(part),))
    target = part.with_suffix(".sqlite")
    try:
        _forget_entries(connection, then)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    with suppress(sqlite3.Error):  # the room is given back at the next archive, or used again
        connection.execute("VACUUM")
    return target


def _forget_entries(connection: sqlite3.Connection, then: Callable[[sqlite3.Connection], None]) -> None:
    with transaction(connection):
        keep_ids(connection, SELECT)
        connection.execute("DELETE FROM steps")
        connection.execute("DELETE FROM snapshot")
        connection.execute("DELETE FROM segment")
        then(connection)
