"""The schema of a journal's file, version by version, and how an older file becomes one of today."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from agents.runtime.journal.rows import INSERT, StoredStep, rows

CONFIGURATION = 3
"""The version since which the settings of the parties stand in the file."""
OF_THE_FILE = -1
"""The number under which the settings of the daemon's file stand, where the book was changed by command since."""
SNAPSHOTS = 4
"""The version since which states of the parties may stand in the file."""
ROWS_OF_STEPS = 5
"""The version since which a row has many steps."""
SEGMENTS = 6
"""The version since which a file may begin with what its parties knew before its first entry."""
MOVED_AT_ONCE = 512
"""Entries of an old file in one row of a new one."""


class JournalError(RuntimeError):
    """The journal cannot be used; one sentence that says what to do."""


def _many_steps_a_row(connection: sqlite3.Connection) -> None:
    """An entry was a row with an outbox row for each effect; now a row has many steps, and a mark for each party says
    how far its effects have left (who has answered is known to the actors themselves)."""
    connection.execute(
        "CREATE TABLE steps (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, actor TEXT NOT NULL, "
        "heads TEXT NOT NULL, body BLOB NOT NULL)"
    )
    connection.execute("CREATE INDEX steps_of ON steps (actor, first)")
    connection.execute("CREATE TABLE left_until (actor TEXT PRIMARY KEY, seq INTEGER NOT NULL, place INTEGER NOT NULL)")
    found = connection.execute("SELECT seq, at, actor, input, effects FROM entry ORDER BY seq")
    while some := found.fetchmany(MOVED_AT_ONCE):
        steps = [StoredStep(seq, datetime.fromisoformat(at), *rest) for seq, at, *rest in some]
        connection.executemany(INSERT, rows(steps))
    connection.execute(
        "INSERT INTO left_until SELECT e.actor, coalesce(o.seq, e.seq + 1), coalesce(o.place, 0) - 1 "
        "FROM (SELECT actor, max(seq) AS seq FROM entry GROUP BY actor) e LEFT JOIN "
        "(SELECT actor, seq, min(place) AS place FROM outbox o WHERE state = 0 AND seq = "
        "(SELECT min(seq) FROM outbox WHERE state = 0 AND actor = o.actor) GROUP BY actor, seq) o USING (actor)"
    )
    connection.execute("DROP TABLE entry")
    connection.execute("DROP TABLE outbox")


MIGRATIONS: tuple[str | Callable[[sqlite3.Connection], None], ...] = (
    """
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, input BLOB NOT NULL, effects BLOB NOT NULL
    );
    CREATE TABLE outbox (
        seq INTEGER NOT NULL, place INTEGER NOT NULL, actor TEXT NOT NULL, edge TEXT NOT NULL, event_id TEXT NOT NULL,
        state INTEGER NOT NULL, PRIMARY KEY (seq, place)
    ) WITHOUT ROWID;
    """,
    """
    CREATE INDEX outbox_open ON outbox (actor, edge, event_id) WHERE state = 1;
    CREATE INDEX outbox_pending ON outbox (seq) WHERE state = 0;
    CREATE TABLE inbox (
        actor TEXT NOT NULL, edge TEXT NOT NULL, message_id TEXT NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (actor, edge, message_id)
    ) WITHOUT ROWID;
    """,
    "CREATE TABLE configuration (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);",
    "CREATE TABLE snapshot (actor TEXT PRIMARY KEY, seq INTEGER NOT NULL, maker TEXT NOT NULL, body BLOB NOT NULL);",
    _many_steps_a_row,
    "CREATE TABLE segment (actor TEXT PRIMARY KEY, seq INTEGER NOT NULL, maker TEXT NOT NULL, body BLOB NOT NULL);",
)
"""Step n makes version n + 1. A step that was published is never changed; a new one is added."""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def migrate(connection: sqlite3.Connection, path: Path, to: int = len(MIGRATIONS)) -> None:
    """Bring the schema to a version. Raises JournalError for one that is newer than this software."""
    known = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if known > to:
        raise JournalError(f"{path}: was written by a newer gridpact (schema {known}, known is {to}): update gridpact")
    for version in range(known, to):
        step = MIGRATIONS[version]
        with transaction(connection):
            if isinstance(step, str):
                for statement in step.split(";"):
                    connection.execute(statement)
            else:
                step(connection)
            connection.execute(f"PRAGMA user_version = {version + 1}")
