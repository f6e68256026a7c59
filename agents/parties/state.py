"""What the parties with children remember, as frozen models with a version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

from agents.negotiation.booked import BookedParty
from agents.negotiation.learning import EventConduct
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
from agents.parties.utility.actor import Utility
from agents.parties.utility.role import UtilityRole
from agents.settings.at_once import S, with_utility_settings
from agents.settings.learned import Learned
from agents.settings.members import Member, Members
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


# -- what is learned of members


@dataclass(frozen=True, slots=True)
class LearningState:
    """Of `Learning`."""

    known: tuple[Learned, ...]
    events: dict[str, EventConduct]
    version: Literal[1] = 1


def learning_state(party: BookedParty[S]) -> LearningState | None:
    """What a party has learned until now; None where it learns nothing."""
    learning = party.learning
    return None if learning is None else LearningState(tuple(learning.conduct.known.values()), learning.events)


def remember_learning(party: BookedParty[S], state: LearningState | None) -> None:
    """Let a fresh party that learns remember what it had learned."""
    if party.learning is not None and state is not None:
        party.learning.conduct.known = {one.name: one for one in state.known}
        party.learning.events = state.events


# -- the utility


@dataclass(frozen=True, slots=True)
class UtilityEventState:
    """Of one event and its `UtilityRole`."""

    event: NegotiationState
    program_id: str
    meters: dict[str, dict[int, int]]
    version: Literal[1] = 1
    meter_requests: dict[str, tuple[str, int]] = field(default_factory=dict)
    began_with: dict[str, Any] = field(default_factory=dict)
    """What of the settings was others when it began."""
    meters_estimated: dict[str, tuple[int, ...]] = field(default_factory=dict)
    meter_steps_wh: dict[str, int] = field(default_factory=dict)
    stood_w: Plan | None = None
    next_w: Plan | None = None


@dataclass(frozen=True, slots=True)
class UtilityState:
    """Of `Utility`."""

    party: ParentState
    events: tuple[UtilityEventState, ...]
    planned: tuple[str, ...]
    """Event ids of what its settings plan and was not issued yet."""
    role: Literal["utility"] = "utility"
    version: Literal[1] = 1
    other_settings: dict[str, Any] = field(default_factory=dict)
    """What of the settings is others today."""


UTILITY = StateForm(UtilityState)


def utility_state(actor: Utility) -> UtilityState:
    """What a utility remembers now."""
    events = [(event, _role(event, UtilityRole)) for event in actor.events.values()]
    return UtilityState(
        parent_state(actor),
        tuple(
            UtilityEventState(
                negotiation_state(event),
                role.program_id,
                role.meters.by_slot,
                meter_requests=role.meters.requests,
                began_with=actor.began_with.get(event.subject.event_id, {}),
                meters_estimated=role.meters.estimated,
                meter_steps_wh=role.meters.steps_wh,
                stood_w=role.stood_w,
                next_w=role.next_w,
            )
            for event, role in events
        ),
        tuple(event.event_id for event in actor.planned),
        other_settings=actor.other_settings,
    )


def remember_utility(actor: Utility, state: UtilityState) -> None:
    """Let a fresh utility remember a state."""
    actor.change(state.other_settings)
    planned = set(state.planned)
    actor.planned = [event for event in actor.planned if event.event_id in planned]
    for one in state.events:
        subject = one.event.subject
        slot_s = int(subject.period.duration.total_seconds())
        issue = Issue(
            subject.event_id, one.program_id, subject.direction, subject.period.start, subject.asked_w, slot_s
        )
        actor.began_with[subject.event_id] = one.began_with
        settings = with_utility_settings(actor.first_settings, one.began_with)
        event = actor.events[subject.event_id] = actor.issued(issue, settings)
        remember(event, one.event)
        role = _role(event, UtilityRole)
        role.meters.by_slot, role.meters.requests = one.meters, one.meter_requests
        role.meters.estimated, role.meters.steps_wh = one.meters_estimated, one.meter_steps_wh
        role.stood_w, role.next_w = one.stood_w, one.next_w
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
    edition: int = 0
    """After how many changes of the book it began."""
    sparing: bool = False


@dataclass(frozen=True, slots=True)
class CoordinatorState:
    """Of `Coordinator`."""

    party: ParentState
    events: tuple[CoordinatorEventState, ...]
    role: Literal["coordinator"] = "coordinator"
    version: Literal[1] = 1
    changes: tuple[dict[str, Member | None], ...] = ()
    """Of the settings' book."""
    other_settings: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By the number of the change with which they came."""
    conduct: LearningState | None = None


COORDINATOR = StateForm(CoordinatorState)


def coordinator_state(actor: Coordinator) -> CoordinatorState:
    """What a coordinator remembers now."""
    events = [(event, _role(event, CoordinatorRole)) for event in actor.events.values()]
    return CoordinatorState(
        parent_state(actor),
        tuple(
            CoordinatorEventState(
                negotiation_state(e),
                role.taken.by_name,
                tuple(role.taken.accepted),
                role.rerequests_left,
                edition=actor.editions[e.subject.event_id],
                sparing=role.sparing,
            )
            for e, role in events
        ),
        changes=tuple(map(dict, actor.changes)),
        other_settings=actor.other_settings,
        conduct=learning_state(actor),
    )


def remember_coordinator(actor: Coordinator, state: CoordinatorState) -> None:
    """Let a fresh coordinator remember a state."""
    editions = restore_editions(actor, state.changes, state.other_settings)
    for one in state.events:
        event = reopened(actor, one.event, editions[one.edition], one.edition)
        role = _role(event, CoordinatorRole)
        role.taken.by_name, role.taken.accepted = one.taken, dict.fromkeys(one.accepted)
        role.rerequests_left, role.sparing = one.rerequests_left, one.sparing
    remember_learning(actor, state.conduct)
    remember_parent(actor, state.party)


def restore_editions(
    actor: BookedParty[S], changes: Sequence[Mapping[str, Member | None]], settings: Mapping[int, dict[str, Any]]
) -> list[tuple[Members, S]]:
    """Let a fresh party have the book and the settings that were changed since; those after each number of changes."""
    editions = [(actor.book, actor.settings)]
    for number, contracts in enumerate(changes):
        actor.change(contracts, settings.get(number))
        editions.append((actor.book, actor.settings))
    return editions


def reopened(actor: BookedParty[S], state: NegotiationState, by: tuple[Members, S], edition: int) -> Negotiation:
    """An event that remembers a state, by the book and the settings that it began with."""
    assert state.up is not None
    event_id, edge = state.subject.event_id, Edge(state.up.parent, actor.name)
    event = actor.events[event_id] = actor.opened_by(*by, edge, state.up.request.message())
    actor.editions[event_id] = edition
    remember(event, state)
    return event
