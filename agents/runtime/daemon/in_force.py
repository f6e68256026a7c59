"""The settings by which the parties of a process decide: the journal's own while something of theirs is under way, then
those that were given."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import structlog

from agents.drivers.registry import Drivers
from agents.runtime.build import build_actor
from agents.runtime.daemon.books import with_books_of
from agents.runtime.daemon.changeover import settings_to_run
from agents.runtime.daemon.logs import some_names
from agents.runtime.daemon.served import by_owners_plans, served
from agents.runtime.journal.journal import Journal, KeptSettings
from agents.runtime.shell import Shell
from agents.settings.daemon import DaemonConfig
from broker.clock import Clock
from protocol.actor import Reconfigured

log = structlog.get_logger("gridpact")


class SettingsInForce:
    """Of one process, and its parties by them."""

    def __init__(self, config: DaemonConfig) -> None:
        self.config = config
        self.under = config.parties()
        self.waits = False
        """Whether the given settings are not taken yet."""
        self.anew = asyncio.Event()
        """Set when the process has to begin anew, with the given ones."""
        self._taken: Mapping[str, Reconfigured] | None = None
        """What of them is taken as soon as the parties run."""
        self._drivers = Drivers(self.under.each(), config.folder, "drivers")
        self.parties = served(self.under, self._drivers)

    async def settle(self, path: Path) -> None:
        """Find out by which settings to go on, and say so where they are not the given ones. Raises JournalError,
        LeaseTaken, ConfigError."""
        given, clock = self.config.parties(), self.config.clock
        now = Clock(clock.origin_at, clock.anchor_at, clock.speed).now()  # before anything runs
        self.under, self.waits, kept, self._taken = await settings_to_run(path, given, now)
        if self.under is not given:
            self.parties = served(self.under, self._drivers)
            by_owners_plans(self.parties, self.under, given)
        if kept:
            text = (
                f"the book of {path} counts for {some_names(kept)}: changed by gridpact contract, and otherwise in the "
                "file"
            )
            log.warning("contracts_kept", members=len(kept), text=text)
        if self.waits:
            log.warning(
                "settings_wait",
                text="the settings have changed while an event is under way: it ends by those that it began with, and the "
                "new ones are taken when everybody is at rest; what owners plan and agree to holds at once",
            )

    async def take(self, shells: Mapping[str, Shell], journal: Journal) -> None:
        """What running parties can take of the given settings holds from now on for what begins."""
        if self._taken is None:
            return
        for name, item in self._taken.items():
            await shells[name].give(item)
        if self.waits:  # these are what owners agree to; all else is still to be taken
            return
        await journal.keep_file(self.config.parties().as_bytes())
        log.info("settings_taken", text="the new settings hold for events that begin from now on")

    def take_the_rest(self) -> None:
        """Everybody is at rest: the process begins anew."""
        log.info("settings_taken", text="everybody is at rest: the new settings are taken")
        self.anew.set()

    def settled(self, shells: Iterable[Shell]) -> KeptSettings | None:
        """The settings with the books of today, where they were changed: the parties begin anew by them."""
        under = with_books_of(self.under, [shell.actor for shell in shells])
        if under is self.under:
            return None
        self.under = under
        for party, settings in zip(self.parties, under.each(), strict=True):
            party.build = partial(build_actor, settings)
        return KeptSettings.of(under, self.config.parties())
