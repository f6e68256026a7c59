"""A whole system on a real Mosquitto in one event loop: every party with its own connection and its own shell."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Literal

from patient_clock import PatientClock

from agents.drivers.simulated import build_driver
from agents.parties.aggregator.actor import Aggregator
from agents.parties.coordinator.actor import Coordinator
from agents.parties.der.actor import Der
from agents.parties.utility.actor import Utility
from agents.runtime.behaviour import Intercept
from agents.runtime.intercepted import InterceptedBus
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, UtilitySettings
from broker.bus import Bus
from broker.mosquitto import Broker
from broker.mqtt import Address, MqttBus
from protocol.actor import Actor, Note
from protocol.edges import subscriptions

Parties = UtilitySettings | CoordinatorSettings | AggregatorSettings | DerSettings


class LiveSystem:
    """Parties on a broker; `notes` grows while it runs. Its clock stands while anything is `under_way`: a party has
    something to do, or the broker has not acknowledged a post. It does so when it has passed the post on."""

    def __init__(
        self, broker: Broker | Address, start_at: datetime, speed: float, protocol: Literal["5", "3.1.1"] = "5"
    ) -> None:
        self.address = broker if isinstance(broker, Address) else Address(broker.host, broker.port, protocol)
        self.under_way: list[Callable[[], bool]] = []
        self.crowd = False
        """Whether parents hear through the faster library, as a daemon's do."""
        self.recounts = False
        """Whether they tell who comes late how far events are, as a daemon's do."""
        self.clock = PatientClock(start_at, speed, lambda: any(busy() for busy in self.under_way))
        self.notes: list[tuple[datetime, str, Note]] = []
        self.journals: Mapping[str, Journal] = {}
        """Of parties that keep one."""
        self.prepare: Callable[[Shell], None] = lambda shell: None
        """What is done to a shell before it runs."""
        self.shells: dict[str, Shell] = {}
        """By party, what runs it."""
        self._changed = asyncio.Event()

    def tell(self, at: datetime, who: str, note: Note) -> None:
        self.notes.append((at, who, note))
        self._changed.set()

    async def until(self, done: Callable[[str, Note], bool]) -> Note:
        """The first note for which `done(who, note)` holds."""
        seen = 0
        while True:
            for _, who, note in self.notes[seen:]:
                seen += 1
                if done(who, note):
                    return note
            self._changed.clear()
            await self._changed.wait()

    async def run(
        self,
        parties: Iterable[Parties],
        done: Callable[[str, Note], bool],
        intercepts: dict[str, Intercept] | None = None,
        within_s: float = 120,
        beside: Callable[[], None] = lambda: None,
    ) -> Note:
        """Connect everyone, set the clock going, and wait for a note. Whatever fails in a shell fails here."""
        connected: list[asyncio.Event] = []
        buses: list[tuple[Actor, MqttBus, dict[str, object]]] = []
        for settings in parties:
            actor, drivers = _actor(settings)
            up = asyncio.Event()
            connected.append(up)
            filters = subscriptions(actor.name, as_parent=actor.is_parent(), as_child=bool(actor.parents()))
            told, crowd = lambda _, up=up: up.set(), self.crowd and actor.is_parent()
            bus = MqttBus(self.address, actor.name, filters, on_connected=told, crowd=crowd)
            buses.append((actor, bus, drivers))
        async with asyncio.timeout(within_s), asyncio.TaskGroup() as tasks:
            running = []
            clock_set = asyncio.Event()
            for actor, bus, drivers in buses:
                running.append(tasks.create_task(self._party(actor, bus, drivers, intercepts or {}, clock_set)))
            await asyncio.gather(*(up.wait() for up in connected))
            clock_set.set()
            running.append(tasks.create_task(self.clock.run()))
            beside()
            note = await self.until(done)
            for task in running:
                task.cancel()
        return note

    async def _party(
        self,
        actor: Actor,
        bus: MqttBus,
        drivers: dict[str, object],
        intercepts: dict[str, Intercept],
        go: asyncio.Event,
    ) -> None:
        shells: list[Shell] = []

        async def deliver(arrivals: object) -> None:
            await go.wait()
            while not shells:
                await asyncio.sleep(0)
            await shells[0].deliver(arrivals)  # type: ignore[arg-type]

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bus.run(deliver))
            await go.wait()
            out: Bus = bus
            if actor.name in intercepts:
                out = InterceptedBus(bus, actor.name, self.clock, intercepts[actor.name])
            journal = self.journals.get(actor.name)
            shell = Shell(actor, out, self.clock, drivers, self.tell, journal)  # type: ignore[arg-type]
            self.prepare(shell)
            if self.recounts:
                shell.recount()
            shells.append(shell)
            self.shells[actor.name] = shell
            self.under_way.append(lambda: bus.waiting > 0 or not shell.idle)
            tasks.create_task(shell.run())


def deals(notes: list[tuple[object, str, Note]]) -> dict[object, object]:
    """What every party was told to give: aggregators by the coordinator, homes by their own word."""
    found: dict[object, object] = {}
    for _, who, note in notes:
        if note.name == "deal_concluded":
            found[note.data["aggregator"]] = note.data["power_w"]
        if note.name == "standing_by":
            found[who] = note.data["power_w"]
    return found


def _actor(settings: Parties) -> tuple[Actor, dict[str, object]]:
    match settings:
        case UtilitySettings():
            return Utility(settings), {}
        case CoordinatorSettings():
            return Coordinator(settings), {}
        case AggregatorSettings():
            return Aggregator(settings), {spec.resource_id: build_driver(spec) for spec in settings.storage}
        case DerSettings():
            return Der(settings), {spec.resource_id: build_driver(spec) for spec in settings.devices}
