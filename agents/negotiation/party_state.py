"""What a party with children remembers beside its events: what was received and sent, and what is still to be sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from agents.negotiation.child import AwardRecord, RelaxRecord, RequestRecord
from agents.negotiation.parent import ParentParty
from agents.negotiation.party import Party
from agents.negotiation.received import ReceivedMarks, ReceivedMarksState
from protocol.edges import Edge
from protocol.remembered import SentState


@dataclass(frozen=True, slots=True)
class MemoryState:
    """Of `Party`: what was received (by event), what was last sent upward, counts, whether it hears after a start."""

    heard: dict[str, ReceivedMarksState]
    sent: dict[str, tuple[SentState, ...]]
    counts: dict[str, int]
    hearing: bool
    version: Literal[1] = 1
    counts_waited: bool = False


def memory_state(party: Party) -> MemoryState:
    """What a party of any role remembers now."""
    return MemoryState(
        heard={event_id: received.state() for event_id, received in party._heard.items()},
        sent={
            event_id: tuple(SentState.of_send(send) for by_kind in by_edge.values() for send in by_kind.values())
            for event_id, by_edge in party.sent_upward.by_event.items()
        },
        counts=dict(party.counts),
        hearing=party._hearing,
        counts_waited=party.counts_waited,
    )


def remember_memory(party: Party, state: MemoryState) -> None:
    """Let a fresh party remember a state."""
    party._heard = {event_id: ReceivedMarks.of(received) for event_id, received in state.heard.items()}
    party.sent_upward.by_event = {event_id: {} for event_id in state.sent}
    for event_id, stored in state.sent.items():
        for one in stored:
            party.sent_upward.keep(event_id, one.send())
    party.counts.clear()
    party.counts.update(state.counts)
    party._hearing, party.counts_waited = state.hearing, state.counts_waited
    party._stale = True


@dataclass(frozen=True, slots=True)
class LaterState:
    """One message that is still to be sent to a child, as what makes it; or a retained request to be cleared."""

    child: str
    what: Literal["request", "relax", "award", "dispatch", "clear"]
    event_id: str = ""
    request: RequestRecord | None = None
    relax: RelaxRecord | None = None
    award: AwardRecord | None = None
    slot: int = 0
    power_w: int = 0
    at: datetime | None = None
    number: int = 0
    """Of a dispatch that is sent again."""


def later_state(party: ParentParty) -> tuple[LaterState, ...]:
    """What a party still has to send, in its order."""
    return tuple(_later(edge, build, what) for edge, build, *what in party.announcer.waiting())


def _later(edge: Edge, build: Any, what: list[Any]) -> LaterState:
    if build is None:
        return LaterState(edge.child, "clear")
    part = build.__self__
    match build.__name__:
        case "request_to":
            return LaterState(edge.child, "request", part.subject.event_id, request=what[1])
        case "relax_to":
            return LaterState(edge.child, "relax", part.subject.event_id, request=what[1], relax=what[2])
        case "award_to":
            return LaterState(edge.child, "award", part.subject.event_id, award=what[1])
        case "dispatch_to":
            _, award, slot, power_w, at, number = what
            event_id = part.subject.event_id
            return LaterState(
                edge.child, "dispatch", event_id, award=award, slot=slot, power_w=power_w, at=at, number=number
            )
    raise TypeError(f"{build.__name__} makes nothing that is sent later")


def remember_later(party: ParentParty, stored: tuple[LaterState, ...], later_at: datetime | None) -> None:
    """Let a party still have this to send; its events are there already."""
    party.announcer.remember([_waiting(party, one) for one in stored], later_at)


def _waiting(party: ParentParty, one: LaterState) -> tuple[Any, ...]:
    edge = Edge(party.name, one.child)
    if one.what == "clear":
        return edge, None
    event = party.events[one.event_id]
    match one.what:
        case "request":
            return edge, event.asking.request_to, one.child, one.request
        case "relax":
            return edge, event.asking.relax_to, one.child, one.request, one.relax
        case "award":
            return edge, event.awards.award_to, one.child, one.award
    return edge, event.dispatches.dispatch_to, one.child, one.award, one.slot, one.power_w, one.at, one.number
