"""Who took part in a recording, as far as their settings are known, and their actors anew."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from agents.aggregator.actor import Aggregator
from agents.config import PartiesConfig
from agents.coordinator import Coordinator
from agents.der.actor import Der
from agents.drivers.simulated import build_driver
from agents.settings import AggregatorSettings, CoordinatorSettings, DerSettings, UtilitySettings
from agents.utility import Utility
from broker.stepper import Driver
from protocol.actor import Actor

PartySettings: TypeAlias = UtilitySettings | CoordinatorSettings | AggregatorSettings | DerSettings


@dataclass(frozen=True, slots=True)
class Cast:
    """Settings by the party's name, those above first."""

    settings: Mapping[str, PartySettings] = field(default_factory=dict)

    @classmethod
    def of(cls, configurations: Iterable[PartiesConfig]) -> "Cast":
        """Everybody in the configurations of some processes; where a name stands twice, the last one counts."""
        found: dict[str, PartySettings] = {}
        for one in configurations:
            for party in (one.utility, one.coordinator, one.aggregator, *one.ders):
                if party is not None:
                    found[party.name] = party
        return cls(dict(sorted(found.items(), key=lambda item: _tier(item[1]))))

    def above_devices(self) -> tuple[str, ...]:
        """Utility, coordinator and aggregators."""
        return tuple(name for name, party in self.settings.items() if not isinstance(party, DerSettings))

    def homes(self) -> tuple[str, ...]:
        return tuple(name for name, party in self.settings.items() if isinstance(party, DerSettings))


def build_actor(settings: PartySettings) -> Actor:
    """The actor that these settings describe, with an empty memory."""
    match settings:
        case UtilitySettings():
            return Utility(settings)
        case CoordinatorSettings():
            return Coordinator(settings)
        case AggregatorSettings():
            return Aggregator(settings)
        case DerSettings():
            return Der(settings)


def build_drivers(settings: PartySettings) -> dict[str, Driver]:
    """Simulated drivers for the devices that belong to a party."""
    match settings:
        case AggregatorSettings():
            return {spec.resource_id: build_driver(spec) for spec in settings.storage}
        case DerSettings():
            return {spec.resource_id: build_driver(spec) for spec in settings.devices}
    return {}


def _tier(settings: PartySettings) -> int:
    return [UtilitySettings, CoordinatorSettings, AggregatorSettings, DerSettings].index(type(settings))
