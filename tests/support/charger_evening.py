"""An evening with real processes in which homes drive chargers, each by the same driver; some may fail in mid-event."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from chaos_path import system
from physical_node import PhysicalNode
from worlds import T0, vehicle

from agents.drivers.build import build_drivers
from agents.runtime.build import build_actor
from agents.runtime.files.toml_out import to_toml
from agents.settings.devices import DeviceSpec, VehicleSpec
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, DerSettings, EventSettings, PartySettings, UtilitySettings
from broker.simulation import SimulatedParty, Simulation
from protocol import messages as m
from protocol.actor import Entry, Note, Send
from protocol.units import Direction

SPEED = 60.0
START = T0 + timedelta(minutes=12)
SLOT_S = 240
ENDS_MINUTES = 12 + 2 * SLOT_S / 60 + 5
"""After the start of the evening: the last slot is over, and reported."""


class ChargerEvening(system.System):
    """Homes, each with a charger that charges at 3 kW by itself."""

    slot_s, slots = SLOT_S, 2

    def __init__(self, folder: Path, names: Sequence[str], max_discharge_w: int, asked_w: int = 12_000) -> None:
        super().__init__(folder, homes=len(names), speed=SPEED)
        self.names, self._max_discharge_w, self._asked_w = names, max_discharge_w, asked_w

    def discharges_w(self, home: str) -> int:
        """The most that a home's vehicle feeds back."""
        return self._max_discharge_w

    def driven_by(self, home: str) -> dict[str, Any]:
        """The driver of a home's charger, with its options."""
        raise NotImplementedError

    def drivers(self, home: str) -> list[dict[str, Any]]:
        """The same of all its devices, in their order."""
        return [self.driven_by(home)]

    def devices(self, home: str) -> tuple[DeviceSpec, ...]:
        """What a home has: a vehicle."""
        return (self.car(home),)

    def most_w(self, home: str) -> int:
        """The most that a home may give."""
        return 6_000

    def _actors(self, name: str) -> list[str]:
        return list(self.names) if name == "homes" else [name]

    def _settings(self, name: str) -> dict[str, Any]:
        match name:
            case "utility":
                event = EventSettings(
                    event_id="e1", issue_at=T0 + timedelta(minutes=2), direction=Direction.DECREASE_LOAD, start=START,
                    slot_s=self.slot_s, power_w=(self._asked_w,) * self.slots,
                )  # fmt: skip
                return {"utility": UtilitySettings(children=("ac",), events=(event,), reply_pct=80, report_grace_s=240)}
            case "ra-1":
                book = tuple(
                    Member(
                        name=home,
                        resources=tuple(one.resource_id for one in self.devices(home)),
                        increase_load_w=self.most_w(home),
                        decrease_load_w=self.most_w(home),
                    )
                    for home in self.names
                )
                return {"aggregator": AggregatorSettings(name="ra-1", parent="ac", members=book)}
            case "ac":
                return super()._settings(name)
        return {"ders": tuple(DerSettings(name=home, parent="ra-1", devices=self.devices(home)) for home in self.names)}

    def car(self, home: str) -> VehicleSpec:
        """Its vehicle."""
        return vehicle(
            f"ev-{home}",
            soc_wh=30_000,
            departure_soc_wh=36_000,
            max_charge_w=3_000,
            max_discharge_w=self.discharges_w(home),
            min_power_w=self.least_w(home),
        )

    def least_w(self, home: str) -> int:
        """The least power of a home's charger, as its contract says it."""
        return 0

    def simulated_awards(self) -> dict[str, tuple[int, ...]]:
        """What the same parties agree upon when every device is simulated: power by edge, W."""
        settings: list[PartySettings] = []
        for name in self.daemons:
            for found in self._settings(name).values():
                settings += found if isinstance(found, tuple) else [found]
        parties = [SimulatedParty(build_actor(one), build_drivers(one)) for one in settings]
        simulation = Simulation(parties, T0, seed=0, keep_trace=True)
        simulation.run(until=T0 + timedelta(minutes=ENDS_MINUTES))
        return awards(simulation.trace)

    def write_config(self, name: str, *, anchored: bool) -> None:
        super().write_config(name, anchored=anchored)
        if name == "homes":
            path = self.daemons[name].path
            tables = tomllib.loads(path.read_text())
            for home in tables["ders"]:
                for device, driver in zip(home["devices"], self.drivers(home["name"]), strict=True):
                    device |= driver
            path.write_text(to_toml(tables))

    def begins_at(self, slot: int) -> datetime:
        """When a slot begins, in real time."""
        at: datetime = self.anchor_at + (START - T0 + timedelta(seconds=slot * self.slot_s)) / SPEED
        return at

    async def notes(self, name: str, note: str, times: int = 1) -> None:
        """Return when a daemon has told so many notes of a name."""
        while sum(line.get("event") == note for line in self.daemons[name].lines) < times:
            await asyncio.sleep(0.05)


class MeteredEvening(ChargerEvening):
    """The utility hears the meters of all homes itself, and asks for what is missing."""

    def _settings(self, name: str) -> dict[str, Any]:
        found = super()._settings(name)
        if name == "utility":
            changes = {"meters": tuple(self.names), "asks_meters": True}
            found["utility"] = found["utility"].model_copy(update=changes)
        elif name == "homes":
            found["ders"] = tuple(one.model_copy(update={"meter_to": ("utility",)}) for one in found["ders"])
        return found


class Living(Protocol):
    """What is played beside the evening."""

    async def run(self) -> None:
        """Until cancelled."""


@asynccontextmanager
async def playing(chargers: Iterable[Living], nodes: Iterable[PhysicalNode] = ()) -> AsyncIterator[None]:
    """While those live."""
    tasks = [asyncio.create_task(charger.run()) for charger in chargers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in nodes:
            node.close()


def awards(trace: Iterable[Entry]) -> dict[str, tuple[int, ...]]:
    """By edge what was awarded first, W."""
    found: dict[str, tuple[int, ...]] = {}
    for entry in trace:
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Award):
                found.setdefault(f"{effect.edge.parent}/{effect.edge.child}", tuple(effect.message.power_w))
    return found


def withdrawals(trace: Iterable[Entry], homes: Collection[str]) -> dict[str, str]:
    """By home the cause that it states, the first time."""
    found: dict[str, str] = {}
    for entry in trace:
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Withdraw) and entry.actor in homes:
                found.setdefault(entry.actor, effect.message.cause)
    return found


def reported_wh(trace: Iterable[Entry]) -> dict[tuple[str, int], tuple[int, int]]:
    """By home and slot what was reported to the aggregator: metered, baseline."""
    return {
        (entry.actor, reading.slot): (reading.energy_wh, reading.baseline_wh)
        for entry in trace
        for effect in entry.effects
        if isinstance(effect, Send) and isinstance(effect.message, m.Report) and effect.edge.parent == "ra-1"
        for reading in effect.message.readings
    }


def noted(trace: Iterable[Entry], party: str, name: str) -> dict[str, str]:
    """What a party noted of its children: the cause, the first time."""
    found: dict[str, str] = {}
    for entry in trace:
        for effect in entry.effects:
            if entry.actor == party and isinstance(effect, Note) and effect.name == name:
                found.setdefault(str(effect.data["child"]), str(effect.data["cause"]))
    return found
