"""A party with children: routes what it receives to the event that it is about."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from agents.negotiation import from_above
from agents.negotiation.announcer import Announcer
from agents.negotiation.lost_memory import came_online, refused_above, refused_below
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.party import Party
from agents.negotiation.progress import progress
from agents.negotiation.refusals import refused_slot
from agents.negotiation.sent_upward import ANSWERED_AGAIN
from agents.negotiation.stage import Stage, Timer
from agents.settings.daemon import Role
from protocol import messages as m
from protocol.actor import Foreseen, Send
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason

METERING = {Timer.REPORT, Timer.CORRECT, Timer.REBOUND}
"""While one of these is set, meter values of an event are still waited for, though it is closed."""


class ParentParty(Party):
    """Base of utility, coordinator and aggregator. A party with a parent writes `opened`."""

    role: ClassVar[Role]
    """The word of its daemon."""
    MAX_EVENTS = 256
    """Closed events beyond this many are forgotten, oldest first."""
    MOST_OPEN = 256
    """Events that are not closed: more are refused."""

    def __init__(self, name: str, parents: tuple[str, ...], children: Mapping[str, object]) -> None:
        super().__init__(name, parents, children)
        self.events: dict[str, Negotiation] = {}
        self.announcer = Announcer(self)
        self._handlers |= {
            m.Offer: self._on_answer,
            m.Alternative: self._on_answer,
            m.Confirm: self._on_confirm,
            m.Withdraw: self._on_withdraw,
            m.Report: self._on_report,
        }
        if parents:
            self._handlers |= {
                m.Request: self._on_request,
                m.Relax: self._on_relax,
                m.Award: self._on_award,
                m.Dispatch: self._on_dispatch,
            }

    def count(self, name: str) -> None:
        """Count something of a name."""
        self.counts[name] += 1

    def counted(self, name: str) -> int:
        """How often something of a name was counted."""
        return self.counts[name]

    def event_ended(self, event_id: str, now: datetime) -> None:
        """An event is closed."""

    # -- time

    def _next_due(self) -> datetime | None:
        first = self.announcer.later_at
        for event in self.events.values():
            for at in event.timers.at.values():  # of each step: in a loop it takes a third of what min() takes
                if first is None or at < first:
                    first = at
        return first

    def _due(self, now: datetime) -> None:
        if self.announcer.later_at is not None and self.announcer.later_at <= now:
            self.announcer.say_more(now)
        for event in [event for event in self.events.values() if event.timers.at]:
            first = event.timers.first
            if first is not None and first <= now:
                event.due(now)

    def _resumed(self, now: datetime) -> None:
        for event in list(self.events.values()):
            event.resumed(now)

    # -- from below

    def _event(self, message: m.EventMessage) -> Negotiation:
        event = self.events.get(message.event_id)
        if event is None:
            raise RefusedMessage(RejectReason.UNKNOWN_EVENT, f"{self.name} knows no event {message.event_id}")
        return event

    def _has_left(self, child: str, message: m.EventMessage) -> bool:
        event = self.events.get(message.event_id)
        return event is not None and child in event.children.by_name

    def _on_answer(self, edge: Edge, message: m.Offer | m.Alternative, now: datetime) -> None:
        self._event(message).on_answer(edge.child, message, now)

    def _on_confirm(self, edge: Edge, message: m.Confirm, now: datetime) -> None:
        self._event(message).on_confirm(edge.child, message, now)

    def _on_withdraw(self, edge: Edge, message: m.Withdraw, now: datetime) -> None:
        self._event(message).on_withdraw(edge.child, message, now)

    def _on_report(self, edge: Edge, report: m.Report, now: datetime) -> None:
        self._event(report).on_report(edge.child, report, now)

    def _rejected(self, edge: Edge, message: m.Reject, now: datetime) -> None:
        super()._rejected(edge, message, now)
        if edge.parent != self.name or message.refused_by is m.Side.PARENT or message.refused_kind != "dispatch":
            return
        for event in self.events.values():
            slot = refused_slot(event, edge.child, message)
            if slot is not None:
                event.dispatch_refused(edge.child, slot, message.reason, now)

    # -- what children could probably give

    def hears_capability(self, edge: Edge) -> bool:
        """Whether a child of its own tells it."""
        return edge.parent == self.name and edge.child in self._children

    def foreseen(self, request: m.Request, told: Mapping[str, m.Capability], now: datetime) -> Foreseen | None:
        """Nothing: only who asks by it makes use of it."""
        return None

    def _recall(self, said: m.EventMessage) -> None:
        event = self.events.get(said.event_id)
        if event is not None and event.up is not None and isinstance(said, m.Withdraw):
            event.up.withdrawal.recall(said)

    # -- from above

    def opened(self, edge: Edge, request: m.Request) -> Negotiation:
        """A new event. Only of parties with a parent."""
        raise NotImplementedError

    def _on_request(self, edge: Edge, request: m.Request, now: datetime) -> None:
        if now > request.reply_by:
            raise RefusedMessage(RejectReason.EXPIRED, f"heard at {now.isoformat()}, after reply_by")
        if request.event_id in self.events:
            from_above.on_request(self._event(request), request, now)
            return
        if sum(event.stage is not Stage.CLOSED for event in self.events.values()) >= self.MOST_OPEN:
            raise RefusedMessage(RejectReason.OVERLOAD, f"{self.MOST_OPEN} events are open")
        event = self.events[request.event_id] = self.opened(edge, request)
        event.role.begin(now)
        self._make_room()

    def _on_relax(self, edge: Edge, relax: m.Relax, now: datetime) -> None:
        from_above.on_relax(self._event(relax), relax, now)

    def _on_award(self, edge: Edge, award: m.Award, now: datetime) -> None:
        from_above.on_award(self._event(award), award, now)

    def _on_dispatch(self, edge: Edge, dispatch: m.Dispatch, now: datetime) -> None:
        """A party with children acts on its award; a dispatch from above is noted and changes nothing. Of a slot that is
        summed up it asks for the report."""
        event = self._event(dispatch)
        event.out.tell("dispatch_noted", slot=dispatch.slot, power_w=dispatch.power_w)
        event.settlement.on_dispatch(dispatch, now)

    # -- lost memory

    def _came_online(self, child: str, now: datetime) -> None:
        for event in self.events.values():
            came_online(event, child, now)

    def _refused_below(self, child: str, reject: m.Reject, now: datetime) -> None:
        for event in list(self.events.values()):
            refused_below(event, child, reject, now)

    def _refused_above(self, edge: Edge, sent: m.EventMessage, reject: m.Reject, now: datetime) -> None:
        event = self.events.get(sent.event_id)
        if event is not None and event.up is not None and event.up.edge == edge:
            refused_above(event, sent, reject, now)

    # -- memory

    def _answered(self, edge: Edge, message: m.EventMessage) -> Send | None:
        """Downward the award that stands is what was sent last; it is stored with the child."""
        event = self.events.get(message.event_id)
        child = event.children.by_name.get(edge.child) if event is not None and edge.parent == self.name else None
        if event is None or child is None:
            return super()._answered(edge, message)
        award = child.award
        if (
            award is None
            or (award.outcome is m.Outcome.CONCLUDED and child.awarded_w is None)  # it was refused
            or award.request_id != message.request_id
            or "award" not in ANSWERED_AGAIN.get(message.kind, ())
        ):
            return None
        return Send(edge, event.awards.award_to(child.name, award))

    def at_rest(self, now: datetime) -> bool:
        """Whether every event is closed and over, and nothing is left to be told."""
        return self.announcer.later_at is None and all(
            event.stage is Stage.CLOSED and event.subject.end_at <= now and not event.timers.at.keys() & METERING
            for event in self.events.values()
        )

    def _make_room(self) -> None:
        closed = [event_id for event_id, event in self.events.items() if event.stage is Stage.CLOSED]
        for event_id in closed[: max(0, len(self.events) - self.MAX_EVENTS)]:
            del self.events[event_id]
            self._forget(event_id)

    def progress(self, now: datetime) -> Iterator[m.Progress]:
        """Where it stands in each event, for who comes late."""
        for event in self.events.values():
            yield progress(event, self.name, now)

    def status(self) -> Mapping[str, object]:
        """Its state in words and figures; JSON types only."""
        return {
            "name": self.name,
            "role": self.role.value,
            "counts": dict(self.counts),
            "events": [{**event.status(), **event.role.status()} for event in self.events.values()],
        }
