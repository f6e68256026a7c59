"""A segment of a journal: entries that are over move out whole while their parties go on, so a party that never rests
keeps a flat file.

Each file begins with what its parties knew then (the table `segment`): versioned states, as snapshots are. So a fold of
what is left begins there, and each file of the archive can be taken again by itself.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from agents.runtime.journal.files import new_archive
from agents.runtime.journal.rows import SELECT, steps_in
from agents.runtime.journal.schema import migrate, transaction
from protocol.entries import heard_in

BYTES_AN_ENTRY = 200
"""A file of the archive that is begun with so many bytes for each entry in it takes twice as much as the entries."""
STORED_IDS = 200_000
"""Ids of messages about archived events that stay known, so that a late repeat is still a repeat."""
OVER = "SELECT s.first FROM steps s JOIN temp.over o ON o.actor = s.actor AND s.last <= o.until"


class PartyState(NamedTuple):
    """What a party knew after its entry of that number, for whom it was made."""

    actor: str
    number: int
    maker: str
    body: bytes


def segmented(
    connection: sqlite3.Connection, path: Path, states: Sequence[PartyState], until: Mapping[str, int]
) -> Path | None:
    """Move the entries of each party up to a number into a file of their own, and let what is left begin with these
    states, which are those of all parties; the file, or None when there was nothing to move. When the disk refuses it, all is as it was. Raises
    sqlite3.Error, OSError."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS over (actor TEXT PRIMARY KEY, until INTEGER NOT NULL)")
    with transaction(connection):
        connection.execute("DELETE FROM temp.over")
        connection.executemany("INSERT INTO temp.over VALUES (?, ?)", until.items())
    first = connection.execute(f"SELECT min(first) FROM ({OVER})").fetchone()[0]
    if first is None:
        return None
    with new_archive(path, first) as part:
        with closing(sqlite3.connect(part, isolation_level=None)) as fresh:
            migrate(fresh, part)
        _copy(connection, part)
    target = part.with_suffix(".sqlite")
    try:
        _forget(connection, states)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def _copy(connection: sqlite3.Connection, part: Path) -> None:
    connection.execute("ATTACH DATABASE ? AS part", (str(part),))
    try:
        with transaction(connection):
            connection.execute(f"INSERT INTO part.steps SELECT * FROM steps WHERE first IN ({OVER})")
            for table in ("configuration", "segment", "left_until"):
                connection.execute(f"INSERT INTO part.{table} SELECT * FROM {table}")
    finally:
        connection.execute("DETACH DATABASE part")


def _forget(connection: sqlite3.Connection, states: Sequence[PartyState]) -> None:
    with transaction(connection):
        keep_ids(connection, f"{SELECT} WHERE first IN ({OVER})")
        connection.execute(f"DELETE FROM steps WHERE first IN ({OVER})")
        connection.execute("DELETE FROM segment")
        connection.execute("DELETE FROM snapshot")  # older than these
        connection.executemany("INSERT INTO segment VALUES (?, ?, ?, ?)", states)


def keep_ids(connection: sqlite3.Connection, rows: str) -> None:
    """Let the ids of the messages in these rows stay known; of all the newest ones."""
    last = 0
    for row in connection.execute(rows).fetchall():
        known = [(step.actor, *heard, step.seq) for step in steps_in(row) if (heard := heard_in(step.input))]
        connection.executemany("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?)", known)
        last = max(last, row[1])
    connection.execute("DELETE FROM inbox WHERE seq <= ?", (last - STORED_IDS,))
