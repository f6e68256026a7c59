"""The journal of a fleet: that of a daemon, whose parties are thousands of homes, read in one go."""

from collections.abc import Container, Iterator

from agents.runtime.journal.journal import Journal, JournalError, Mark, StoredStep
from agents.runtime.journal.rows import SELECT, in_order
from protocol.actor import Effect


class FleetJournal(Journal):
    """One file for all homes of a process."""

    def everything(self) -> Iterator[StoredStep]:
        """Entries of all homes, in the order in which they were written."""
        yield from in_order(self._reader.execute(f"{SELECT} ORDER BY first"))

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
