"""The journal: a SQLite file that has every step of a daemon's parties before anything of it leaves the process.

What the event loop appends in one turn is handed to the writer at once (agents/runtime/journal/writer.py), and what has come
in while one commit is being flushed is the next: groups form by themselves. A disk that fails stops nothing but the
commits: nobody is acknowledged and nothing is published until a retry succeeds.
"""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from agents.runtime.journal.archive import archived
from agents.runtime.journal.durability import Durability
from agents.runtime.journal.opened import OpenJournal, cannot_open, damaged
from agents.runtime.journal.outbox import Mark, Outbox, leaves
from agents.runtime.journal.rows import SELECT, StoredStep, steps_in, stored, unreadable
from agents.runtime.journal.schema import OF_THE_FILE, JournalError
from agents.runtime.journal.segments import PartyState, segmented
from agents.runtime.journal.writer import Figures, Writer
from agents.settings.daemon import PartiesConfig
from protocol.actor import Effect, Entry, Received
from protocol.edges import Edge
from protocol.entries import decode_effects
from protocol.messages import EventMessage

__all__ = ["Journal", "JournalError", "KeptSettings", "Mark", "StoredStep"]


class KeptSettings(NamedTuple):
    """By what a journal goes on behind an archive."""

    configuration: bytes
    file: bytes | None
    """The settings of the daemon's file, where they are others."""

    @classmethod
    def of(cls, under: PartiesConfig, file: PartiesConfig) -> "KeptSettings":
        """Of the settings that hold, and those that the file has."""
        configuration, given = under.as_bytes(), file.as_bytes()
        return cls(configuration, None if configuration == given else given)


class Journal:
    """One daemon's journal. `append`, `sent` and `durable` are called from one event loop only."""

    def __init__(
        self, path: Path, on_trouble: Callable[[str], None] = lambda text: None, configuration: bytes | None = None
    ) -> None:
        """Open or make the file, with a lease on it. `on_trouble` hears (in the writer's thread) of a failing disk,
        and an empty text when it is mended. `configuration` is kept beside the entries, so that whoever reads the file
        later knows whose decisions they are. Raises JournalError, LeaseTaken."""
        self.path = path
        self._file = OpenJournal(path)
        self._reader = self._file.reads
        try:
            stored = self._look(configuration)
        except (sqlite3.DatabaseError, JournalError) as error:
            self._file.close()
            raise JournalError(cannot_open(path, error)) from None
        self.settings = sha256(stored).digest()
        """Whose decisions they are, in 32 bytes: the settings of a crowd are some megabytes."""
        self._moved_at = self._first
        """The number of the next entry when some were moved out last."""
        self._writer = Writer(self._file.writes, on_trouble)
        self._new: list[StoredStep] = []
        self._moved: dict[str, Mark] = {}
        self._outboxes: defaultdict[str, Outbox] = defaultdict(Outbox)
        self._durability = Durability(self._next - 1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handing_over = False

    @property
    def figures(self) -> Figures:
        return self._writer.figures

    def _look(self, configuration: bytes | None) -> bytes:
        """Find out what is there, and keep the settings; those that stand there. Raises sqlite3.DatabaseError, JournalError."""
        numbered = ["SELECT max(last) AS seq FROM steps"]
        numbered += [f"SELECT max(seq) FROM {table}" for table in ("inbox", "left_until", "segment")]
        self._next = self._file.number(f"SELECT 1 + coalesce(max(seq), 0) FROM ({' UNION ALL '.join(numbered)})")
        self._first = self._file.number(f"SELECT coalesce(min(first), {self._next}) FROM steps")
        self._knows_ids = self._file.number("SELECT count(*) FROM (SELECT 1 FROM inbox LIMIT 1)") > 0
        """Whether there is an id of an archived message at all: most journals have none to look up."""
        return b"" if configuration is None else self._file.keep_configuration(configuration, self._next)

    # -- reading, before the first append

    def entries(self, actor: str, after: int = 0) -> Iterator[StoredStep]:
        """Entries of an actor behind a number, oldest first. Raises JournalError, as all that reads."""
        with self._file.readable():
            for row in self._reader.execute(f"{SELECT} WHERE actor = ? AND last > ? ORDER BY first", (actor, after)):
                yield from (step for step in steps_in(row) if step.seq > after)

    def snapshot(self, actor: str, maker: str) -> tuple[int, bytes] | None:
        """The number of the last entry in an actor's newest snapshot, and the snapshot; None when `maker` made none."""
        found = self._file.row("SELECT seq, body FROM snapshot WHERE actor = ? AND maker = ?", (actor, maker))
        return None if found is None else (int(found[0]), bytes(found[1]))

    def begins_with(self, actor: str) -> PartyState | None:
        """What an actor knew before its first entry here; None where it knew nothing."""
        row = self._file.row("SELECT actor, seq, maker, body FROM segment WHERE actor = ?", (actor,))
        return None if row is None else PartyState(*row)

    @property
    def has_snapshots(self) -> bool:
        """Whether there is one at all: only then its maker has to be found out."""
        return self._file.row("SELECT 1 FROM snapshot LIMIT 1") is not None

    def undone(self, actor: str) -> list[tuple[Mark, Effect]]:
        """Effects that are not known to have left, oldest first. Called once: they are expected to leave now."""
        until = self._left_until("WHERE actor = ?", (actor,))
        after = until.get(actor, (0, 0))[0] - 1
        return [(mark, effect) for _, mark, effect in self._not_left(self.entries(actor, after), until)]

    def heard(self, actor: str, edge: Edge, message_id: str) -> bool:
        """Whether a message about an archived event was taken; the actor itself has forgotten the event."""
        where = (actor, f"{edge.parent}/{edge.child}", message_id)
        return self._file.row("SELECT 1 FROM inbox WHERE actor = ? AND edge = ? AND message_id = ?", where) is not None

    def repeats_archived(self, actor: str, received: Received, knows: Callable[[str], bool]) -> bool:
        """Whether it is a repeat about an event that is over and in the archive; `knows`: whether the actor still has
        an event in its memory."""
        message = received.message
        if not self._knows_ids or not isinstance(message, EventMessage) or knows(message.event_id):
            return False
        return self.heard(actor, received.edge, message.message_id)

    def ids_kept(self) -> int:
        """How many ids of archived messages stay known."""
        return self._file.number("SELECT count(*) FROM inbox")

    @property
    def pending(self) -> int:
        """Effects of this process that are not known to have left."""
        return sum(map(len, self._outboxes.values()))

    @property
    def length(self) -> int:
        """Entries that have come since the archive was last written."""
        return self._next - self._first

    @property
    def since_moved(self) -> int:
        """Entries that have come since some were moved out last."""
        return self._next - self._moved_at

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet."""
        return self._next - 1 - self._durability.number

    # -- writing

    def start(self) -> None:
        """Start the writer; from now on the event loop that runs is the one that is told."""
        self._loop = loop = asyncio.get_running_loop()
        self._writer.start(lambda number: loop.call_soon_threadsafe(self._durability.reached, number))
        self._hand_over()

    def append(self, entry: Entry) -> int:
        """Hand an entry over; its number, for `durable`."""
        number = self._next
        self._next += 1
        self._new.append(stored(entry, number))
        for place, effect in enumerate(entry.effects):
            if leaves(effect):
                self._outboxes[entry.actor].expect((number, place))
        self._hand_over_soon()
        return number

    def sent(self, actor: str, mark: Mark) -> None:
        """An effect has left: the broker has acknowledged it, or the device took it."""
        outbox = self._outboxes[actor]
        if outbox.done(mark) and outbox.left_until is not None:
            self._moved[actor] = outbox.left_until
            self._hand_over_soon()

    async def durable(self, number: int) -> None:
        """Return when the entry of that number (and all before it) would survive a crash."""
        await self._durability.wait(number)

    async def all_durable(self) -> None:
        """The same of everything that was appended so far."""
        await self.durable(self._next - 1)

    def keep_snapshot(self, actor: str, number: int, maker: str, body: bytes) -> None:
        """Keep what an actor knows after its entry of that number. A disk that refuses it costs time at the next
        start, and nothing else."""

        def keep(connection: sqlite3.Connection) -> None:
            with suppress(sqlite3.Error):
                connection.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)", (actor, number, maker, body))
            self.figures.snapshots += 1

        self._after_all(keep)

    def archive(self, settings: KeptSettings | None = None) -> asyncio.Future[Path | None]:
        """Move everything into a file of its own and begin anew: only when all parties are at rest and start anew, by
        `settings` where those are others than before.
        Ids of messages stay known. None when there was nothing to move. A disk that refuses it is asked again, as for a
        commit: what comes after it is of fresh actors and must not stand behind the old entries."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Path | None] = loop.create_future()

        number = self._next

        def keep(connection: sqlite3.Connection) -> None:
            if settings is not None:
                connection.execute("DELETE FROM configuration")
                connection.execute("INSERT INTO configuration VALUES (?, ?)", (number, settings.configuration))
                if settings.file is not None:
                    connection.execute("INSERT INTO configuration VALUES (?, ?)", (OF_THE_FILE, settings.file))

        def move(connection: sqlite3.Connection) -> None:
            loop.call_soon_threadsafe(done.set_result, archived(connection, self.path, keep))

        self._after_all(move)
        self._first = self._moved_at = number
        self._knows_ids = True
        if settings is not None:
            self.settings = sha256(settings.configuration).digest()
        return done

    async def keep_file(self, body: bytes) -> None:
        """Keep the settings of the daemon's file: all that they say otherwise than these is in the entries by now. Returns
        when a reader of the file finds them."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def keep(connection: sqlite3.Connection) -> None:
            with suppress(sqlite3.Error):  # then it is found out at the next start
                connection.execute("INSERT OR REPLACE INTO configuration VALUES (?, ?)", (OF_THE_FILE, body))
            loop.call_soon_threadsafe(done.set_result, None)

        self._after_all(keep)
        await done

    def forget_heard(self, edges: Iterable[str]) -> None:
        """Ids of archived messages on these edges (`PARENT/CHILD`) are known no more, and stand in no free page."""
        gone = [(edge,) for edge in edges]

        def forget(connection: sqlite3.Connection) -> None:
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA secure_delete = ON")
                connection.executemany("DELETE FROM inbox WHERE edge = ?", gone)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        self._after_all(forget)

    def move_out(self, states: Sequence[PartyState]) -> asyncio.Future[Path | None]:
        """Move the entries that these states of all parties know, and of which everything has left, into a file of the
        archive, while the parties go on; None when there was nothing to move. A disk that refuses it is asked again."""
        return self._moved_out(states, {state.actor: self._over_until(state.actor, state.number) for state in states})

    def _moved_out(self, states: Sequence[PartyState], until: Mapping[str, int]) -> asyncio.Future[Path | None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Path | None] = loop.create_future()

        def move(connection: sqlite3.Connection) -> None:
            loop.call_soon_threadsafe(done.set_result, segmented(connection, self.path, states, until))

        self._after_all(move)
        self._first, self._knows_ids = min(until.values(), default=self._first - 1) + 1, True
        self._moved_at = self._next
        return done

    def _over_until(self, actor: str, number: int) -> int:
        outbox = self._outboxes.get(actor)
        first = None if outbox is None else outbox.first
        return number if first is None else min(number, first[0] - 1)

    async def close(self) -> None:
        """Write what is there and end the writer."""
        self._hand_over()
        await self._writer.end()
        self._file.close()

    # -- within

    def _left_until(self, where: str = "", given: tuple[str, ...] = ()) -> dict[str, Mark]:
        """Up to which effect everything has left, by party."""
        with self._file.readable():
            found = self._reader.execute(f"SELECT actor, seq, place FROM left_until {where}", given)
            return {actor: (seq, place) for actor, seq, place in found}

    def _not_left(self, steps: Iterable[StoredStep], until: Mapping[str, Mark]) -> Iterator[tuple[str, Mark, Effect]]:
        """What lies behind those marks; it is expected to leave now."""
        for step in steps:
            last = until.get(step.actor, (0, 0))
            if step.seq < last[0]:
                continue
            if (why := unreadable(step)) is not None:
                raise JournalError(damaged(self.path, why))
            for place, effect in enumerate(decode_effects(step.effects)):
                mark = step.seq, place
                if leaves(effect) and mark > last:
                    self._outboxes[step.actor].expect(mark)
                    yield step.actor, mark, effect

    def _hand_over_soon(self) -> None:
        if not self._handing_over and self._loop is not None:
            self._handing_over = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._handing_over = False
        if self._new or self._moved:
            self._writer.put(self._new, self._moved)
            self._new, self._moved = [], {}

    def _after_all(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Let the writer do something when everything that was appended so far is written."""
        self._hand_over()
        self._writer.put_work(work)
