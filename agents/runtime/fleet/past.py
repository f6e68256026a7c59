"""What the journal of a fleet knows of its homes: taken again at a start, and stored, some homes after the others."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from agents.runtime.fleet.homes import Homes, Taken
from agents.runtime.fleet.keeping import FleetJournal, FleetPart
from agents.runtime.fleet.memory import fleet_memory, remember_fleet
from agents.runtime.journal.journal import JournalError
from agents.runtime.journal.rows import StoredStep, unreadable
from agents.runtime.journal.segments import BYTES_AN_ENTRY
from agents.runtime.past import OTHER_RULES, UNREADABLE
from broker.stepper import Diverged, is_durable, no_collection
from protocol.actor import Entry, Reanchored
from protocol.entries import decode_input
from protocol.errors import RefusedMessage
from protocol.remembered import UnknownState

FOLDED = 5_000
"""Entries that are taken again at once after a restart."""
PART = 500
"""Homes whose memory is written at once, while they go on."""


class FleetPast:
    """Of all homes of one process."""

    def __init__(self, homes: Homes, journal: FleetJournal | None) -> None:
        self.homes, self.journal = homes, journal
        self.last: tuple[int, datetime] | None = None
        """Number and instant of the last entry, where there is one that the stored state does not know."""
        self.half_way = True
        """Not all that the homes know stands in the journal: they begin, or one of them is being mended."""
        self._state_bytes = 0
        """Of what all homes knew when entries were moved out last."""

    def store(self, entries: Iterable[Entry]) -> Iterator[tuple[int, Entry]]:
        """Hand what belongs into the journal over to it; all entries with their numbers there (0: not kept)."""
        journal = self.journal
        for entry in entries:
            number = journal.append(entry) if journal is not None and is_durable(entry) else 0
            if number:
                self.last = number, entry.at
            yield number, entry

    def fold(self) -> datetime | None:
        """Begin with the stored state, and take all steps behind it again; the instant of the last one. Raises
        JournalError."""
        journal = self.journal
        if journal is None:
            return None
        journal.strangers(self.homes.settings)
        with no_collection(), self._told():
            known, last_at = self._remember(journal)
            first = min(known.values(), default=0) if len(known) == len(self.homes) else 0
            stored = (step for step in journal.everything(first) if step.seq > known.get(step.actor, 0))
            while some := list(islice(stored, FOLDED)):
                self.last = some[-1].seq, some[-1].at
                last_at = some[-1].at
                self.homes.fold(self._as_taken(some))
        return last_at

    async def restore(self, name: str, journal: FleetJournal) -> None:
        """A home that has fallen knows again what the journal knows of it. Raises JournalError."""
        await journal.all_durable()
        self.homes.reset(name)
        with self._told():
            known, _ = self._remember(journal, only=name)
            self.homes.fold(self._as_taken(journal.entries(name, known.get(name, 0))))

    def _remember(self, journal: FleetJournal, only: str | None = None) -> tuple[dict[str, int], datetime | None]:
        """Let the homes, or one of them, remember what is stored; the number of the last entry that each knows then, and
        the instant of the last one. Raises UnknownState, JournalError."""
        known: dict[str, int] = {}
        last_at: datetime | None = None
        for part in journal.parts(list(self.homes.settings)):
            if only is None or only in part.homes:
                at = remember_fleet(self.homes, part.body, only)
                known |= dict.fromkeys(part.homes, part.number)
                last_at = at if last_at is None else max(last_at, at)
        return known, last_at

    def keep(self) -> None:
        """Store what all homes know, so that the next start need not take all entries again: of a later version not at
        all. At a clean stop, when nothing runs any more."""
        journal = self.journal
        if journal is None or self.last is None or self.half_way:
            return
        number, at = self.last
        with no_collection():
            journal.keep_state(number, fleet_memory(self.homes, at))
        self.last = None

    async def move_out(self, journal: FleetJournal, enough: int) -> Path | None:
        """Of homes that never rest together, move out what is over once there is enough of it: what they know is written some
        homes after the others, and nothing waits for all of it."""
        if journal.since_moved < max(enough, self._state_bytes // BYTES_AN_ENTRY):
            return None
        names = list(self.homes.settings)
        places, parts = range(0, len(names), PART), list[FleetPart]()
        for place in places:
            if self.half_way or self.last is None:
                return None
            number, at = self.last
            some = names[place : place + PART]
            with no_collection():
                parts.append(FleetPart(some, number, fleet_memory(self.homes, at, frozenset(some))))
            await asyncio.sleep(0)
        self._state_bytes = sum(len(part.body) for part in parts)
        return await journal.move_out_parts(parts, places)

    def _as_taken(self, stored: Iterable[StoredStep]) -> Iterator[Taken]:
        """Steps of homes: that the clock was set back is none of theirs. Raises JournalError."""
        for one in stored:
            try:
                item = decode_input(one.input)
            except RefusedMessage:
                raise
            except (LookupError, ValueError, TypeError):
                path = None if self.journal is None else self.journal.path
                raise JournalError(f"{path}: {unreadable(one)}: {UNREADABLE}") from None
            if not isinstance(item, Reanchored):
                yield one.at, one.actor, item, one.effects

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What cannot be taken again, or remembered, is a JournalError."""
        try:
            yield
        except UnknownState as error:
            path = None if self.journal is None else self.journal.path
            text = f"{path}: another version of gridpact wrote what its homes knew at the last stop ({error}): run that version, or move the file away"
            raise JournalError(text) from None
        except (Diverged, RefusedMessage) as error:
            path = None if self.journal is None else self.journal.path
            text = f"{path}: cannot be taken again: {error}: {OTHER_RULES}"
            raise JournalError(text) from None
