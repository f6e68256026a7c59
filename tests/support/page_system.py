"""A live system for tests of pages: parties on a private Mosquitto in one loop, with their journals and a control socket.

Its clock stands while anybody has something to do, so nothing depends on how busy the machine is.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from patient_clock import PatientClock

from agents.drivers.build import build_drivers, build_feeds
from agents.runtime.build import build_actor
from agents.runtime.daemon.control import ControlServer
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, UtilitySettings
from broker.mosquitto import Broker
from broker.mqtt import Address, MqttBus
from protocol.edges import subscriptions

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
        self._under_way: list[MqttBus] = []
        self.clock = PatientClock(start_at, speed, self._busy)

    def _busy(self) -> bool:
        return any(bus.waiting for bus in self._under_way) or not all(shell.idle for shell in self.shells.values())

    async def pass_at(self, speed: float) -> None:
        """So many times real time from now on; whoever waits looks anew how long."""
        self.clock.speed = speed
        for shell in self.shells.values():
            await shell.clock_was_set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PageSystem"]:
        self.journals.mkdir(parents=True)
        journals = [self._journal(one) for one in self._parties]
        buses, go = [self._bus(one) for one in self._parties], asyncio.Event()
        self._serve()
        tasks: list[asyncio.Task[None]] = []
        try:
            tasks += [
                asyncio.create_task(self._run(settings, journal, bus, up, go))
                for settings, journal, (bus, up) in zip(self._parties, journals, buses, strict=True)
            ]
            for _, up in buses:
                await up.wait()
            go.set()
            while len(self.shells) < len(self._parties):
                await asyncio.sleep(0)
            tasks.append(asyncio.create_task(self.clock.run()))
            yield self
        finally:
            tasks.append(self._serving)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            for journal in journals:
                await journal.close()

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

    def _journal(self, settings: Party) -> Journal:
        key = KEYS.get(type(settings))
        config = PartiesConfig(**{key: settings}) if key is not None else PartiesConfig(ders=(settings,))  # type: ignore[arg-type]
        journal = Journal(self.journals / f"{settings.name}.journal", configuration=config.as_bytes())
        journal.start()
        return journal

    def _bus(self, settings: Party) -> tuple[MqttBus, asyncio.Event]:
        actor, up = build_actor(settings), asyncio.Event()
        filters = subscriptions(actor.name, as_parent=actor.is_parent(), as_child=bool(actor.parents()))
        return MqttBus(self.address, actor.name, filters, on_connected=lambda _: up.set()), up

    async def _run(self, settings: Party, journal: Journal, bus: MqttBus, up: asyncio.Event, go: asyncio.Event) -> None:
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
            self._under_way.append(bus)
            tasks.create_task(shell.run())
