"""A party's settings become its actor, with an empty memory."""

from agents.parties.aggregator.actor import Aggregator
from agents.parties.coordinator import Coordinator
from agents.parties.der.actor import Der
from agents.parties.utility import Utility
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, PartySettings, UtilitySettings
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
