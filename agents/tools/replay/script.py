"""What one child said in a recording, ordered by what it answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from agents.tools.replay.wire import WireMessage
from protocol import messages as m
from protocol.edges import Edge

Answer: TypeAlias = m.Offer | m.Alternative


@dataclass(slots=True)
class EventScript:
    """One event as the child lived it."""

    asked: dict[int, m.Request] = field(default_factory=dict)
    """Its requests by their round."""
    asked_at: dict[str, datetime] = field(default_factory=dict)
    """When a request or a relax (`relax` and its request_id) came."""
    answers: dict[str, tuple[Answer, timedelta]] = field(default_factory=dict)
    """The first answer to a request, by its request_id, and how long it took."""
    relaxed: dict[str, tuple[m.Offer, timedelta]] = field(default_factory=dict)
    relaxes: set[str] = field(default_factory=set)
    """The requests to which it was asked to relax."""
    award: m.Award | None = None
    refusal: str = ""
    """Why it refused its award; empty when it did not."""
    withdrawals: list[tuple[datetime, m.Withdraw]] = field(default_factory=list)
    readings: dict[int, m.Reading] = field(default_factory=dict)
    reports_to: dict[Edge, str] = field(default_factory=dict)
    """The edges on which it reported, with the resource that it named."""

    def answer(self, request: m.Request) -> tuple[Answer, timedelta] | None:
        """What it said to this round then; to a round that there was not, what it said last before."""
        rounds = [number for number in self.asked if number <= request.round]
        known = self.asked[max(rounds)] if rounds else None
        return None if known is None else self.answers.get(known.request_id)


@dataclass(slots=True)
class Script:
    """All events of one child."""

    name: str
    parents: dict[str, None] = field(default_factory=dict)
    events: dict[str, EventScript] = field(default_factory=dict)
    spoke: bool = False
    """Whether anything that it said was heard."""

    @property
    def never_received(self) -> bool:
        """Whether it was asked, and nothing of it ever came in: its connection was gone, or its device silent."""
        return not self.spoke and any(event.asked for event in self.events.values())

    def take(self, sent: WireMessage) -> None:
        """A message on one of its edges, in the order of the instants; what was lost on its way counts for nothing."""
        self.parents[sent.edge.parent] = None
        message, at = sent.message, sent.received_at or sent.at
        if sent.lost or not isinstance(message, m.EventMessage):
            return
        self.spoke = self.spoke or sent.sender == self.name
        event = self.events.setdefault(message.event_id, EventScript())
        ref = message.request_id
        match message:
            case m.Request():
                event.asked[message.round] = message
                event.asked_at.setdefault(ref, at)
            case m.Relax():
                event.relaxes.add(ref)
                event.asked_at.setdefault(f"relax {ref}", at)
            case m.Offer(basis=m.Basis.RELAXED):
                event.relaxed.setdefault(ref, (message, _took(event, f"relax {ref}", at)))
            case m.Offer() | m.Alternative():
                event.answers.setdefault(ref, (message, _took(event, ref, at)))
            case m.Award(outcome=m.Outcome.CONCLUDED):
                event.award = message
            case m.Confirm(accepted=False):
                event.refusal = message.reason or "refused, as it did then"
            case m.Withdraw():
                event.withdrawals.append((at, message))
            case m.Report():
                event.reports_to[sent.edge] = message.resource_id
                event.readings |= {reading.slot: reading for reading in message.readings}


def scripts(wire: Iterable[WireMessage], names: Iterable[str]) -> dict[str, Script]:
    """The scripts of some children."""
    found = {name: Script(name) for name in names}
    for sent in wire:
        if sent.edge.child in found:
            found[sent.edge.child].take(sent)
    return found


def _took(event: EventScript, ref: str, at: datetime) -> timedelta:
    return max(timedelta(), at - event.asked_at.get(ref, at))
