"""A party that a process runs: its actor, its devices, and whether its connection stands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from agents.drivers.build import build_drivers, build_feeds
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
    feeds: tuple[Feed, ...] = ()
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.actor = self.build()


def served(config: PartiesConfig) -> list[ServedParty]:
    """The parties that settings describe, with drivers for their devices."""
    return [_served(one) for one in config.each()]


def _served(settings: PartySettings) -> ServedParty:
    drivers = build_drivers(settings)
    return ServedParty(partial(build_actor, settings), drivers, build_feeds(settings, drivers))
