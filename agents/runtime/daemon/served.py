"""A party that a process runs: its actor, its devices, and whether its connection stands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from agents.drivers.build import build_drivers, build_feeds
from agents.drivers.registry import Drivers
from agents.drivers.remote import RemoteDevice
from agents.runtime.build import build_actor
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import PartySettings
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


def _served(settings: PartySettings, drivers: Drivers | None) -> ServedParty:
    remote = {} if drivers is None else drivers.of(settings)
    simulated = build_drivers(settings, but=remote)
    return ServedParty(partial(build_actor, settings), simulated, build_feeds(settings, simulated), remote)
