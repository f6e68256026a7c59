"""What an aggregator remembers, as frozen models with a version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agents.negotiation.state import NegotiationState, negotiation_state
from agents.parties.aggregator.actor import Aggregator
from agents.parties.aggregator.climb import Climb
from agents.parties.aggregator.role import AggregatorRole
from agents.parties.der.reserved_state import (
    HomeState,
    ReservedState,
    home_state,
    remember_home,
    reserved,
    reserved_state,
)
from agents.parties.state import ParentState, parent_state, remember_parent, reopened
from agents.settings.parties import Rung
from protocol.messages import OptionBasis
from protocol.plan import Plan
from protocol.remembered import StateForm, restore, state_of


@dataclass(frozen=True, slots=True)
class ClimbState:
    """Of `Climb`."""

    began_at: datetime
    rungs: list[Rung]
    sums: list[tuple[tuple[OptionBasis, ...], Plan]]
    most_w: Plan | None
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class DispatchingState:
    """Of `Dispatching`."""

    slot: int
    measured_slot: int
    commanded: bool
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class OwnStorageState:
    """Of `OwnStorage`."""

    offered_w: Plan | None
    committed_w: Plan | None
    held: ReservedState | None
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class AggregatorEventState:
    """Of one event and its `AggregatorRole`."""

    event: NegotiationState
    climb: ClimbState
    dispatching: DispatchingState
    storage: OwnStorageState
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class AggregatorState:
    """Of `Aggregator`."""

    party: ParentState
    events: tuple[AggregatorEventState, ...]
    yard: HomeState
    role: Literal["aggregator"] = "aggregator"
    version: Literal[1] = 1


AGGREGATOR = StateForm(AggregatorState)


def aggregator_state(actor: Aggregator) -> AggregatorState:
    """What an aggregator remembers now."""
    events = []
    for event in actor.events.values():
        role = event.role
        assert isinstance(role, AggregatorRole)
        held = role.storage.held
        events.append(
            AggregatorEventState(
                negotiation_state(event),
                state_of(ClimbState, role.climb),
                state_of(DispatchingState, role.dispatching),
                state_of(OwnStorageState, role.storage, held=None if held is None else reserved_state(held)),
            )
        )
    return AggregatorState(
        parent_state(actor), tuple(events), home_state(actor.own_storage.home, actor.own_storage.ledger)
    )


def remember_aggregator(actor: Aggregator, state: AggregatorState) -> None:
    """Let a fresh aggregator remember a state."""
    yard = actor.own_storage
    remember_home(yard.home, yard.ledger, state.yard)
    for one in state.events:
        role = reopened(actor, one.event).role
        assert isinstance(role, AggregatorRole)
        role.climb = Climb(one.climb.began_at, one.climb.rungs, one.climb.sums, one.climb.most_w)
        restore(role.dispatching, one.dispatching)
        held = one.storage.held
        restore(role.storage, one.storage, held=None if held is None else reserved(held, yard.ledger))
    remember_parent(actor, state.party)
