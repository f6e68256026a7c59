"""A party's memory as bytes of a versioned form, and back: what a clean stop writes and the next start reads."""

from collections.abc import Iterator

from agents.parties.aggregator.actor import Aggregator
from agents.parties.aggregator.state import AGGREGATOR, aggregator_state, remember_aggregator
from agents.parties.coordinator.actor import Coordinator
from agents.parties.der.actor import Der
from agents.parties.der.state import DER, der_state, remember_der
from agents.parties.state import (
    COORDINATOR,
    UTILITY,
    coordinator_state,
    remember_coordinator,
    remember_utility,
    utility_state,
)
from agents.parties.utility.actor import Utility
from protocol.actor import Actor


def memory_of(actor: Actor) -> bytes:
    """What an actor remembers, as JSON."""
    return b"".join(pieces_of(actor))


def pieces_of(actor: Actor) -> Iterator[bytes]:
    """The same, one small piece after the other."""
    match actor:
        case Utility():
            return UTILITY.pieces(utility_state(actor))
        case Coordinator():
            return COORDINATOR.pieces(coordinator_state(actor))
        case Aggregator():
            return AGGREGATOR.pieces(aggregator_state(actor))
        case Der():
            return DER.pieces(der_state(actor))
    raise TypeError(f"{type(actor).__name__} has no versioned state")


def remember(actor: Actor, memory: bytes) -> None:
    """Let a fresh actor of the same settings remember what `memory_of` gave. Raises UnknownState."""
    match actor:
        case Utility():
            remember_utility(actor, UTILITY.load(memory))
        case Coordinator():
            remember_coordinator(actor, COORDINATOR.load(memory))
        case Aggregator():
            remember_aggregator(actor, AGGREGATOR.load(memory))
        case Der():
            remember_der(actor, DER.load(memory))
        case _:
            raise TypeError(f"{type(actor).__name__} has no versioned state")
