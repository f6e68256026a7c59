"""The journal of a fleet: that of a daemon, whose parties are thousands of homes, read in one go."""

import asyncio
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agents.runtime.fleet.memory import is_whole
from agents.runtime.journal.journal import Journal, JournalError, Mark, StoredStep
from agents.runtime.journal.rows import SELECT, in_order
from agents.runtime.journal.segments import PartyState
from agents.runtime.past import OTHER_RULES
from agents.runtime.snapshot import maker
from protocol.actor import Effect

ALL = "*"
"""In the place of a party's name, which no party can have; behind it stand the places of some homes (`*0+500`)."""


class FleetPart(NamedTuple):
    """What some homes knew after an entry of that number."""

    homes: Sequence[str]
    number: int
    body: bytes
    """A fleet's memory (agents/runtime/fleet/memory.py)."""


class FleetJournal(Journal):
    """One file for all homes of a process."""

    def everything(self, after: int = 0) -> Iterator[StoredStep]:
        """Entries of all homes behind a number, in the order in which they were written."""
        with self._file.readable():
            rows = self._reader.execute(f"{SELECT} WHERE last > ? ORDER BY first", (after,))
            yield from (step for step in in_order(rows) if step.seq > after)

    def parts(self, homes: Sequence[str]) -> list[FleetPart]:
        """What a clean stop has left of all homes under these settings, else what their entries begin with, part by part;
        empty where all entries are there. Raises JournalError where those begin in the middle and what was known before
        cannot be read."""
        made_for = maker(self.settings)
        found = self.snapshot(ALL, made_for) if self.has_snapshots else None
        if found is not None and is_whole(found[1]):
            return [FleetPart(homes, *found)]
        with self._file.readable():
            rows = self._reader.execute("SELECT actor, seq, maker, body FROM segment ORDER BY seq").fetchall()
        parts = [
            FleetPart(_at(homes, where), number, bytes(body))
            for where, number, by, body in rows
            if by == made_for and is_whole(body)
        ]
        if len(parts) < len(rows):
            raise JournalError(
                f"{self.path}: begins with what its homes knew before its first entry, of other settings or broken: start it "
                f"with the settings that it had, or {OTHER_RULES}"
            )
        return parts

    def move_out_parts(self, parts: Sequence[FleetPart], places: Sequence[int]) -> asyncio.Future[Path | None]:
        """As `move_out`, of all homes; `places`: where each part's homes begin among all of them."""
        made_for = maker(self.settings)
        states = [
            PartyState(f"{ALL}{place}+{len(part.homes)}", part.number, made_for, part.body)
            for part, place in zip(parts, places, strict=True)
        ]
        return self._moved_out(
            states, {name: self._over_until(name, part.number) for part in parts for name in part.homes}
        )

    def keep_state(self, number: int, body: bytes) -> None:
        """Keep what all homes know after the entry of that number, as `keep_snapshot`."""
        self.keep_snapshot(ALL, number, maker(self.settings), body)

    def not_left(self) -> Iterator[tuple[str, Mark, Effect]]:
        """Effects of all homes that are not known to have left, oldest first. Called once: they are expected to leave
        now."""
        return self._not_left(self.everything(), self._left_until())

    def strangers(self, names: Container[str]) -> None:
        """Raises JournalError when the file has entries of a home that is not among these names."""
        with self._file.readable():
            known = self._reader.execute("SELECT DISTINCT actor FROM steps").fetchall()
        for (name,) in known:
            if name not in names:
                raise JournalError(
                    f"{self.path}: has what {name} was told, which is no home of this fleet: add it, or move it away"
                )


def _at(homes: Sequence[str], where: str) -> Sequence[str]:
    """The homes at the places that a state is stored under."""
    first, _, count = where.removeprefix(ALL).partition("+")
    return homes[int(first) : int(first) + int(count)]
