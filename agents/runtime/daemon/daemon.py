"""One process: one actor (or many homes), each on a connection of its own; logs, signals, readiness, control socket.

Logs are JSON lines on stdout, and coloured lines on a terminal. SIGTERM and SIGINT end it cleanly (exit code 0).
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import structlog
import uvloop

from agents.drivers.registry import Drivers
from agents.runtime.address import address_of
from agents.runtime.behaviour import intercept
from agents.runtime.build import build_actor
from agents.runtime.credentials import renewals
from agents.runtime.daemon.alerts import Alerts
from agents.runtime.daemon.books import with_books_of
from agents.runtime.daemon.changeover import settings_to_run
from agents.runtime.daemon.contracts import StoredBooks
from agents.runtime.daemon.control import ControlServer, note_line, runtime_dir
from agents.runtime.daemon.forgetting import edges_to_forget, go_on_to_forget
from agents.runtime.daemon.in_words import InWords
from agents.runtime.daemon.metrics import Metrics
from agents.runtime.daemon.notify import notify, watchdog_period_s
from agents.runtime.daemon.served import ServedParty, served
from agents.runtime.exits import Exit
from agents.runtime.files.config import journal_path, journals_of_others
from agents.runtime.intercepted import InterceptedBus
from agents.runtime.journal.files import drop_archives
from agents.runtime.journal.journal import Journal, JournalError, KeptSettings
from agents.runtime.journal.lease import LeaseTaken
from agents.runtime.memory import give_back, let_go
from agents.runtime.persons import register_of
from agents.runtime.senders import Senders, is_child
from agents.runtime.shell import Shell
from agents.runtime.software import software
from agents.settings.behaviour import Behaviour
from agents.settings.daemon import DaemonConfig
from broker.bus import Arrival, Bus, Post
from broker.clock import STEP_S, Clock, ClockChange
from broker.credentials import CredentialsError
from broker.faults import first_error
from broker.link import LinkDenied
from broker.mqtt import LibraryUnfit, MqttBus, SessionTaken
from broker.names import WITHOUT_PARENT
from protocol.actor import Actor, Note, Reanchored, Reconfigured
from protocol.codec import encode, to_json
from protocol.edges import Edge, subscriptions, topic
from protocol.messages import Presence

if TYPE_CHECKING:
    from agents.runtime.signing import Signer, Verifier

log = structlog.get_logger("gridpact")

T = TypeVar("T")

ARCHIVE_PERIOD_S = 60.0
CLOCK_PERIOD_S = 1.0
COLLECT = (500_000, 20, 100)
"""How seldom Python looks for cycles: what a party knows of an event lives as long as the event, and there are few
cycles; at its own pace it searched the memory of a crowd again and again, a tenth of the processor time."""
MOST_NAMED = 5
"""Names in a line of the log."""
BYTES_AN_ENTRY = 200
"""A file of the archive that is begun with so many bytes for each entry in it takes twice as much as the entries."""
MOST_TIMES = 3
"""With so many times as many entries as are enough no quiet moment is waited for any more."""
GIVE_BACK_AFTER = 1_000
"""Entries."""


class BrokerUnreachable(RuntimeError):
    """The broker was not reached in time after the start."""


def process_name(config: DaemonConfig) -> str:
    """Of the process: its party's name, where it is not said otherwise."""
    return config.control.name or config.parties().names()[0]


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a process that hears a crowd to its end."""
    gc.set_threshold(*COLLECT)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


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
        self.under = config.parties()
        """The settings by which the parties decide: the journal's own while something of theirs is under way."""
        self._waits = False
        """Whether the given settings are not taken yet."""
        self._taken: Mapping[str, Reconfigured] | None = None
        """What of them is taken as soon as the parties run."""
        self.drivers = Drivers(self.under.each(), config.folder, "drivers")
        self.parties = served(self.under, self.drivers)
        self.shells: dict[str, Shell] = {}
        self.clock: Clock | None = None
        self._gate, self._taking, self._anew = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.buses: dict[str, MqttBus] = {}
        self._instance = uuid4().hex
        self._signer, self._verifier = _signatures(config)
        self._state_bytes = 0
        """Of what all parties knew when entries were moved out last."""
        self._given_back = 0, 0
        """Length of the journal, and snapshots, when memory was last given back."""
        self.name = process_name(config)
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
        await self._settle(journal_path(self.config, self.name))
        self.journal = Journal(journal_path(self.config, self.name), configuration=self.under.as_bytes())
        self.journal.start()
        self.control.books.keeps(StoredBooks(self.journal, partial(self.archive_at_rest, asked=True)))
        give_back()  # reading a book takes more than the book
        self.alerts = Alerts(self.shells, self.buses, self.journal)
        self.metrics = Metrics(self.shells, self.buses, self.journal, self.alerts)
        try:
            await self._until(stop)
        finally:
            self.metrics.close()
            await self.journal.close()
        return None if self._anew.is_set() and not stop.is_set() else Exit.OK

    async def _settle(self, path: Path) -> None:
        """Find out by which settings to go on, and say so where they are not the given ones."""
        given = self.config.parties()
        self.under, self._waits, kept, self._taken = await settings_to_run(path, given, self._now())
        if self.under is not given:
            self.parties = served(self.under, self.drivers)
        if kept:
            text = (
                f"the book of {path} counts for {_named(kept)}: changed by gridpact contract, and otherwise in the file"
            )
            log.warning("contracts_kept", members=len(kept), text=text)
        if self._waits:
            log.warning(
                "settings_wait",
                text="the settings have changed while an event is under way: it ends by those that it began with, and the "
                "new ones are taken when everybody is at rest",
            )

    def _now(self) -> datetime:
        """The parties' time, before anything runs."""
        given = self.config.clock
        return Clock(given.origin_at, given.anchor_at, given.speed).now()

    async def _until(self, stop: asyncio.Event) -> None:
        if self.config.metrics.port is not None:  # before anything is said to be ready
            self.metrics.serve(self.config.metrics.host, self.config.metrics.port)
        serving = asyncio.create_task(self._serve())
        ending = [asyncio.create_task(event.wait()) for event in (stop, self._anew)]
        await asyncio.wait((serving, *ending), return_when=asyncio.FIRST_COMPLETED)
        notify("RELOADING=1" if self._anew.is_set() else "STOPPING=1")
        for task in (*ending, serving):
            task.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            for shell in self.shells.values():
                shell.keep_snapshot()
            log.info("stopped", parties=len(self.parties))
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.control.run())
            self.buses.update({party.actor.name: self._bus(party) for party in self.parties})
            self.buses[self.parties[0].actor.name].watch_broker = True
            renewing = renewals(self.buses.values())
            for name, bus in self.buses.items():
                tasks.create_task(bus.run(partial(self._deliver, name)))
            await self._all_connected()
            notify("READY=1")
            for renewal in renewing:
                tasks.create_task(renewal.run())
            log.info("ready", parties=len(self.parties), broker=address_of(self.config.broker).where)
            if simulated := [name for party in self.parties for name in party.drivers]:
                log.warning("devices_simulated", devices=len(simulated), text=_simulated_in_words(simulated))
            if (period_s := watchdog_period_s()) is not None:
                tasks.create_task(_feed_watchdog(period_s))
            clock = await self._running_clock()
            for party in self.parties:
                way_out = self._behaving(self.buses[party.actor.name], party, clock)
                shell = Shell(
                    party.actor,
                    way_out,
                    clock,
                    party.drivers,
                    self._tell,
                    self.journal,
                    partial(_built, party),
                    party.feeds,
                    party.remote,
                )
                shell.verifier = self._verifier
                if self.config.broker.progress:
                    shell.recount()
                if party.actor.is_parent():
                    known = partial(_has_child, shell)
                    shell.senders = Senders(party.actor.name, known, clock.speed)
                self.shells[party.actor.name] = shell
                tasks.create_task(shell.run())
            if self._taken is not None:
                await self._reconfigure(self._taken)
            self._taking.set()
            served = self.config.metrics
            if served.port is not None:
                log.info("metrics_served", url=f"http://{served.host}:{served.port}/metrics")
            tasks.create_task(self.alerts.run(self._look))
            tasks.create_task(self._archive())
            tasks.create_task(self._mind_the_clock(clock))

    async def _reconfigure(self, taken: Mapping[str, Reconfigured]) -> None:
        """The given settings hold from now on for what begins."""
        for name, item in taken.items():
            await self.shells[name].give(item)
        self.journal.keep_file(self.config.parties().as_bytes())
        log.info("settings_taken", text="the new settings hold for events that begin from now on")

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
        while True:
            await asyncio.sleep(CLOCK_PERIOD_S)
            change = clock.look()
            if change is None:
                continue
            self.alerts.happened("clock_set", _in_words(change))
            shells = list(self.shells.values())
            if clock.ahead_s >= STEP_S:
                back = Reanchored(clock.running())
                await asyncio.gather(*(shell.give(back) for shell in shells))
                clock.step_back()
            for shell in shells:
                await shell.clock_was_set(jumped_from(change, clock))

    async def _archive(self) -> None:
        """Move the journal to the archive when it is long and everybody is at rest."""
        while True:
            await asyncio.sleep(ARCHIVE_PERIOD_S)
            moved = await self.archive_at_rest()
            if moved and register_of(self.journal.path).exists():
                self.journal.forget_heard(await asyncio.to_thread(edges_to_forget, self.journal.path))
                await asyncio.to_thread(go_on_to_forget, self.journal.path)
            if (days := self.config.journal.archives_for_days) is not None:
                await asyncio.to_thread(drop_archives, self.journal.path, datetime.now(UTC) - timedelta(days=days))

    async def archive_at_rest(self, asked: bool = False) -> bool:
        """The same, once, however long it is where it is `asked` for; whether it was moved. Nothing is taken until the ids
        of what was heard stand where the new actors' repeats are looked up."""
        journal, shells = self.journal, list(self.shells.values())
        long = asked or journal.length >= self.config.journal.archive_after
        if not all(shell.at_rest for shell in shells):
            return await self._move_out(shells)
        if not (long or self._waits):
            return False
        if self._waits:
            log.info("settings_taken", text="everybody is at rest: the new settings are taken")
            self._anew.set()
            return False
        moving = journal.archive(self._settled())  # stands in the writer's queue now, before anything of the new actors
        self._taking.clear()
        for shell in shells:
            shell.renew()
        let_go()
        for shell in shells:
            await shell.begin()
        log.info("journal_archived", file=str(await moving))
        self._taking.set()
        return True

    def _settled(self) -> KeptSettings | None:
        """The settings with the books of today, where they were changed: the parties begin anew by them."""
        under = with_books_of(self.under, [shell.actor for shell in self.shells.values()])
        if under is self.under:
            return None
        self.under = under
        for party, settings in zip(self.parties, under.each(), strict=True):
            party.build = partial(build_actor, settings)
        return KeptSettings.of(under, self.config.parties())

    async def _move_out(self, shells: Sequence[Shell]) -> bool:
        """Of parties that never rest, move out what is over once there is enough of it; the more they know, the more of it
        has to be, because a file begins with all of that. Waits for a quiet moment, but not for ever. Whether something
        was moved."""
        enough = max(self.config.journal.archive_after, self._state_bytes // BYTES_AN_ENTRY)
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

    def _bus(self, party: ServedParty) -> MqttBus:
        actor = party.actor
        filters = subscriptions(actor.name, as_parent=actor.is_parent(), as_child=bool(actor.parents()))

        def on_connected(connected: bool) -> None:
            if connected:
                party.connected.set()

        address = address_of(self.config.broker)
        presence = partial(self._presence, actor)
        return MqttBus(address, actor.name, filters, presence, on_connected, self._instance, crowd=actor.is_parent())

    def _behaving(self, bus: Bus, party: ServedParty, clock: Clock) -> Bus:
        name = party.actor.name
        changed = intercept(self.config.behaviours.get(name, Behaviour.NORMAL))
        out = bus if changed is None else InterceptedBus(bus, name, clock, changed)
        return out if self._signer is None else self._signer.before(out)

    def _presence(self, actor: Actor, online: bool) -> Sequence[Post]:
        now = self.clock.now() if self.clock is not None else datetime.now(UTC)
        word = "online" if online else "offline"
        message = Presence(
            message_id=f"{actor.name}.presence.{self._instance}.{word}", sent_at=now, online=online, software=software()
        )
        topics = [topic("presence", Edge(above, actor.name)) for above in actor.parents()]
        return [Post(one, encode(message), True) for one in topics or [WITHOUT_PARENT + actor.name]]

    async def _deliver(self, name: str, arrivals: Sequence[Arrival]) -> None:
        await self._taking.wait()
        await self.shells[name].deliver(arrivals)

    async def _all_connected(self) -> None:
        broker = self.config.broker
        try:
            async with asyncio.timeout(broker.connect_within_s):
                for party in self.parties:
                    await party.connected.wait()
        except TimeoutError:
            text = f"the broker at {address_of(broker).where} was not reached within {broker.connect_within_s} s"
            if last := next((bus.entrance.failure for bus in self.buses.values() if bus.entrance.failure), ""):
                text += f": {last}"
            raise BrokerUnreachable(text) from None

    async def _running_clock(self) -> Clock:
        given = self.config.clock
        if not given.wait:
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


def _signatures(config: DaemonConfig) -> tuple["Signer | None", "Verifier | None"]:
    """By what we sign, and by what we verify. Raises ConfigError."""
    given = config.signing
    if given.key is None and not given.parents:
        return None, None
    from agents.runtime.signing import Signer, Verifier  # it takes 10 MB: only for those who sign or verify

    signer = None if given.key is None else Signer.read(config.folder / given.key)
    return signer, Verifier.of(given, "signing")


def _has_child(shell: Shell, name: str) -> bool:
    return is_child(shell.actor, name)


def _built(party: ServedParty) -> Actor:
    return party.build()


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _simulated_in_words(names: Sequence[str]) -> str:
    return f"no real device is driven for {_named(names)}: the physics of their kinds answer (docs/drivers.md)"


def jumped_from(change: ClockChange, clock: Clock) -> datetime | None:
    """The instant from which the clock was set forward; None where it was not. (Each party sees by itself that the
    machine was suspended: before it takes what comes then.)"""
    return clock.now() - timedelta(seconds=change.set_by_s) if change.set_by_s >= STEP_S else None


def _in_words(change: ClockChange) -> str:
    said = []
    if abs(change.set_by_s) >= STEP_S:
        way = "forward" if change.set_by_s > 0 else "back"
        said.append(f"this machine's clock was set {way} by {abs(change.set_by_s):.0f} s")
    if change.asleep_s >= STEP_S:
        said.append(f"this machine was suspended for {change.asleep_s:.0f} s")
    return "; ".join(said)


async def _feed_watchdog(period_s: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(period_s)


def configure_logging(terminal: bool, name: str) -> None:
    """JSON lines on stdout; on a terminal lines for people. Each has the real time, and its party: the process's, of
    that name, where it is nobody's in particular."""

    def with_party(_: Any, __: str, event: Any) -> Any:
        event.setdefault("party", name)
        return event

    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [structlog.processors.add_log_level, stamp, with_party]
    if terminal:
        structlog.configure(processors=[*shared, InWords(), structlog.dev.ConsoleRenderer()])
        return
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)],
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )


def _dumps(event: Any, **_: Any) -> bytes:
    return to_json(event)
