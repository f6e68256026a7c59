"""A party that a process runs: its actor, its devices, and whether its connection stands."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from agents.drivers.build import build_drivers, build_feeds
from agents.drivers.registry import Drivers
from agents.drivers.remote import RemoteDevice
from agents.runtime.build import build_actor
from agents.settings.daemon import PartiesConfig
from agents.settings.devices import DeviceSpec, VehicleSpec
from agents.settings.parties import DerSettings, PartySettings
from protocol.actor import Actor, Driver, Feed


@dataclass(slots=True)
class ServedParty:
    """An actor, its devices, and its connection."""

    build: Callable[[], Actor]
    actor: Actor = field(init=False)
    drivers: dict[str, Driver] = field(default_factory=dict)
    """Of its simulated devices."""
    feeds: tuple[Feed, ...] = ()
    remote: dict[str, RemoteDevice] = field(default_factory=dict)
    """Its real devices."""
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.actor = self.build()


def served(config: PartiesConfig, drivers: Drivers | None = None) -> list[ServedParty]:
    """The parties that settings describe, with their devices: those that `drivers` does not reach are simulated."""
    return [_served(one, drivers) for one in config.each()]


def by_owners_plans(parties: Sequence[ServedParty], under: PartiesConfig, given: PartiesConfig) -> None:
    """Let homes that still go by other settings be told the plans that their owners have given by now: an owner's plan waits
    for no event's end."""
    wanted = {one.name: one for one in given.ders}
    for party, home in zip(parties, under.each(), strict=True):
        if isinstance(home, DerSettings) and home.name in wanted:
            newest = {spec.resource_id: spec for spec in wanted[home.name].devices}
            specs = tuple(_planned_now(spec, newest.get(spec.resource_id)) for spec in home.devices)
            party.feeds = build_feeds(home.model_copy(update={"devices": specs}), party.drivers)


def _planned_now(spec: DeviceSpec, newest: DeviceSpec | None) -> DeviceSpec:
    both = isinstance(spec, VehicleSpec) and isinstance(newest, VehicleSpec) and spec.lives_on and newest.lives_on
    return newest if both and newest is not None else spec


def _served(settings: PartySettings, drivers: Drivers | None) -> ServedParty:
    remote = {} if drivers is None else drivers.of(settings)
    simulated = build_drivers(settings, but=remote)
    return ServedParty(partial(build_actor, settings), simulated, build_feeds(settings, simulated), remote)
