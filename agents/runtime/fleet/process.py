"""One process that speaks for many homes: its connections, its journal, and what is told of it meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from agents.runtime.behaviour import intercept
from agents.runtime.clock_watch import clock_changes, jumped_from
from agents.runtime.credentials import credential_alerts, renewals
from agents.runtime.daemon.archiving import ARCHIVE_PERIOD_S, let_archives_go
from agents.runtime.daemon.notify import notify
from agents.runtime.fleet.control import FLEET, FleetControl
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes
from agents.runtime.fleet.keeping import FleetJournal
from agents.runtime.fleet.metrics import FleetMetrics
from agents.runtime.fleet.sources import HomesSource
from agents.runtime.intercepted import InterceptedBus
from agents.runtime.opening import verifier_of
from agents.runtime.signals import signals
from agents.runtime.software import software
from agents.settings.behaviour import Behaviour
from agents.settings.checked import ConfigError
from agents.settings.daemon import PartiesConfig
from broker.bus import Arrival, Bus, Post
from broker.clock import Clock
from broker.entrance import unreached
from broker.faults import first_error
from broker.mosquitto import BrokerFailed
from broker.mqtt import SESSION_EXPIRY_S, Address, MqttBus
from protocol.actor import Note
from protocol.codec import encode
from protocol.edges import ROOT, ROUTES, Edge, Way, topic
from protocol.messages import Presence

STATE_S = 120
"""How long a service manager may wait at a stop: what 100,000 homes know that are their actors takes half a minute."""


@dataclass(frozen=True, slots=True)
class FleetProgress:
    """How it stands."""

    homes: int
    awake: int
    """Homes that left the usual course and are actors of their own."""
    heard: dict[str, int]
    said: dict[str, int]
    waiting: int
    """Messages that have come in and were not taken, or not acknowledged by the broker."""
    trouble: str = ""
    """With our credentials, in words; empty when there is none."""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Line:
    """One connection."""

    bus: MqttBus
    parents: tuple[str, ...]
    connected: asyncio.Event


class Fleet:
    """All of one process."""

    def __init__(
        self,
        source: HomesSource,
        address: Address,
        *,
        name: str | None = None,
        connections: int = 1,
        journal: Path | None = None,
        control: Path | None = None,
        tell: Callable[[datetime, str, Note], None] = lambda at, who, note: None,
    ) -> None:
        """`journal`: where it is kept; None: a crash forgets all. `control`: the folder of its control socket; None: it has
        none. Raises ConfigError, LibraryUnfit."""
        self.source, self.address, self.name = source, address, name or source.name
        self.journal_path = journal
        self.control_path = None if control is None else control / f"{self.name}.sock"
        self.homes = Homes(source.homes)
        if len(self.homes) < len(source.homes):
            twice, _ = Counter(home.name for home in source.homes).most_common(1)[0]
            raise ConfigError(f"{twice}: two homes have this name")
        if not 1 <= connections <= len(source.parents):
            raise ConfigError(
                f"--connections: {connections} is not between 1 and {len(source.parents)}, the number of aggregators: "
                "what one sends to its homes is heard on one connection"
            )
        given = source.clock
        self.clock = Clock(given.origin_at, given.anchor_at, given.speed)
        self._instance, self._software, self._tell = uuid4().hex, software(), tell
        self.lines = [self._line(number, connections) for number in range(connections)]
        self.gateway: Gateway | None = None
        self._verifier = verifier_of(source.signing, "signing")
        self._metrics = FleetMetrics(self.name, source.metrics)

    async def run(
        self,
        show: Callable[[FleetProgress], None] = lambda told: None,
        every_s: float = 5.0,
        seconds: float | None = None,
    ) -> FleetProgress:
        """Until SIGINT, SIGTERM or so many seconds; `show` hears how it stands all the while. Raises BrokerFailed,
        LinkDenied, SessionTaken, JournalError, LeaseTaken, ConfigError."""
        self._metrics.serve()
        try:
            return await self._run(show, every_s, seconds)
        finally:
            self._metrics.close()

    async def _run(
        self, show: Callable[[FleetProgress], None], every_s: float, seconds: float | None
    ) -> FleetProgress:  # fmt: skip
        stop, journal = asyncio.Event(), self._journal()
        if journal is not None:
            journal.start()
        serving = asyncio.create_task(self._serve(journal, show, every_s))
        stopping = asyncio.create_task(stop.wait())
        try:
            with signals(stop.set):
                await asyncio.wait((serving, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            notify("STOPPING=1")
            for task in (stopping, serving):
                task.cancel()
            await asyncio.wait((serving,))
            if serving.cancelled() and self.gateway is not None:
                notify(f"EXTEND_TIMEOUT_USEC={STATE_S}000000")
                self.gateway.past.keep()
            if journal is not None:
                await journal.close()
        failure = None if serving.cancelled() else serving.exception()
        if failure is not None:
            raise first_error(failure)
        if not all(line.connected.is_set() for line in self.lines) and not stop.is_set():
            raise BrokerFailed(self._unreached())
        return self.told()

    def told(self) -> FleetProgress:
        """How it stands now."""
        counts: Counter[str] = self.gateway.counts if self.gateway is not None else Counter()
        by: dict[str, dict[str, int]] = {"heard": {}, "said": {}}
        for key, count in counts.items():
            way, dot, kind = key.partition(".")
            if dot:
                by[way][kind] = count
        waiting = (self.gateway.waiting if self.gateway else 0) + sum(line.bus.waiting for line in self.lines)
        return FleetProgress(
            len(self.homes), self.homes.awake, by["heard"], by["said"], waiting, "; ".join(self._alerts().values())
        )

    def _alerts(self) -> dict[str, str]:
        return credential_alerts({line.bus.name: line.bus for line in self.lines}, datetime.now(UTC))

    # -- inside

    def _status(self) -> dict[str, object]:
        told = self.told()
        now = {"now": self.clock.now().isoformat()}
        return {"name": self.name, "role": FLEET, "shell": now, **told.as_json()}

    async def _serve(self, journal: FleetJournal | None, show: Callable[[FleetProgress], None], every_s: float) -> None:
        gateway = self.gateway = Gateway(self.homes, self._ways_out(), self.clock, journal, self._tell, self._verifier)
        renewing = renewals(line.bus for line in self.lines)
        async with asyncio.TaskGroup() as tasks:
            for line in self.lines:
                tasks.create_task(line.bus.run(partial(self._deliver, gateway, line)))
            await self._all_connected()
            gateway.know()
            notify("READY=1")
            tasks.create_task(gateway.run())
            if self.control_path is not None:
                tasks.create_task(
                    FleetControl(self.control_path, self.homes.settings, gateway.give, self._status).run()
                )
            for renewal in renewing:
                tasks.create_task(renewal.run())
            tasks.create_task(self._rest_on(gateway))
            tasks.create_task(self._mind_the_clock(gateway))
            while True:
                told = self.told()
                if self._metrics.is_served:
                    self._measure(told)
                show(told)
                await asyncio.sleep(every_s)

    def _measure(self, told: FleetProgress) -> None:
        buses = [line.bus for line in self.lines]
        homes, messages = (told.homes, told.awake), (told.heard, told.said)
        self._metrics.look(homes, messages, told.waiting, buses, self._alerts(), datetime.now(UTC))

    async def _rest_on(self, gateway: Gateway) -> None:
        while True:
            await asyncio.sleep(ARCHIVE_PERIOD_S)
            await self._rest(gateway)

    async def _rest(self, gateway: Gateway) -> None:
        moved = await gateway.rest(self.source.journal.archive_after)
        if moved is not None:
            self._tell(self.clock.now(), self.name, Note("journal_archived", data={"file": str(moved)}))
        if self.journal_path is not None:
            await asyncio.to_thread(let_archives_go, self.journal_path, self.source.journal)

    async def _mind_the_clock(self, gateway: Gateway) -> None:
        """Follow the machine's clock where it is set, and say so; backwards it goes when the journal has it."""
        async for change in clock_changes(self.clock):
            figures = {"set_by_s": round(change.set_by_s), "asleep_s": round(change.asleep_s)}
            self._tell(self.clock.now(), self.name, Note("clock_set", data=figures))
            since = jumped_from(change, self.clock)
            if since is not None:
                gateway.was_away(since)

    async def _deliver(self, gateway: Gateway, line: Line, arrivals: Sequence[Arrival]) -> None:
        """A home is heard on its own connection only: where its other edges' topics are heard, too, they are passed."""
        mine = []
        for arrival in arrivals:
            home = self.homes.settings.get(arrival.topic.rpartition("/")[2])
            if home is None or home.parent in line.parents:
                mine.append(arrival)
            else:
                arrival.acknowledge()
        await gateway.deliver(mine)

    def _ways_out(self) -> dict[str, Bus]:
        found: dict[str, Bus] = {}
        by_parent: dict[str, Bus] = {parent: line.bus for line in self.lines for parent in line.parents}
        for home in self.source.homes:
            bus = by_parent[home.parent]
            changed = intercept(self.source.behaviours.get(home.name, Behaviour.NORMAL))
            found[home.name] = bus if changed is None else InterceptedBus(bus, home.name, self.clock, changed)
        return found

    def _line(self, number: int, connections: int) -> Line:
        parents = self.source.parents[number::connections]
        name = self.name if connections == 1 else f"{self.name}-{number + 1}"
        mine = [home for home in self.source.homes if home.parent in parents]
        connected = asyncio.Event()
        bus = MqttBus(
            self.address,
            name,
            filters(parents, tuple(dict.fromkeys(meter for home in mine for meter in home.meter_to))),
            partial(self._presence, Edge(parents[0], name), len(mine)),
            lambda up: connected.set() if up else None,
            self._instance,
            session_expiry_s=SESSION_EXPIRY_S if self.journal_path is not None else 0,
            crowd=True,
        )
        return Line(bus, parents, connected)

    def _presence(self, edge: Edge, homes: int, online: bool) -> Sequence[Post]:
        """The gateway's own: of its homes nobody could take it back when this process dies (one will a connection)."""
        message = Presence(
            message_id=f"{edge.child}.presence.{self._instance}.{'online' if online else 'offline'}",
            sent_at=self.clock.now(),
            online=online,
            software=self._software,
            capability={"homes": homes},
        )
        return [Post(topic("presence", edge), encode(message), True)]

    async def _all_connected(self) -> None:
        within_s = self.source.broker.connect_within_s
        try:
            async with asyncio.timeout(within_s):
                for line in self.lines:
                    await line.connected.wait()
        except TimeoutError:
            raise BrokerFailed(self._unreached(f" within {within_s} s")) from None

    def _unreached(self, within: str = "") -> str:
        """That a line has never been connected, and why."""
        return unreached(self.address, (line.bus.entrance for line in self.lines), within)

    def _journal(self) -> FleetJournal | None:
        if self.journal_path is None:
            return None
        return FleetJournal(self.journal_path, configuration=PartiesConfig(ders=self.source.homes).as_bytes())


def filters(parents: Sequence[str], meters: Sequence[str] = ()) -> list[str]:
    """What is heard for the homes below some parents: all that travels down, and refusals from where they report to."""
    down = [kind for kind, route in ROUTES.items() if route.way is not Way.UP]
    found = [f"{ROOT}/{kind}/{parent}/+" for parent in parents for kind in down]
    return found + [f"{ROOT}/reject/{meter}/+" for meter in meters if meter not in parents]


def today() -> datetime:
    """The whole second that it is."""
    return datetime.now(UTC).replace(microsecond=0)
