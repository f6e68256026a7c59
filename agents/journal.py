"""The journal: a SQLite file that has every step of a daemon's parties before anything of it leaves the process.

One writer thread with one connection (it also checkpoints: SQLite before 3.51.3 can corrupt a WAL that one connection
writes while another resets it). Commits group by themselves: what has come in while one is being flushed is the next
group. A disk that fails stops nothing but the commits: nobody is acknowledged and nothing is published until a retry
succeeds.
"""

import asyncio
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from agents.lease import Lease
from protocol.actor import Clear, Effect, Entry, Received, Send, Setpoint
from protocol.edges import Edge
from protocol.entries import decode_effects, decode_input, encode_effects, encode_input
from protocol.messages import EventMessage

GROUP = 512
"""Entries in one commit at most."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
KEPT_IDS = 200_000
"""Ids of messages about archived events that stay known, so that a late repeat is still a repeat."""

MIGRATIONS = (
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
)
"""Step n makes version n + 1. A step that was published is never changed; a new one is added."""

PENDING, SENT, DONE = 0, 1, 2
"""An outbox row: not known to have left; acknowledged by the broker (or done to a device); answered by the far end."""

Mark: TypeAlias = tuple[int, int]
"""An effect: the number of its entry, and its place in it."""


class JournalError(RuntimeError):
    """The journal cannot be used; one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it stands in the file; `effects` are its bytes, which a fold compares."""

    seq: int
    at: datetime
    actor: str
    input: bytes
    effects: bytes

    def entry(self) -> Entry:
        return Entry(self.at, self.actor, decode_input(self.input), decode_effects(self.effects))


@dataclass(slots=True)
class Figures:
    """What there is to measure."""

    entries: int = 0
    commits: int = 0
    commit_s: float = 0.0
    failed: int = 0
    failing_since: float | None = None
    """Monotonic instant since which the disk refuses; None while it works."""
    last_error: str = ""
    latencies_s: list[float] = field(default_factory=list)
    """Of the commits since somebody last looked."""


class Journal:
    """One daemon's journal. `append`, `sent` and `durable` are called from one event loop only."""

    def __init__(
        self, path: Path, on_trouble: Callable[[str], None] = lambda text: None, configuration: bytes | None = None
    ) -> None:
        """Open or make the file, with a lease on it. `on_trouble` hears (in the writer's thread) of a failing disk,
        and an empty text when it is mended. `configuration` is kept beside the entries, so that whoever reads the file
        later knows whose decisions they are. Raises JournalError, LeaseTaken."""
        self.path = path
        self.settings = configuration or b""
        self.figures = Figures()
        self._on_trouble = on_trouble
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lease = Lease(path.with_name(path.name + ".lock"))
        self._connection = self._open()
        self._reader = sqlite3.connect(path, isolation_level=None)
        self._reader.execute("PRAGMA wal_autocheckpoint = 0")
        self._next = self._scalar(
            "SELECT 1 + max((SELECT coalesce(max(seq), 0) FROM entry), (SELECT coalesce(max(seq), 0) FROM inbox))"
        )
        self._durable = self._next - 1
        self._first = self._scalar(f"SELECT coalesce(min(seq), {self._next}) FROM entry")
        if configuration is not None:
            self._keep_configuration(configuration)
        self._work: queue.SimpleQueue[Entry | Mark | Callable[[], None] | None] = queue.SimpleQueue()
        self._numbers = self._next
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # -- reading, before the first append

    def entries(self, actor: str, after: int = 0) -> Iterator[Kept]:
        """Entries of an actor behind a number, oldest first."""
        rows = self._reader.execute(
            "SELECT seq, at, actor, input, effects FROM entry WHERE actor = ? AND seq > ? ORDER BY seq", (actor, after)
        )
        for seq, at, name, item, effects in rows:
            yield Kept(seq, datetime.fromisoformat(at), name, item, effects)

    def snapshot(self, actor: str, maker: str) -> tuple[int, bytes] | None:
        """The number of the last entry in an actor's newest snapshot, and the snapshot; None when `maker` made none."""
        row = self._reader.execute("SELECT seq, body FROM snapshot WHERE actor = ? AND maker = ?", (actor, maker))
        found = row.fetchone()
        return None if found is None else (int(found[0]), bytes(found[1]))

    @property
    def has_snapshots(self) -> bool:
        """Whether there is one at all: only then its maker has to be found out."""
        return self._reader.execute("SELECT 1 FROM snapshot LIMIT 1").fetchone() is not None

    def undone(self, actor: str) -> list[tuple[Mark, Effect]]:
        """Effects that are not known to have left, oldest first."""
        rows = self._reader.execute(
            "SELECT o.seq, o.place, e.effects FROM outbox o JOIN entry e USING (seq) "
            "WHERE o.actor = ? AND o.state = 0 ORDER BY o.seq, o.place",
            (actor,),
        )
        return [((seq, place), decode_effects(effects)[place]) for seq, place, effects in rows]

    def heard(self, actor: str, edge: Edge, message_id: str) -> bool:
        """Whether a message was taken before; for repeats about events that the actor has forgotten."""
        found = self._reader.execute(
            "SELECT 1 FROM inbox WHERE actor = ? AND edge = ? AND message_id = ?", (actor, _arrow(edge), message_id)
        )
        return found.fetchone() is not None

    @property
    def pending(self) -> int:
        """Effects that are not known to have left."""
        return int(self._reader.execute("SELECT count(*) FROM outbox WHERE state = 0").fetchone()[0])

    @property
    def length(self) -> int:
        """Entries that have come since the archive was last written."""
        return self._next - self._first

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet."""
        return self._next - 1 - self._durable

    # -- writing

    def start(self) -> None:
        """Start the writer; from now on the event loop that runs is the one that is told."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def append(self, entry: Entry) -> int:
        """Hand an entry over; its number, for `durable`."""
        number = self._next
        self._next += 1
        self._work.put(entry)
        return number

    def keep_snapshot(self, actor: str, number: int, maker: str, body: bytes) -> None:
        """Keep what an actor knows after its entry of that number. A disk that refuses it costs time at the next
        start, and nothing else."""

        def keep() -> None:
            with suppress(sqlite3.Error):
                self._connection.execute(
                    "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)", (actor, number, maker, body)
                )

        self._work.put(keep)

    def sent(self, mark: Mark) -> None:
        """An effect has left: the broker has acknowledged it, or the device took it."""
        self._work.put(mark)

    async def durable(self, number: int) -> None:
        """Return when the entry of that number (and all before it) would survive a crash."""
        if number > self._durable:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append((number, waiter))
            await waiter

    async def close(self) -> None:
        """Write what is there and end the writer."""
        if self._thread is not None:
            self._work.put(None)
            await asyncio.to_thread(self._thread.join)
        self._reader.close()
        self._connection.close()
        self._lease.release()

    def archive(self) -> asyncio.Future[Path | None]:
        """Move everything into a file of its own and begin anew: only when all parties are at rest and start anew.
        Ids of messages stay known. None when there was nothing to move."""
        done: asyncio.Future[Path | None] = asyncio.get_running_loop().create_future()

        def move() -> None:
            loop, target = self._loop, self._move()
            assert loop is not None
            loop.call_soon_threadsafe(done.set_result, target)

        self._work.put(move)
        self._first = self._next
        return done

    # -- the writer's thread

    def _write(self) -> None:
        running = True
        while running:
            group = [self._work.get()]
            while len(group) < GROUP:
                try:
                    group.append(self._work.get_nowait())
                except queue.Empty:
                    break
            running = None not in group
            self._commit([item for item in group if isinstance(item, Entry | tuple)])
            for job in group:
                if callable(job):
                    job()

    def _commit(self, group: Iterable[Entry | Mark]) -> None:
        group = list(group)
        if not group:
            return
        numbered = [(item, self._number(item)) for item in group]
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            try:
                self._insert(numbered)
            except (sqlite3.Error, OSError) as error:
                self._failed(error)
                time.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            else:
                break
        self._committed(time.monotonic() - began, sum(number > 0 for _, number in numbered))

    def _number(self, item: Entry | Mark) -> int:
        if not isinstance(item, Entry):
            return 0
        self._numbers += 1
        return self._numbers - 1

    def _insert(self, numbered: list[tuple[Entry | Mark, int]]) -> None:
        """One transaction: entries with their inbox and outbox, and marks."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for item, number in numbered:
                if isinstance(item, Entry):
                    self._insert_entry(item, number)
                else:
                    connection.execute("UPDATE outbox SET state = 1 WHERE seq = ? AND place = ? AND state = 0", item)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _insert_entry(self, entry: Entry, number: int) -> None:
        connection = self._connection
        row = (number, entry.at.isoformat(), entry.actor, encode_input(entry.input), encode_effects(entry.effects))
        connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
        if isinstance(entry.input, Received) and isinstance(entry.input.message, EventMessage):
            edge, message = _arrow(entry.input.edge), entry.input.message
            connection.execute(
                "INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?)", (entry.actor, edge, message.message_id, number)
            )
            connection.execute(
                "UPDATE outbox SET state = 2 WHERE state = 1 AND actor = ? AND edge = ? AND event_id = ?",
                (entry.actor, edge, message.event_id),
            )
        connection.executemany("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, 0)", _outgoing(entry, number))

    def _failed(self, error: Exception) -> None:
        figures = self.figures
        figures.failed += 1
        figures.last_error = str(error)
        if figures.failing_since is None:
            figures.failing_since = time.monotonic()
            self._on_trouble(str(error))

    def _committed(self, seconds: float, entries: int) -> None:
        figures = self.figures
        figures.commits += 1
        figures.entries += entries
        figures.commit_s += seconds
        figures.latencies_s.append(seconds)
        del figures.latencies_s[:-1000]
        if figures.failing_since is not None:
            figures.failing_since = None
            self._on_trouble("")
        if self._loop is not None and entries:
            self._loop.call_soon_threadsafe(self._now_durable, self._numbers - 1)

    def _now_durable(self, number: int) -> None:
        self._durable = max(self._durable, number)
        ready = [waiter for wanted, waiter in self._waiters if wanted <= self._durable]
        self._waiters = [(wanted, waiter) for wanted, waiter in self._waiters if wanted > self._durable]
        for waiter in ready:
            if not waiter.done():
                waiter.set_result(None)

    # -- the file

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, self.path)
        except sqlite3.DatabaseError as error:
            self._lease.release()
            raise JournalError(f"{self.path}: cannot be opened: {error}: mend it or move it away") from None
        except JournalError:
            self._lease.release()
            raise
        return connection

    def _keep_configuration(self, body: bytes) -> None:
        last = self._connection.execute("SELECT body FROM configuration ORDER BY seq DESC LIMIT 1").fetchone()
        if last is None or bytes(last[0]) != body:
            self._connection.execute("INSERT OR REPLACE INTO configuration VALUES (?, ?)", (self._next, body))

    def _scalar(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchone()[0])

    def _move(self) -> Path | None:
        if not self._scalar("SELECT count(*) FROM entry"):
            return None
        folder = self.path.with_name(self.path.name + ".archive")
        folder.mkdir(exist_ok=True)
        first = self._scalar("SELECT min(seq) FROM entry")
        target = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{first}.sqlite"
        part = target.with_suffix(".part")
        part.unlink(missing_ok=True)
        self._connection.execute("VACUUM INTO ?", (str(part),))
        shutil.move(part, target)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("DELETE FROM entry")
        self._connection.execute("DELETE FROM snapshot")
        self._connection.execute("DELETE FROM outbox")
        self._connection.execute("DELETE FROM inbox WHERE seq <= ?", (self._numbers - KEPT_IDS,))
        self._connection.execute("COMMIT")
        self._connection.execute("VACUUM")
        return target


def migrate(connection: sqlite3.Connection, path: Path, to: int = len(MIGRATIONS)) -> None:
    """Bring the schema to a version. Raises JournalError for one that is newer than this software."""
    known = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if known > to:
        raise JournalError(f"{path}: was written by a newer gridpact (schema {known}, known is {to}): update gridpact")
    for version in range(known, to):
        connection.executescript(f"BEGIN; {MIGRATIONS[version]} PRAGMA user_version = {version + 1}; COMMIT;")


def _outgoing(entry: Entry, number: int) -> Iterator[tuple[int, int, str, str, str]]:
    for place, effect in enumerate(entry.effects):
        match effect:
            case Send(edge, message):
                event_id = message.event_id if isinstance(message, EventMessage) else ""
                yield number, place, entry.actor, _arrow(edge), event_id
            case Clear(edge):
                yield number, place, entry.actor, _arrow(edge), ""
            case Setpoint():
                yield number, place, entry.actor, "", ""


def _arrow(edge: Edge) -> str:
    return f"{edge.parent}/{edge.child}"
