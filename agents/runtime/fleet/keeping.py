"""The journal of a fleet: that of a daemon, whose parties are thousands of homes, read in one go."""

from collections.abc import Container, Iterator

from agents.runtime.journal.journal import Journal, JournalError, Mark, StoredStep
from agents.runtime.journal.rows import SELECT, in_order
from agents.runtime.snapshot import maker
from protocol.actor import Effect

ALL = "*"
"""In the place of a party's name, which no party can have."""


class FleetJournal(Journal):
    """One file for all homes of a process."""

    def everything(self, after: int = 0) -> Iterator[StoredStep]:
        """Entries of all homes behind a number, in the order in which they were written."""
        rows = self._reader.execute(f"{SELECT} WHERE last > ? ORDER BY first", (after,))
        yield from (step for step in in_order(rows) if step.seq > after)

    def state(self) -> tuple[int, bytes] | None:
        """What a clean stop has left, under these settings: the number of its last entry, and a fleet's memory."""
        return self.snapshot(ALL, maker(self.settings)) if self.has_snapshots else None

    def keep_state(self, number: int, body: bytes) -> None:
        """Keep what all homes know after the entry of that number, as `keep_snapshot`."""
        self.keep_snapshot(ALL, number, maker(self.settings), body)

    def not_left(self) -> Iterator[tuple[str, Mark, Effect]]:
        """Effects of all homes that are not known to have left, oldest first. Called once: they are expected to leave
        now."""
        return self._not_left(self.everything(), self._left_until())

    def strangers(self, names: Container[str]) -> None:
        """Raises JournalError when the file has entries of a home that is not among these names."""
        for (name,) in self._reader.execute("SELECT DISTINCT actor FROM steps"):
            if name not in names:
                raise JournalError(
                    f"{self.path}: has what {name} was told, which is no home of this fleet: add it, or move it away"
                )
