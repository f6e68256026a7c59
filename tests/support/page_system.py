"""A live system for tests of pages: parties on a private Mosquitto in one loop, with their journals and a control socket.

Its clock stands while anybody has something to do, so nothing depends on how busy the machine is.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from patient_clock import PatientClock

from agents.drivers.build import build_drivers, build_feeds
from agents.runtime.build import build_actor
from agents.runtime.daemon.control import ControlServer
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, UtilitySettings
from broker.bus import Post
from broker.mosquitto import Broker
from broker.mqtt import Address, MqttBus
from protocol.actor import Actor
from protocol.codec import encode
from protocol.edges import Edge, subscriptions, topic
from protocol.messages import Presence

KEYS = {UtilitySettings: "utility", CoordinatorSettings: "coordinator", AggregatorSettings: "aggregator"}
Party = UtilitySettings | CoordinatorSettings | AggregatorSettings | DerSettings


class PageSystem:
    """`running` starts it; journals lie in `folder/journals`, the socket in `folder/run`."""

    def __init__(
        self, folder: Path, broker: Broker, parties: Sequence[Party], start_at: datetime, speed: float
    ) -> None:
        self.journals, self.control = folder / "journals", folder / "run"
        self.address, self._parties = Address(broker.host, broker.port), parties
        self.shells: dict[str, Shell] = {}
        self.alerts: dict[str, str] = {}
        self._journals: dict[str, Journal] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._under_way: dict[str, MqttBus] = {}
        self._connections = 0
        self.clock = PatientClock(start_at, speed, self._busy)

    def _busy(self) -> bool:
        return any(bus.waiting for bus in self._under_way.values()) or not all(
            shell.idle for shell in self.shells.values()
        )

    async def pass_at(self, speed: float) -> None:
        """So many times real time from now on; whoever waits looks anew how long."""
        self.clock.speed = speed
        for shell in self.shells.values():
            await shell.clock_was_set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PageSystem"]:
        self.journals.mkdir(parents=True)
        go = asyncio.Event()
        connected = [self._start(one, go) for one in self._parties]
        self._serve()
        clock: asyncio.Task[None] | None = None
        try:
            for up in connected:
                await up.wait()
            go.set()
            while len(self.shells) < len(self._parties):
                await asyncio.sleep(0)
            clock = asyncio.create_task(self.clock.run())
            yield self
        finally:
            await _ended(*([clock] if clock is not None else []), *self._tasks.values(), self._serving)
            for journal in self._journals.values():
                await journal.close()

    @asynccontextmanager
    async def away(self, name: str) -> AsyncIterator[None]:
        """A party does not run for as long as the block lasts; then it goes on where its journal ends."""
        del self.shells[name], self._under_way[name]
        await _ended(self._tasks.pop(name))
        await self._journals.pop(name).close()
        yield
        go = asyncio.Event()
        up = self._start(next(one for one in self._parties if one.name == name), go)
        await up.wait()
        go.set()
        while name not in self.shells:
            await asyncio.sleep(0)

    def _serve(self) -> None:
        server = ControlServer(self.control / "all.sock", self.shells, lambda at: None, lambda: self.alerts)
        self._serving = asyncio.create_task(server.run())

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[None]:
        """Nobody answers on the control socket for as long as the block lasts."""
        self._serving.cancel()
        await asyncio.wait((self._serving,))
        yield
        self._serve()

    def _start(self, settings: Party, go: asyncio.Event) -> asyncio.Event:
        """A party's task, with its journal and its connection; set once it is connected."""
        key = KEYS.get(type(settings))
        config = PartiesConfig(**{key: settings}) if key is not None else PartiesConfig(ders=(settings,))  # type: ignore[arg-type]
        journal = Journal(self.journals / f"{settings.name}.journal", configuration=config.as_bytes())
        journal.start()
        self._journals[settings.name] = journal
        actor, up = build_actor(settings), asyncio.Event()
        filters = subscriptions(actor.name, as_parent=actor.is_parent(), as_child=bool(actor.parents()))
        bus = MqttBus(self.address, actor.name, filters, partial(self._presence, actor), lambda _: up.set())
        self._tasks[settings.name] = asyncio.create_task(self._run(settings, journal, bus, go))
        return up

    def _presence(self, actor: Actor, online: bool) -> Sequence[Post]:
        """As a daemon's."""
        self._connections += online
        stem = f"{actor.name}.presence.{self._connections}.{'online' if online else 'offline'}"
        body = encode(Presence(message_id=stem, sent_at=self.clock.now(), online=online))
        return [Post(topic("presence", Edge(above, actor.name)), body, True) for above in actor.parents()]

    async def _run(self, settings: Party, journal: Journal, bus: MqttBus, go: asyncio.Event) -> None:
        drivers = build_drivers(settings)

        async def deliver(arrivals: object) -> None:
            await go.wait()
            while settings.name not in self.shells:
                await asyncio.sleep(0)
            await self.shells[settings.name].deliver(arrivals)  # type: ignore[arg-type]

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bus.run(deliver))
            await go.wait()
            shell = Shell(
                build_actor(settings), bus, self.clock, drivers, journal=journal, feeds=build_feeds(settings, drivers)
            )
            self.shells[settings.name] = shell
            self._under_way[settings.name] = bus
            tasks.create_task(shell.run())


async def _ended(*tasks: asyncio.Task[None]) -> None:
    """Cancelled; what one of them failed with fails here."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
