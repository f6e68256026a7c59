"""One process: one actor (or many homes), each on a connection of its own; logs, signals, readiness, control socket.
SIGTERM and SIGINT end it cleanly (exit code 0)."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import structlog

from agents.runtime.address import address_of
from agents.runtime.clock_watch import change_in_words, clock_changes, jumped_from
from agents.runtime.credentials import renewals
from agents.runtime.daemon.alerts import Alerts
from agents.runtime.daemon.archiving import Archiving
from agents.runtime.daemon.connections import BrokerUnreachable, Connections
from agents.runtime.daemon.contracts import StoredBooks
from agents.runtime.daemon.control import ControlServer
from agents.runtime.daemon.in_force import SettingsInForce
from agents.runtime.daemon.logs import configure_logging, note_line, some_names
from agents.runtime.daemon.metrics import Metrics
from agents.runtime.daemon.notify import notify, watchdog_period_s
from agents.runtime.daemon.served import ServedParty
from agents.runtime.daemon.sockets import runtime_dir
from agents.runtime.exits import Exit
from agents.runtime.files.config import journal_path, journals_of_others
from agents.runtime.journal.journal import Journal, JournalError
from agents.runtime.journal.lease import LeaseTaken
from agents.runtime.loop import run_loop
from agents.runtime.memory import give_back
from agents.runtime.quarantines import Quarantines
from agents.runtime.senders import Senders, is_child
from agents.runtime.shell import Shell
from agents.settings.daemon import DaemonConfig
from broker.bus import Arrival
from broker.clock import STEP_S, Clock
from broker.credentials import CredentialsError
from broker.faults import first_error
from broker.link import LinkDenied
from broker.mqtt import LibraryUnfit, SessionTaken
from protocol.actor import Actor, Note, Reanchored
from protocol.codec import to_json

log = structlog.get_logger("gridpact")

GIVE_BACK_AFTER = 1_000
"""Entries."""


def process_name(config: DaemonConfig) -> str:
    """Of the process: its party's name, where it is not said otherwise."""
    return config.control.name or config.parties().names()[0]


def run_daemon(config: DaemonConfig) -> int:
    """Run until a signal ends it; the exit code. It begins anew where new settings have waited for the end of an event."""
    configure_logging(sys.stdout.isatty(), process_name(config))
    try:
        while (code := run_loop(Daemon(config).run())) is None:
            pass
        return code
    except CredentialsError as error:
        log.error("credentials_unusable", text=str(error))
        return Exit.USAGE
    except (BrokerUnreachable, LinkDenied, SessionTaken) as error:
        event = "session_taken" if isinstance(error, SessionTaken) else "broker_unreachable"
        log.error(event, text=str(error))
        return Exit.BROKER
    except (JournalError, LeaseTaken) as error:
        log.error("journal_unusable", text=str(error))
        return Exit.JOURNAL
    except LibraryUnfit as error:
        log.error("library_unfit", text=str(error))
        return Exit.USAGE


class Daemon:
    """All of one process."""

    def __init__(self, config: DaemonConfig) -> None:
        self.config = config
        self.name = process_name(config)
        self.in_force = SettingsInForce(config)
        self.connections = Connections(config, self._now)
        self.shells: dict[str, Shell] = {}
        self.clock: Clock | None = None
        self._gate = asyncio.Event()
        self.taking = asyncio.Event()
        """Set while the parties take what is heard."""
        self._given_back = 0, 0
        """Length of the journal, and snapshots, when memory was last given back."""
        path = (config.control.dir or runtime_dir()) / f"{self.name}.sock"
        self.control = ControlServer(path, self.shells, self._start, lambda: self.alerts.active)

    async def run(self) -> int | None:
        """Until SIGTERM or SIGINT; None when it has to begin anew, with the settings that were given. Raises
        BrokerUnreachable, LinkDenied, LibraryUnfit, SessionTaken, ConfigError, JournalError, LeaseTaken, and what an
        actor raises."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        for other in journals_of_others(self.config, self.name):
            text = f"a new journal is begun; there is {other}: if it is this one's, name it as [journal] path"
            log.warning("journal_begins", text=text)
        path, in_force, buses = journal_path(self.config, self.name), self.in_force, self.connections.buses
        await in_force.settle(path)
        self.journal = Journal(path, configuration=in_force.under.as_bytes())
        self.journal.start()
        self.archiving = Archiving(self.config.journal, self.journal, self.shells, in_force, self.taking)
        self.control.books.keeps(StoredBooks(self.journal, partial(self.archiving.at_rest, asked=True)))
        give_back()  # reading a book takes more than the book
        self.alerts = Alerts(self.shells, buses, self.journal)
        self.metrics = Metrics(self.shells, buses, self.journal, self.alerts)
        try:
            await self._until(stop)
        finally:
            self.metrics.close()
            await self.journal.close()
        return None if in_force.anew.is_set() and not stop.is_set() else Exit.OK

    async def _until(self, stop: asyncio.Event) -> None:
        if self.config.metrics.port is not None:  # before anything is said to be ready
            self.metrics.serve(self.config.metrics.host, self.config.metrics.port)
        serving = asyncio.create_task(self._serve())
        ending = [asyncio.create_task(event.wait()) for event in (stop, self.in_force.anew)]
        await asyncio.wait((serving, *ending), return_when=asyncio.FIRST_COMPLETED)
        notify("RELOADING=1" if self.in_force.anew.is_set() else "STOPPING=1")
        for task in (*ending, serving):
            task.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            for shell in self.shells.values():
                shell.keep_snapshot()
            log.info("stopped", parties=len(self.in_force.parties))
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    async def _serve(self) -> None:
        connections, parties, served = self.connections, self.in_force.parties, self.config.metrics
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.control.run())
            connections.open(parties)
            renewing = renewals(connections.buses.values())
            for name, bus in connections.buses.items():
                tasks.create_task(bus.run(partial(self._deliver, name)))
            await connections.all_connected(parties)
            if not self.config.clock.wait:
                self._know(await self._running_clock())
            notify("READY=1")
            for renewal in renewing:
                tasks.create_task(renewal.run())
            log.info("ready", parties=len(parties), broker=address_of(self.config.broker).where)
            if simulated := [name for party in parties for name in party.drivers]:
                log.warning("devices_simulated", devices=len(simulated), text=_simulated_in_words(simulated))
            if (period_s := watchdog_period_s()) is not None:
                tasks.create_task(_feed_watchdog(period_s))
            clock = await self._running_clock()
            self._know(clock)
            for shell in self.shells.values():
                tasks.create_task(shell.run())
            await self.in_force.take(self.shells, self.journal)
            self.taking.set()
            if served.port is not None:
                log.info("metrics_served", url=f"http://{served.host}:{served.port}/metrics")
            tasks.create_task(self.alerts.run(self._look))
            tasks.create_task(self.archiving.run())
            tasks.create_task(self._mind_the_clock(clock))

    def _know(self, clock: Clock) -> None:
        """Let all parties know what the journal knows: who is ready does. Raises JournalError."""
        for party in self.in_force.parties if not self.shells else ():
            self.shells[party.actor.name] = self._shell(party, clock)
        for shell in self.shells.values():
            shell.fold()

    def _shell(self, party: ServedParty, clock: Clock) -> Shell:
        name, build = party.actor.name, partial(_built, party)
        way_out = self.connections.way_out(name, clock)
        shell = Shell(
            party.actor, way_out, clock, party.drivers, self._tell, self.journal, build, party.feeds, party.remote
        )
        shell.intake.verifier = self.connections.verifier
        if self.config.broker.progress:
            shell.recount()
        if party.actor.is_parent():
            kept = Quarantines(self.journal.path, name)
            shell.intake.senders = Senders(name, partial(_has_child, shell), clock.speed, kept=kept)
        return shell

    def _look(self) -> None:
        """Every two seconds: the figures; and, when much has been heard or a snapshot made, the memory that it took."""
        self.metrics.look()
        length, snapshots = self.journal.length, self.journal.figures.snapshots
        much = abs(length - self._given_back[0]) > GIVE_BACK_AFTER or snapshots != self._given_back[1]
        if much:  # also while a crowd is heard: what is free then makes the peak
            self._given_back = length, snapshots
            give_back()

    async def _mind_the_clock(self, clock: Clock) -> None:
        """Follow the machine's clock where it is set, and say so. Backwards it goes when every journal has it."""
        async for change in clock_changes(clock):
            self.alerts.happened("clock_set", change_in_words(change))
            shells = list(self.shells.values())
            if clock.ahead_s >= STEP_S:
                back = Reanchored(clock.running())
                await asyncio.gather(*(shell.give(back) for shell in shells))
                clock.step_back()
            for shell in shells:
                await shell.clock_was_set(jumped_from(change, clock))

    async def _deliver(self, name: str, arrivals: Sequence[Arrival]) -> None:
        await self.taking.wait()
        await self.shells[name].deliver(arrivals)

    def _now(self) -> datetime:
        return self.clock.now() if self.clock is not None else datetime.now(UTC)

    async def _running_clock(self) -> Clock:
        given = self.config.clock
        if not given.wait and self.clock is None:
            self.clock = Clock(given.origin_at, given.anchor_at, given.speed)
            self._gate.set()
        await self._gate.wait()
        assert self.clock is not None
        return self.clock

    def _start(self, anchor_at: datetime) -> None:
        if self.clock is None:
            given = self.config.clock
            self.clock = Clock(given.origin_at, anchor_at, given.speed)
            self._gate.set()

    def _tell(self, at: datetime, who: str, note: Note) -> None:
        self.metrics.tell(at, who, note)
        self.alerts.note(who, note)
        line = note_line(at, who, note)
        self.control.tell(to_json(line) + b"\n")
        log.info(**line)


def _has_child(shell: Shell, name: str) -> bool:
    return is_child(shell.actor, name)


def _built(party: ServedParty) -> Actor:
    return party.build()


def _simulated_in_words(names: Sequence[str]) -> str:
    return f"no real device is driven for {some_names(names)}: the physics of their kinds answer (docs/drivers.md)"


async def _feed_watchdog(period_s: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(period_s)
