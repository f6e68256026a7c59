"""Where entries come from: journals, their archives, recordings of steps; and which events are in them.

Entries of other events are not decoded: an event's id stands in the bytes of every entry that is about it.
"""

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

from agents.runtime.files.config import journal_folders
from agents.runtime.journal.export import settings_in
from agents.runtime.journal.file import journal_files
from agents.runtime.journal.journal import JournalError, StoredStep
from agents.settings.checked import ConfigError
from agents.settings.parties import PartySettings
from agents.tools.explain.evidence import Evidence, gather
from broker.recording_file import RecordingFile, Step
from protocol.actor import Entry, Received, Send
from protocol.entries import decode_effects, decode_input
from protocol.errors import RefusedMessage
from protocol.messages import Request

RECORDINGS = (".jsonl", ".jsonl.gz")
ALWAYS = (b'{"input":"resumed"', b'{"input":"refused"', b'{"input":"measured"')
"""Inputs that may matter to an event and do not name it."""
REJECT = b'"kind":"reject"'
REQUEST = b'"kind":"request"'


class JournalSources:
    """Journals and recordings, read together."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Directories, journals, recordings; none: where daemons keep their journals. Raises ConfigError,
        JournalError, RecordingError."""
        given = list(paths) or journal_folders()
        if not paths and len(given) > 1:
            raise ConfigError(
                f"--journals: several systems keep journals here: name one of {', '.join(map(str, given))}"
            )
        recordings = [path for path in given if path.name.endswith(RECORDINGS)]
        journals = [path for path in given if path not in recordings]
        self._journals = journal_files(journals) if journals else []
        self._recordings = [_recording(path) for path in recordings]
        self.settings = dict(self._settings())

    def events(self) -> dict[str, None]:
        """Every event's id, in the order of their first requests. Raises JournalError, RecordingError."""
        found: dict[str, None] = {}
        for stored in self.stored():
            if REQUEST in stored.input or REQUEST in stored.effects:
                found |= dict.fromkeys(request.event_id for request in _requests(_decoded(stored)))
        return found

    def evidence(self, event_id: str) -> Evidence:
        """All that is known of one event. Raises JournalError, RecordingError."""
        return gather(event_id, self._about(event_id), self.settings)

    def _about(self, event_id: str) -> Iterator[Entry]:
        wanted = f'"{event_id}"'.encode()
        for stored in self.stored():
            if (
                wanted in stored.input
                or wanted in stored.effects
                or stored.input.startswith(ALWAYS)
                or REJECT in stored.input
            ):
                yield _decoded(stored)

    def stored(self) -> Iterator[StoredStep]:
        """All entries in the order of their instants; the order within each file is kept."""
        sources = [journal.entries() for journal in self._journals]
        sources += [_steps(recording) for recording in self._recordings]
        return heapq.merge(*sources, key=lambda stored: stored.at)

    def _settings(self) -> Iterator[tuple[str, PartySettings]]:
        configurations = [found for journal in self._journals if (found := journal.configuration()) is not None]
        for recording in self._recordings:
            configurations += settings_in(recording)
        for one in configurations:
            yield from ((party.name, party) for party in one.each())


def _recording(path: Path) -> RecordingFile:
    recording = RecordingFile(path)
    if recording.header.source == "bus":
        raise ConfigError(f"{path}: is what a tap heard: it does not tell why anybody decided; name journals")
    return recording


def _steps(recording: RecordingFile) -> Iterator[StoredStep]:
    for line in recording.lines():
        if isinstance(line, Step):
            yield StoredStep(line.seq, line.at, line.actor, line.input, line.effects)


def _decoded(stored: StoredStep) -> Entry:
    try:
        return Entry(stored.at, stored.actor, decode_input(stored.input), decode_effects(stored.effects))
    except (RefusedMessage, LookupError, TypeError, ValueError) as error:
        raise JournalError(f"entry {stored.seq} of {stored.actor} is not of this gridpact: {error}") from None


def _requests(entry: Entry) -> Iterator[Request]:
    if isinstance(entry.input, Received) and isinstance(entry.input.message, Request):
        yield entry.input.message
    for effect in entry.effects:
        if isinstance(effect, Send) and isinstance(effect.message, Request):
            yield effect.message
