"""The drivers of a party's devices."""

from agents.drivers.simulated import build_driver
from agents.settings.parties import AggregatorSettings, DerSettings, PartySettings
from protocol.actor import Driver


def build_drivers(settings: PartySettings) -> dict[str, Driver]:
    """Simulated drivers for the devices that belong to a party."""
    match settings:
        case AggregatorSettings():
            return {spec.resource_id: build_driver(spec) for spec in settings.storage}
        case DerSettings():
            return {spec.resource_id: build_driver(spec) for spec in settings.devices}
    return {}
