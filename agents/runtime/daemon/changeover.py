"""A start with other settings than the journal's: events that are under way end by the settings that they began with.
What a running party can take holds for the next ones at once, the rest as soon as everybody is at rest. A fold so never needs the file of yesterday.

The journal owns the book of contracts: what was changed by command since the file was read last stays as it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from agents.runtime.daemon.books import owners_while_running, taken_while_running, with_books_kept, with_books_of
from agents.runtime.daemon.served import ServedParty, served
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal, KeptSettings
from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError
from agents.settings.daemon import PartiesConfig
from agents.settings.members import twice_claimed
from broker.bus import Deliver, Post
from broker.clock import Clock
from protocol.actor import Actor, Reconfigured, Setpoint


class Start(NamedTuple):
    """By which settings a process goes on."""

    under: PartiesConfig
    waits: bool = False
    """Whether the given ones are not taken yet."""
    kept: tuple[str, ...] = ()
    """Members whose contract was changed by command and stands otherwise in the file now: the command counts."""
    taken: Mapping[str, Reconfigured] | None = None
    """What parties are told of the given ones as soon as they run; events under way keep what they began with."""


async def settings_to_run(path: Path, given: PartiesConfig, now: datetime) -> Start:
    """By which settings a process goes on: the given ones, once what the journal holds by others was moved into the
    archive, with the contracts that were changed by command; the journal's own while anything of theirs is under way, and
    what running parties can take of the given ones.
    Raises JournalError, LeaseTaken."""
    file, wanted = JournalFile(path), given.as_bytes()  # how devices are reached stands in neither
    body = file.configuration_body() if path.exists() else wanted
    read_before = file.file_body() if path.exists() else None
    if body == wanted and read_before is None:  # a large book is not read for nothing
        return Start(given)
    known = file.configuration()
    if known is None:  # written by an earlier version
        return Start(given)
    if read_before == wanted:  # of a crowd's settings only those that hold are read
        return Start(known)
    before = known if read_before is None else PartiesConfig.model_validate_json(read_before)
    if before.as_bytes() == wanted:
        return Start(given if read_before is None else known)
    parties = served(known)
    journal = Journal(path, configuration=known.as_bytes())
    journal.start()
    try:
        at_rest = _at_rest(journal, parties, now)
        ours = with_books_of(known, [party.actor for party in parties])
        under, kept = with_books_kept(given, before, ours)
        _check_books(under, path)
        if not at_rest:
            taken = taken_while_running(ours, under)
            if taken is not None:
                return Start(known, False, kept, taken)
            return Start(known, True, kept, owners_while_running([party.actor for party in parties], given) or None)
        await journal.archive(KeptSettings.of(under, given))
    finally:
        await journal.close()
    return Start(under, kept=kept)


def _check_books(settings: PartiesConfig, path: Path) -> None:
    """Whether a file and what was changed by command since go together. Raises ConfigError."""
    for one in (settings.coordinator, settings.aggregator):
        if one is not None and (text := twice_claimed(one.members)) is not None:
            raise ConfigError(f"{text}: one by the file, one by gridpact contract (in {path}): change one of them")


def _at_rest(journal: Journal, parties: Sequence[ServedParty], now: datetime) -> bool:
    """Whether every event of these parties is over and all that they said of it has left; they know what the journal
    knows."""
    rest = [_is_at_rest(journal, party, now) for party in parties]
    return all(rest)


def _is_at_rest(journal: Journal, party: ServedParty, now: datetime) -> bool:
    shell, _ = folded(journal, party, now)
    return has_left(journal, shell.actor, now) and shell.actor.at_rest(now)


def has_left(journal: Journal, actor: Actor, now: datetime) -> bool:
    """Whether all that a party said has left, as far as it is not over."""
    return all(isinstance(effect, Setpoint) and effect.until <= now for _, effect in journal.undone(actor.name))


def folded(journal: Journal, party: ServedParty, now: datetime) -> tuple[Shell, datetime | None]:
    """The shell of a party that knows what its journal knows, and is connected to nobody; the instant of its last entry.
    Raises JournalError."""
    shell = Shell(party.actor, NoBus(), Clock(now, now), party.drivers, journal=journal)
    return shell, shell.fold()


class NoBus:
    """Carries nothing: what is folded is not said."""

    async def run(self, deliver: Deliver) -> None:
        raise AssertionError("nothing is connected while a journal is looked at")

    async def publish(self, post: Post) -> None:
        raise AssertionError("nothing leaves while a journal is looked at")
