"""The journal of a fleet: that of a daemon, whose parties are thousands of homes, read in one go."""

from collections.abc import Container, Iterator
from datetime import datetime

from agents.journal import Journal, JournalError, Kept, Mark
from protocol.actor import Effect
from protocol.entries import decode_effects


class FleetJournal(Journal):
    """One file for all homes of a process."""

    def everything(self) -> Iterator[Kept]:
        """Entries of all homes, in the order in which they were written."""
        rows = self._reader.execute("SELECT seq, at, actor, input, effects FROM entry ORDER BY seq")
        for seq, at, name, item, effects in rows:
            yield Kept(seq, datetime.fromisoformat(at), name, item, effects)

    def not_left(self) -> list[tuple[str, Mark, Effect]]:
        """Effects of all homes that are not known to have left, oldest first."""
        rows = self._reader.execute(
            "SELECT o.actor, o.seq, o.place, e.effects FROM outbox o JOIN entry e USING (seq) "
            "WHERE o.state = 0 ORDER BY o.seq, o.place"
        )
        return [(actor, (seq, place), decode_effects(effects)[place]) for actor, seq, place, effects in rows]

    def strangers(self, names: Container[str]) -> None:
        """Raises JournalError when the file has entries of a home that is not among these names."""
        for (name,) in self._reader.execute("SELECT DISTINCT actor FROM entry"):
            if name not in names:
                raise JournalError(
                    f"{self.path}: has what {name} was told, which is no home of this fleet: add it, or move it away"
                )
