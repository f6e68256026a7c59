"""What can be replayed: a recording's file, a journal, or a directory of journals.

Steps come in groups. Within one group every party began with an empty memory, or with what stands at the beginning of a
segment, and each of its steps follows the one before; a journal out of an archive is a group of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.runtime.journal.export import settings_in, steps
from agents.runtime.journal.file import journal_files
from agents.settings.checked import ConfigError
from agents.settings.daemon import PartiesConfig
from agents.tools.replay.cast import Cast
from broker.recording_file import RecordedMessage, RecordingFile, Step

SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that can be taken again together."""

    label: str
    """The file, for a person."""
    steps: Iterable[Step]
    begins: Mapping[str, bytes] = field(default_factory=dict)
    """What parties knew before their first step, as snapshots."""


class RecordingSource:
    """A recording or journals."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError, JournalError, RecordingError."""
        self.path = path
        self._journals = journal_files([path]) if _has_journals(path) else []
        self._recording = None if self._journals else RecordingFile(path)
        self.configurations = tuple(self._configurations())
        self.cast = Cast.of(self.configurations)

    @property
    def name(self) -> str:
        """Of the file or directory, without its endings."""
        return self.path.resolve().name.split(".")[0]

    @property
    def from_bus(self) -> bool:
        """Whether it is what a tap heard: messages, and no steps of the parties."""
        return self._recording is not None and self._recording.header.source == "bus"

    @property
    def cut(self) -> str | None:
        """Where the file was cut off; known once it has been read to its end."""
        return None if self._recording is None else self._recording.cut

    def groups(self) -> Iterator[Group]:
        """Steps to be taken again. Raises JournalError, RecordingError."""
        for journal in self._journals:
            yield Group(journal.path.name, journal.steps(), journal.begins_with())
        if self._recording is not None:
            yield Group(self.path.name, (line for line in self.lines() if isinstance(line, Step)))

    def lines(self) -> Iterator[RecordedMessage | Step]:
        """Everything, in the file's order; of several journals in the order of the instants. Raises JournalError,
        RecordingError."""
        yield from steps(self._journals) if self._recording is None else self._recording.lines()

    def _configurations(self) -> Iterator[PartiesConfig]:
        yield from (journal.settings() for journal in self._journals)
        if self._recording is not None:
            yield from settings_in(self._recording)


def _has_journals(path: Path) -> bool:
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
