"""A party's settings become its actor, with an empty memory, and simulated drivers for its devices."""

from agents.aggregator.actor import Aggregator
from agents.coordinator import Coordinator
from agents.der.actor import Der
from agents.drivers.simulated import build_driver
from agents.settings import AggregatorSettings, CoordinatorSettings, DerSettings, PartySettings, UtilitySettings
from agents.utility import Utility
from broker.stepper import Driver
from protocol.actor import Actor


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
