"""What an aggregator remembers, as frozen models with a version."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from agents.negotiation.state import NegotiationState, negotiation_state
from agents.parties.aggregator.actor import Aggregator
from agents.parties.aggregator.role import AggregatorRole
from agents.parties.der.reservation import Reservation
from agents.parties.der.reserved_state import (
    HomeState,
    ReservedState,
    home_state,
    remember_home,
    reserved,
    reserved_state,
)
from agents.parties.state import (
    LearningState,
    ParentState,
    learning_state,
    parent_state,
    remember_learning,
    remember_parent,
    reopened,
    restore_editions,
)
from agents.settings.members import Member
from agents.settings.parties import Rung
from protocol.messages import OptionBasis, WantedProfiles
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
    surplus: bool = False
    before_w: Plan | None = None


@dataclass(frozen=True, slots=True)
class CoalitionState:
    """Of `Coalition`."""

    number: int
    waits: bool
    asked: int
    planned: bool
    until: datetime | None
    counts: bool
    wanted: list[tuple[int, ...]]
    version: Literal[1] = 1
    worths: tuple[int, ...] = ()
    loosens: bool = False
    loosened: bool = False
    shown: WantedProfiles | None = None


@dataclass(frozen=True, slots=True)
class DispatchingState:
    """Of `Dispatching`."""

    slot: int
    measured_slot: int
    commanded: bool
    """Whether own storage was dispatched to; of a state of before, whose ledger does not know it."""
    rests_wus: dict[str, int] = field(default_factory=dict)
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class OwnStorageState:
    """Of `OwnStorage`."""

    offered_w: Plan | None
    committed_w: Plan | None
    held: ReservedState | None
    version: Literal[1] = 1
    before_w: Plan | None = None
    promised_w: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class AggregatorEventState:
    """Of one event and its `AggregatorRole`."""

    event: NegotiationState
    climb: ClimbState
    dispatching: DispatchingState
    storage: OwnStorageState
    version: Literal[1] = 1
    coalition: CoalitionState | None = None
    """None: no plan was ever wanted."""
    edition: int = 0
    """After how many changes of the book it began."""


@dataclass(frozen=True, slots=True)
class AggregatorState:
    """Of `Aggregator`."""

    party: ParentState
    events: tuple[AggregatorEventState, ...]
    yard: HomeState
    role: Literal["aggregator"] = "aggregator"
    version: Literal[1] = 1
    changes: tuple[dict[str, Member | None], ...] = ()
    """Of the settings' book."""
    other_settings: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By the number of the change with which they came."""
    conduct: LearningState | None = None


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
                state_of(DispatchingState, role.dispatching, commanded=role.storage.is_led()),
                state_of(OwnStorageState, role.storage, held=None if held is None else reserved_state(held)),
                edition=actor.editions[event.subject.event_id],
                coalition=state_of(CoalitionState, role.coalition) if role.coalition.asked else None,
            )
        )
    yard = home_state(actor.own_storage.home, actor.own_storage.ledger)
    return AggregatorState(
        parent_state(actor),
        tuple(events),
        yard,
        changes=tuple(map(dict, actor.changes)),
        other_settings=actor.other_settings,
        conduct=learning_state(actor),
    )


def remember_aggregator(actor: Aggregator, state: AggregatorState) -> None:
    """Let a fresh aggregator remember a state."""
    yard = actor.own_storage
    remember_home(yard.home, yard.ledger, state.yard)
    editions = restore_editions(actor, state.changes, state.other_settings)
    for one in state.events:
        role = reopened(actor, one.event, editions[one.edition], one.edition).role
        assert isinstance(role, AggregatorRole)
        restore(role.climb, one.climb)
        restore(role.dispatching, one.dispatching, but=("commanded",))
        if one.coalition is not None:
            restore(role.coalition, one.coalition)
        held = one.storage.held
        held_again = None if held is None else reserved(held, yard.home, yard.ledger)
        restore(role.storage, one.storage, held=held_again)
        if state.yard.followed is None and held_again is not None:
            _lay_out(held_again, one)
    remember_learning(actor, state.conduct)
    remember_parent(actor, state.party)


def _lay_out(held: Reservation, state: AggregatorEventState) -> None:
    """Of an event that was written before courses were known: its course follows from what stands."""
    held.lay_out(held.parts)
    committed_w = state.storage.committed_w
    if state.dispatching.commanded and committed_w is not None:
        for slot in range(state.dispatching.slot):
            held.follow(slot, committed_w[slot], held.period.slot_start(slot))
