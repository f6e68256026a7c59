"""What the parties with children remember, as frozen models with a version."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

from agents.negotiation.negotiation import Negotiation
from agents.negotiation.parent import ParentParty
from agents.negotiation.party_state import (
    LaterState,
    MemoryState,
    later_state,
    memory_state,
    remember_later,
    remember_memory,
)
from agents.negotiation.state import NegotiationState, negotiation_state, remember
from agents.parties.coordinator.actor import Coordinator
from agents.parties.coordinator.role import CoordinatorRole
from agents.parties.utility import Utility, UtilityRole
from protocol.actor import Issue
from protocol.edges import Edge
from protocol.plan import Plan
from protocol.remembered import StateForm

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ParentState:
    """Of `ParentParty`, but for its events."""

    memory: MemoryState
    later: tuple[LaterState, ...]
    later_at: datetime | None
    version: Literal[1] = 1


def parent_state(party: ParentParty) -> ParentState:
    """What a party with children remembers now beside its events."""
    return ParentState(memory_state(party), later_state(party), party.announcer.later_at)


def remember_parent(party: ParentParty, state: ParentState) -> None:
    """Let a party whose events are there already remember a state."""
    remember_memory(party, state.memory)
    remember_later(party, state.later, state.later_at)


def _role(event: Negotiation, kind: type[R]) -> R:
    assert isinstance(event.role, kind)
    return event.role


# -- the utility


@dataclass(frozen=True, slots=True)
class UtilityEventState:
    """Of one event and its `UtilityRole`."""

    event: NegotiationState
    program_id: str
    meters: dict[str, dict[int, int]]
    version: Literal[1] = 1
    meter_requests: dict[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UtilityState:
    """Of `Utility`."""

    party: ParentState
    events: tuple[UtilityEventState, ...]
    planned: tuple[str, ...]
    """Event ids of what its settings plan and was not issued yet."""
    role: Literal["utility"] = "utility"
    version: Literal[1] = 1


UTILITY = StateForm(UtilityState)


def utility_state(actor: Utility) -> UtilityState:
    """What a utility remembers now."""
    events = [(event, _role(event, UtilityRole)) for event in actor.events.values()]
    return UtilityState(
        parent_state(actor),
        tuple(
            UtilityEventState(
                negotiation_state(event), role.program_id, role.meters, meter_requests=role.meter_requests
            )
            for event, role in events
        ),
        tuple(event.event_id for event in actor.planned),
    )


def remember_utility(actor: Utility, state: UtilityState) -> None:
    """Let a fresh utility remember a state."""
    planned = set(state.planned)
    actor.planned = [event for event in actor.planned if event.event_id in planned]
    for one in state.events:
        subject = one.event.subject
        slot_s = int(subject.period.duration.total_seconds())
        issue = Issue(
            subject.event_id, one.program_id, subject.direction, subject.period.start, subject.asked_w, slot_s
        )
        event = actor.events[subject.event_id] = actor.issued(issue)
        remember(event, one.event)
        role = _role(event, UtilityRole)
        role.meters, role.meter_requests = one.meters, one.meter_requests
    remember_parent(actor, state.party)


# -- the coordinator


@dataclass(frozen=True, slots=True)
class CoordinatorEventState:
    """Of one event and its `CoordinatorRole`."""

    event: NegotiationState
    taken: dict[str, Plan]
    accepted: tuple[str, ...]
    rerequests_left: int
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class CoordinatorState:
    """Of `Coordinator`."""

    party: ParentState
    events: tuple[CoordinatorEventState, ...]
    role: Literal["coordinator"] = "coordinator"
    version: Literal[1] = 1


COORDINATOR = StateForm(CoordinatorState)


def coordinator_state(actor: Coordinator) -> CoordinatorState:
    """What a coordinator remembers now."""
    events = [(event, _role(event, CoordinatorRole)) for event in actor.events.values()]
    return CoordinatorState(
        parent_state(actor),
        tuple(
            CoordinatorEventState(negotiation_state(e), role.taken, tuple(role.accepted), role.rerequests_left)
            for e, role in events
        ),
    )


def remember_coordinator(actor: Coordinator, state: CoordinatorState) -> None:
    """Let a fresh coordinator remember a state."""
    for one in state.events:
        event = reopened(actor, one.event)
        role = _role(event, CoordinatorRole)
        role.taken, role.accepted = one.taken, dict.fromkeys(one.accepted)
        role.rerequests_left = one.rerequests_left
    remember_parent(actor, state.party)


def reopened(actor: ParentParty, state: NegotiationState) -> Negotiation:
    """An event of a party with a parent, that remembers a state."""
    assert state.up is not None
    event_id = state.subject.event_id
    event = actor.events[event_id] = actor.opened(Edge(state.up.parent, actor.name), state.up.request.message())
    remember(event, state)
    return event
