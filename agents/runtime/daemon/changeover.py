"""A start with other settings than the journal's: events that are under way end by the settings that they began with,
and the new ones are taken as soon as everybody is at rest. A fold so never needs the file of yesterday."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from agents.runtime.daemon.served import ServedParty, served
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from broker.bus import Deliver, Post
from broker.clock import Clock
from protocol.actor import Setpoint


async def settings_to_run(path: Path, given: PartiesConfig, now: datetime) -> PartiesConfig:
    """By which settings a process goes on: the given ones, once what the journal holds by others was moved into the
    archive; the journal's own while anything of theirs is under way. Raises JournalError, LeaseTaken."""
    file, wanted = JournalFile(path), given.as_bytes()  # how devices are reached stands in neither
    if not path.exists() or file.configuration_body() == wanted:  # a large book is not read for nothing
        return given
    known = file.configuration()
    if known is None or known.as_bytes() == wanted:  # written by an earlier version
        return given
    parties = served(known)
    journal = Journal(path, configuration=known.as_bytes())
    journal.start()
    try:
        if not _at_rest(journal, parties, now):
            return known
        await journal.archive()
    finally:
        await journal.close()
    return given


def _at_rest(journal: Journal, parties: Sequence[ServedParty], now: datetime) -> bool:
    """Whether every event of these parties is over and all that they said of it has left."""
    for party in parties:
        shell = Shell(party.actor, NoBus(), Clock(now, now), party.drivers, journal=journal)
        shell.fold()
        left = all(
            isinstance(effect, Setpoint) and effect.until <= now for _, effect in journal.undone(shell.actor.name)
        )
        if not left or not shell.actor.at_rest(now):
            return False
    return True


class NoBus:
    """Carries nothing: what is folded is not said."""

    async def run(self, deliver: Deliver) -> None:
        raise AssertionError("nothing is connected while a journal is looked at")

    async def publish(self, post: Post) -> None:
        raise AssertionError("nothing leaves while a journal is looked at")
