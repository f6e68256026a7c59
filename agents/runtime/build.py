"""A party's settings become its actor, with an empty memory."""

from functools import partial

from agents.parties.aggregator.actor import Aggregator
from agents.parties.coordinator.actor import Coordinator
from agents.parties.der.actor import Der
from agents.parties.utility.actor import Utility
from agents.runtime.policies import chosen
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, PartySettings, UtilitySettings
from protocol.actor import Actor


def build_actor(settings: PartySettings, where: str = "") -> Actor:
    """The actor that these settings describe, with an empty memory and the policies that they name. Raises ConfigError
    for a policy that is not installed; `where` says in which file the settings stand."""
    choose = partial(chosen, where=f"{where}: {settings.name}" if where else settings.name)
    policies = choose(settings)
    match settings:
        case UtilitySettings():
            return Utility(settings, policies, choose)
        case CoordinatorSettings():
            return Coordinator(settings, policies, choose)
        case AggregatorSettings():
            return Aggregator(settings, policies, choose)
        case DerSettings():
            return Der(settings)
