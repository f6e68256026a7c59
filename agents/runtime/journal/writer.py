"""The writer of a journal: one thread with one connection, which also checkpoints (SQLite before 3.51.3 can corrupt a
WAL that one connection writes while another resets it).

Python lets only one thread run at a time, and a thread that waits for SQLite has to get its turn back after each call:
up to 5 ms while the loop is busy. So a commit is a few calls, however many entries it has.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from agents.runtime.journal.outbox import Mark
from agents.runtime.journal.rows import INSERT, Row, StoredStep, rows
from agents.runtime.journal.schema import transaction

MOST = 2_048
"""Entries in one commit, if they come in smaller parts."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0

Part: TypeAlias = tuple[list[StoredStep], dict[str, Mark]]
"""New entries, and how far the effects of some parties have left."""
Work: TypeAlias = Callable[[sqlite3.Connection], None]


@dataclass(slots=True)
class Figures:
    """What there is to measure."""

    entries: int = 0
    commits: int = 0
    snapshots: int = 0
    commit_s: float = 0.0
    failed: int = 0
    failing_since: float | None = None
    """Monotonic instant since which the disk refuses; None while it works."""
    last_error: str = ""
    latencies_s: list[float] = field(default_factory=list)
    """Of the commits since somebody last looked."""


class Writer:
    """The thread, and its queue. `on_trouble` hears in the thread of a failing disk, and an empty text when it is
    mended."""

    def __init__(self, connection: sqlite3.Connection, on_trouble: Callable[[str], None]) -> None:
        self.figures = Figures()
        self._connection, self._on_trouble = connection, on_trouble
        self._on_durable: Callable[[int], object] = lambda number: None
        self._queue: queue.SimpleQueue[Part | Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, on_durable: Callable[[int], object]) -> None:
        """`on_durable` hears in the thread the number of the last entry of each commit."""
        self._on_durable = on_durable
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, entries: list[StoredStep], left: dict[str, Mark]) -> None:
        """Hand over what is to be written; both belong to the writer now."""
        self._queue.put((entries, left))

    def put_work(self, work: Work) -> None:
        """Something to be done when everything before it is written."""
        self._queue.put(work)

    async def end(self) -> None:
        """Write what is there."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    # -- in the thread

    def _run(self) -> None:
        running = True
        while running:
            entries: list[StoredStep] = []
            left: dict[str, Mark] = {}
            work: list[Work] = []
            item = self._queue.get()
            while True:
                if isinstance(item, tuple):
                    entries += item[0]
                    left |= item[1]
                elif item is None:
                    running = False
                else:
                    work.append(item)
                if work or not running or len(entries) >= MOST:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if entries or left:
                self._commit(entries, left)
            while work:
                self._insist(partial(work.pop(0), self._connection))
            del item, entries, left  # the next may be long in coming

    def _insist(self, do: Callable[[], None]) -> float:
        """Do it until the disk allows it; the seconds that it took then."""
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            try:
                do()
            except (sqlite3.Error, OSError) as error:
                self._failed(error)
                time.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            else:
                break
        seconds = time.monotonic() - began
        if self.figures.failing_since is not None:
            self.figures.failing_since = None
            self._on_trouble("")
        return seconds

    def _commit(self, entries: list[StoredStep], left: dict[str, Mark]) -> None:
        marks = [(actor, *mark) for actor, mark in left.items()]
        self._committed(self._insist(partial(self._write, rows(entries), marks)), entries)

    def _write(self, new: list[Row], marks: list[tuple[str, int, int]]) -> None:
        with transaction(self._connection):
            self._connection.executemany(INSERT, new)
            self._connection.executemany("INSERT OR REPLACE INTO left_until VALUES (?, ?, ?)", marks)

    def _failed(self, error: Exception) -> None:
        figures = self.figures
        figures.failed += 1
        figures.last_error = str(error)
        if figures.failing_since is None:
            figures.failing_since = time.monotonic()
            self._on_trouble(str(error))

    def _committed(self, seconds: float, entries: list[StoredStep]) -> None:
        figures = self.figures
        figures.commits += 1
        figures.entries += len(entries)
        figures.commit_s += seconds
        figures.latencies_s.append(seconds)
        del figures.latencies_s[:-1000]
        if entries:
            self._on_durable(entries[-1].seq)
