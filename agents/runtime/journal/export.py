"""Journals as one recording of steps, and back: to carry them elsewhere, to replay them, to keep them as tests."""

import heapq
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson

from agents.runtime.journal.file import JournalFile, write_journal
from agents.settings.checked import ConfigError, known
from agents.settings.daemon import PartiesConfig
from broker.recording_file import Header, RecordingError, RecordingFile, Step
from protocol.actor import Entry
from protocol.entries import decode_effects, decode_input


def steps(journals: Iterable[JournalFile]) -> Iterator[Step]:
    """All entries in the order of their instants; the order within each journal is kept. Raises JournalError."""
    return heapq.merge(*(journal.steps() for journal in journals), key=lambda step: step.at)


def settings_in(recording: RecordingFile) -> list[PartiesConfig]:
    """The settings in a recording's header. Raises ConfigError."""
    where = f"{recording.path}: settings"
    return [known(PartiesConfig, given, where) for given in recording.header.configurations]


def header(journals: Iterable[JournalFile], software: str) -> Header:
    """The header of such a recording. Raises ConfigError for two journals of one party, which are two lives of it (one
    is out of the archive), and JournalError."""
    journals = list(journals)
    configurations: list[PartiesConfig] = []
    whose: dict[str, Path] = {}
    for journal in journals:
        found = journal.settings()
        configurations.append(found)
        for name in found.names():
            if name in whose:
                raise ConfigError(f"{journal.path} and {whose[name]} are both of {name}: export them one by one")
            whose[name] = journal.path
    first = next(steps(journals), None)
    started_at = first.at if first is not None else datetime.fromtimestamp(os.stat(journals[0].path).st_mtime, UTC)
    return Header("journal", software, started_at, tuple(orjson.loads(one.as_bytes()) for one in configurations))


async def import_journals(recording: RecordingFile, folder: Path) -> list[Path]:
    """Write the journals of a recording of steps again, one a process. Raises ConfigError, JournalError,
    RecordingError."""
    if recording.header.source == "bus":
        raise ConfigError(f"{recording.path}: is what a tap heard: it has no steps of the parties")
    configurations = settings_in(recording)
    owner = {name: number for number, one in enumerate(configurations) for name in one.names()}
    entries: list[list[Entry]] = [[] for _ in configurations]
    for line in recording.lines():
        if isinstance(line, Step):
            if line.actor not in owner:
                raise RecordingError(f"{recording.path}: has steps of {line.actor}, but not its settings")
            entry = Entry(line.at, line.actor, decode_input(line.input), decode_effects(line.effects))
            entries[owner[line.actor]].append(entry)
    written: list[Path] = []
    for configuration, own in zip(configurations, entries, strict=True):
        path = folder / f"{_name(configuration, written)}.journal"
        await write_journal(path, own, configuration)
        written.append(path)
    return written


def _name(configuration: PartiesConfig, written: list[Path]) -> str:
    if not configuration.ders:
        return configuration.names()[0]
    before = sum(path.stem.startswith("homes") for path in written)
    return f"homes-{before + 1}" if before else "homes"
