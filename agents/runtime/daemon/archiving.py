"""The journal of a process, moved to the archive: as a whole when everybody is at rest, else what is over of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from agents.runtime.daemon.forgetting import edges_to_forget, go_on_to_forget
from agents.runtime.daemon.in_force import SettingsInForce
from agents.runtime.journal.files import drop_archives
from agents.runtime.journal.journal import Journal
from agents.runtime.journal.segments import BYTES_AN_ENTRY
from agents.runtime.memory import let_go
from agents.runtime.persons import register_of
from agents.runtime.shell import Shell
from agents.settings.daemon import JournalSettings

log = structlog.get_logger("gridpact")

ARCHIVE_PERIOD_S = 60.0
MOST_TIMES = 3
"""With so many times as many entries as are enough no quiet moment is waited for any more."""


def let_archives_go(journal: Path, settings: JournalSettings) -> None:
    """Take away what has lain in a journal's archive for longer than its settings say. Where the disk refuses that, it is
    told, and tried again."""
    if settings.archives_for_days is None:
        return
    try:
        drop_archives(journal, datetime.now(UTC) - timedelta(days=settings.archives_for_days))
    except OSError as error:
        log.warning("archives_stay", text=f"{journal}: what is older than archives_for_days stays: {error}")


class Archiving:
    """`taking` is clear while nothing may be taken of what is heard."""

    def __init__(
        self,
        settings: JournalSettings,
        journal: Journal,
        shells: Mapping[str, Shell],
        in_force: SettingsInForce,
        taking: asyncio.Event,
    ) -> None:
        self.settings, self.journal, self.shells = settings, journal, shells
        self.in_force, self.taking = in_force, taking
        self._state_bytes = 0
        """Of what all parties knew when entries were moved out last."""

    async def run(self) -> None:
        """Once a minute, until cancelled."""
        while True:
            await asyncio.sleep(ARCHIVE_PERIOD_S)
            path, moved = self.journal.path, await self.at_rest()
            if moved and register_of(path).exists():
                self.journal.forget_heard(await asyncio.to_thread(edges_to_forget, path))
                await asyncio.to_thread(go_on_to_forget, path)
            await asyncio.to_thread(let_archives_go, path, self.settings)

    async def at_rest(self, asked: bool = False) -> bool:
        """Move the journal when it is long, or when it is `asked` for, and everybody is at rest; whether it was moved.
        Nothing is taken until the ids of what was heard stand where the new actors' repeats are looked up."""
        shells = list(self.shells.values())
        long = asked or self.journal.length >= self.settings.archive_after
        if not all(shell.at_rest for shell in shells):
            return await self._move_out(shells)
        if self.in_force.waits:
            self.in_force.take_the_rest()
            return False
        if not long:
            return False
        moving = self.journal.archive(self.in_force.settled(shells))  # before anything of the new actors
        self.taking.clear()
        for shell in shells:
            shell.renew()
        let_go()
        for shell in shells:
            await shell.begin()
        log.info("journal_archived", file=str(await moving))
        self.taking.set()
        return True

    async def _move_out(self, shells: Sequence[Shell]) -> bool:
        """Of parties that never rest, move out what is over once there is enough of it; the more they know, the more of it
        has to be, because a file begins with all of that. Waits for a quiet moment, but not for ever. Whether something
        was moved."""
        enough = max(self.settings.archive_after, self._state_bytes // BYTES_AN_ENTRY)
        since = self.journal.since_moved
        ready = all(shell.is_quiet if since < enough * MOST_TIMES else shell.idle for shell in shells)
        if since < enough or not ready or not shells:
            return False
        states = [shell.state() for shell in shells]
        self._state_bytes = sum(len(state.body) for state in states)
        moved = await self.journal.move_out(states)
        if moved is not None:
            log.info("journal_archived", file=str(moved))
        return moved is not None
