"""Follows journals while they are written: each look reads what has come since, and writes nothing."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.rows import StoredStep
from agents.runtime.journal.schema import JournalError
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import PartySettings
from protocol.actor import Entry


class JournalFollower:
    """The journals in some folders, those of parents or of some named parties. `read` may run in a thread."""

    def __init__(self, folders: Sequence[Path], only: Iterable[str] = ()) -> None:
        """`only`: the parties whose steps are read; by default all but homes, which may be very many."""
        self.folders, self.only = tuple(folders), frozenset(only)
        self.problems: dict[Path, str] = {}
        """Files that could not be read at the last look, and why."""
        self._states: dict[Path, tuple[object, ...]] = {}
        self._configurations: dict[Path, PartiesConfig] = {}
        self._last: dict[Path, int] = {}
        """By journal, the number of the last entry that was read: it goes on when entries move to the archive."""

    def read(self) -> tuple[list[PartySettings], list[Entry]]:
        """Settings and entries that have come since the last look; the entries in the order of their instants."""
        settings: list[PartySettings] = []
        parts: list[list[StoredStep]] = []
        self.problems = {}
        for path in self._paths():
            state = _state(path)
            if state == self._states.get(path):
                continue
            try:
                settings += self._settings(path)
                parts.append(self._steps(path))
            except JournalError as error:
                self.problems[path] = str(error)
            else:
                self._states[path] = state
        return settings, [step.entry() for step in heapq.merge(*parts, key=lambda step: step.at)]

    def _paths(self) -> Iterator[Path]:
        for folder in self.folders:
            yield from sorted(folder.glob("*.journal")) if folder.is_dir() else (folder,)

    def _settings(self, path: Path) -> Iterable[PartySettings]:
        found = JournalFile(path).configuration()
        if found is None or found == self._configurations.get(path):
            return ()
        self._configurations[path] = found
        return found.each()

    def _steps(self, path: Path) -> list[StoredStep]:
        """What is new in a journal and in the files of its archive: those are looked for after it, so that what moves
        there meanwhile is found in both, not in neither."""
        known = self._configurations.get(path)
        if known is None:
            return []
        if self.only:
            wanted: tuple[str | None, ...] = tuple(name for name in known.names() if name in self.only)
        else:
            wanted = () if known.ders else (None,)
        before = self._last.get(path, 0)
        found: dict[int, StoredStep] = {}

        def take(file: Path) -> None:
            for actor in wanted:
                found.update((step.seq, step) for step in JournalFile(file).entries(actor, after=before))

        take(path)
        for file in _archive(path):
            if file not in self._states:
                take(file)
                self._states[file] = ()
        self._last[path] = max(found, default=before)
        return [found[number] for number in sorted(found)]


def _archive(path: Path) -> Iterator[Path]:
    return path.with_name(path.name + ".archive").glob("*.sqlite")


def _state(path: Path) -> tuple[object, ...]:
    """Changes when the journal is written."""
    found: list[object] = []
    for one in (path, path.with_name(path.name + "-wal")):
        try:
            stat = one.stat()
            found += [stat.st_ino, stat.st_size, stat.st_mtime_ns]
        except OSError:
            found.append(None)
    return tuple(found)
