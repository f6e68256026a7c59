"""Small worlds for tests: a utility, a coordinator, aggregators and homes on the simulated carrier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from noted import strange_notes

from agents.devices.climate import ClimateSpec
from agents.drivers.build import build_drivers, build_feeds
from agents.parties.der.actor import Der
from agents.runtime.build import build_actor
from agents.settings.devices import StorageSpec, VehicleSpec
from agents.settings.members import Member
from agents.settings.parties import (
    PATENT_LADDER,
    AggregatorSettings,
    CoordinatorSettings,
    DerSettings,
    EventSettings,
    Rung,
    UtilitySettings,
)
from broker.bus import Post
from broker.chance import Faults
from broker.simulated_broker import Intercept
from broker.simulation import SimulatedParty, Simulation
from protocol.actor import Actor, Note
from protocol.messages import EventMessage, Message
from protocol.units import Direction

T0 = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)
"""Start of every world; the event starts an hour later."""
START = T0 + timedelta(hours=1)
LOOSENS = {"reserve_wh": 28_000, "relaxations": [{"restriction": "reserve_soc", "steps": [8_000]}]}
"""Of a vehicle whose owner lets it go below its reserve."""


def vehicle(resource_id: str, **changes: Any) -> VehicleSpec:
    """A full 40 kWh vehicle that may give 22 kWh above its reserve, at 6 kW either way, plugged in all night."""
    spec: dict[str, Any] = {
        "kind": "vehicle",
        "resource_id": resource_id,
        "capacity_wh": 40_000,
        "soc_wh": 30_000,
        "state_at": T0,
        "plugs_in_at": T0,
        "departs_at": T0 + timedelta(hours=14),
        "departure_soc_wh": 30_000,
        "reserve_wh": 8_000,
        "max_charge_w": 6_000,
        "max_discharge_w": 6_000,
    }
    return VehicleSpec.model_validate(spec | changes)


def battery(resource_id: str, power_w: int = 5_000, **changes: Any) -> StorageSpec:
    spec: dict[str, Any] = {
        "kind": "storage",
        "resource_id": resource_id,
        "capacity_wh": 20_000,
        "soc_wh": 15_000,
        "state_at": T0,
        "reserve_wh": 1_000,
        "max_charge_w": power_w,
        "max_discharge_w": power_w,
    }
    return StorageSpec.model_validate(spec | changes)


def room(resource_id: str, **changes: Any) -> ClimateSpec:
    """A room that needs 1,000 W of a heat pump of 3 kW to stay at 21 degrees, and may be between 19 and 23."""
    spec: dict[str, Any] = {
        "kind": "climate",
        "resource_id": resource_id,
        "mode": "heating",
        "rated_w": 3_000,
        "capacity_wh_per_k": 3_000,
        "loss_w_per_k": 150,
        "wished_c": 21,
        "least_c": 19,
        "most_c": 23,
        "room_c": 21,
        "state_at": T0,
        "outdoor_c": (1,),
        "outdoor_at": T0,
    }
    return ClimateSpec.model_validate(spec | changes)


@dataclass
class World:
    """What a test says of its world; `run` gives the simulation."""

    homes: list[DerSettings] = field(default_factory=list)
    aggregators: list[AggregatorSettings] = field(default_factory=list)
    scales: dict[str, int] = field(default_factory=dict)
    coordinator: dict[str, Any] = field(default_factory=dict)
    utility: dict[str, Any] = field(default_factory=dict)
    events: list[EventSettings] = field(default_factory=list)
    intercepts: dict[str, Intercept] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    starts_at: datetime = T0
    simulation: Simulation | None = None

    @property
    def actors(self) -> dict[str, Any]:
        """What runs under each name in the end."""
        assert self.simulation is not None
        return {name: self.simulation.actor(name) for name in self.names}

    def home(self, name: str, parent: str, *devices: Any, **settings: Any) -> DerSettings:
        made = DerSettings(
            name=name, parent=parent, devices=devices or (vehicle(f"ev-{name}"),), meter_to=("utility",), **settings
        )
        self.homes.append(made)
        return made

    def aggregator(
        self,
        name: str,
        homes: Sequence[DerSettings] = (),
        *,
        scale_w: int = 0,
        parent: str = "ac",
        members: Sequence[Member] = (),
        capacity_w: int = 6_000,
        **settings: Any,
    ) -> None:
        settings = {"ladder": PATENT_LADDER} | settings
        book = tuple(members) + tuple(
            Member(
                name=home.name,
                resources=tuple(device.resource_id for device in home.devices),
                increase_load_w=capacity_w,
                decrease_load_w=capacity_w,
                profiles=Rung.PLAN in settings["ladder"],
            )
            for home in homes
        )
        self.aggregators.append(AggregatorSettings(name=name, parent=parent, members=book, **settings))
        if parent == "ac":
            self.scales[name] = scale_w or capacity_w * len(homes)

    def simple(
        self, name: str, count: int, *, scale_w: int = 0, vehicle_changes: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        """An aggregator with so many like homes."""
        homes = [
            self.home(f"{name}-h{i}", name, vehicle(f"ev-{name}-{i}", **(vehicle_changes or {}))) for i in range(count)
        ]
        self.aggregator(name, homes, scale_w=scale_w, **settings)

    def event(
        self,
        *power_w: int,
        event_id: str = "e1",
        direction: Direction = Direction.DECREASE_LOAD,
        issue_at: datetime = T0 + timedelta(minutes=5),
        start: datetime = START,
        slot_s: int = 1_800,
    ) -> None:
        self.events.append(
            EventSettings(
                event_id=event_id, issue_at=issue_at, direction=direction, start=start, power_w=power_w, slot_s=slot_s
            )
        )

    def build(self, seed: int = 0, faults: Faults | None = None, **options: Any) -> Simulation:
        members = tuple(
            Member(name=name, kind="aggregator", increase_load_w=scale, decrease_load_w=scale)
            for name, scale in self.scales.items()
        )
        utility = {
            "children": ("ac",),
            "meters": tuple(home.name for home in self.homes),
            "events": tuple(self.events),
        } | self.utility
        coordinator = {"name": "ac", "members": members} | self.coordinator
        parties = [self._party(partial(build_actor, UtilitySettings(**utility)))]
        parties.append(self._party(partial(build_actor, CoordinatorSettings(**coordinator))))
        parties += [self._party(partial(build_actor, ra), ra) for ra in self.aggregators]
        parties += [self._party(partial(Der, home), home) for home in self.homes]
        self.names = tuple(party.actor.name for party in parties)
        self.simulation = Simulation(parties, self.starts_at, seed, faults, **options)
        return self.simulation

    def _party(
        self, build: Callable[[], Actor], settings: AggregatorSettings | DerSettings | None = None
    ) -> SimulatedParty:
        actor, drivers = build(), build_drivers(settings) if settings is not None else {}
        feeds = build_feeds(settings, drivers) if settings is not None else ()
        return SimulatedParty(actor, drivers, intercept=self.intercepts.get(actor.name), build=build, feeds=feeds)

    def run(self, seed: int = 0, faults: Faults | None = None, **options: Any) -> "Story":
        simulation = self.build(seed, faults, **options)
        simulation.run()
        assert strange_notes(note for _, _, note in simulation.notes) == []
        return Story(simulation, self)


@dataclass
class Story:
    """What happened, for asking."""

    simulation: Simulation
    world: World

    def notes(self, name: str, who: str | None = None) -> list[Note]:
        return [note for _, actor, note in self.simulation.notes if note.name == name and who in (None, actor)]

    def note(self, name: str, who: str | None = None) -> Note:
        found = self.notes(name, who)
        assert len(found) == 1, f"{len(found)} notes {name} of {who}"
        return found[0]

    def steps(self, who: str) -> list[str]:
        return [note.step for _, actor, note in self.simulation.notes if actor == who and note.step]

    def sent(self, kind: str, sender: str | None = None) -> list[Message]:
        """Messages of a kind in the order in which they were sent, repeats left out."""
        found: dict[tuple[str, str], Message] = {}
        for traced in self.simulation.trace:
            for effect in traced.effects:
                message = getattr(effect, "message", None)
                if message is not None and message.kind == kind and sender in (None, traced.actor):
                    found.setdefault((traced.actor, message.message_id), message)
        return list(found.values())

    def settled_wh(self) -> tuple[object, object]:
        """What was awarded and what was delivered in all, as the utility settles it."""
        data = self.note("settled", "utility").data
        return data["awarded_wh"], data["delivered_wh"]

    def to(self, kind: str, sender: str, child: str) -> list[EventMessage]:
        return [
            effect.message
            for traced in self.simulation.trace
            if traced.actor == sender
            for effect in traced.effects
            if hasattr(effect, "message") and effect.message.kind == kind and effect.edge.child == child
        ]


def silent(sender: str, post: Any) -> list[Any]:
    """An intercept: nothing that the party says leaves it."""
    return []


def late(by: timedelta) -> Callable[[str, Any], list[Any]]:
    """An intercept: everything leaves later."""
    return lambda sender, post: [(post, by)]


def thrice(sender: str, post: Any) -> list[Any]:
    """An intercept: everything is said three times."""
    return [(post, timedelta(milliseconds=10 * n)) for n in range(3)]


def dropping(kind: str, ref: str, to: str = "") -> Intercept:
    """What never leaves: messages of a kind that are about a request, to one child or to all."""

    def way_out(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        lost = (
            f"/{kind}/" in post.topic and post.topic.endswith(to) and f'"request_id":"{ref}"'.encode() in post.payload
        )
        return [] if lost else [(post, timedelta())]

    return way_out


def saying(old: bytes, new: bytes, ref: str) -> Intercept:
    """Its offers to a request say something else."""

    def way_out(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        about = "/offer/" in post.topic and f'"request_id":"{ref}"'.encode() in post.payload
        return [(post._replace(payload=post.payload.replace(old, new)) if about else post, timedelta())]

    return way_out
