"""A party with children: routes what it hears to the event that it is about."""

from collections.abc import Mapping
from datetime import datetime

from agents.negotiation.announcer import Announcer
from agents.negotiation.asking import Stage
from agents.negotiation.negotiation import Negotiation
from protocol import messages as m
from protocol.actor import Send
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason


class ParentParty(Announcer):
    """Base of utility, coordinator and aggregator."""

    MAX_EVENTS = 256
    """Closed events beyond this many are forgotten, oldest first."""

    def __init__(self, name: str, parents: tuple[str, ...], children: Mapping[str, object]) -> None:
        super().__init__(name, parents, children)
        self.events: dict[str, Negotiation] = {}
        self._handlers |= {
            m.Offer: self._on_answer,
            m.Alternative: self._on_answer,
            m.Confirm: self._on_confirm,
            m.Withdraw: self._on_withdraw,
        }

    def _next_due(self) -> datetime | None:
        first = self.later_at
        for event in self.events.values():
            for at in event.timers.values():  # of each step: in a loop it takes a third of what min() takes
                if first is None or at < first:
                    first = at
        return first

    def _due(self, now: datetime) -> None:
        if self.later_at is not None and self.later_at <= now:
            self.say_more(now)
        for event in [event for event in self.events.values() if event.timers]:
            if event.deadline is not None and event.deadline <= now:
                event.due(now)

    def _resumed(self, now: datetime) -> None:
        for event in list(self.events.values()):
            event.resumed(now)

    def _event(self, message: m.EventMessage) -> Negotiation:
        event = self.events.get(message.event_id)
        if event is None:
            raise RefusedMessage(RejectReason.UNKNOWN_EVENT, f"{self.name} knows no event {message.event_id}")
        return event

    def _on_answer(self, edge: Edge, message: m.Offer | m.Alternative, now: datetime) -> None:
        self._event(message).on_answer(edge, message, now)

    def _on_confirm(self, edge: Edge, message: m.Confirm, now: datetime) -> None:
        self._event(message).on_confirm(edge, message, now)

    def _on_withdraw(self, edge: Edge, message: m.Withdraw, now: datetime) -> None:
        self._event(message).on_withdraw(edge, message, now)

    def _answered(self, edge: Edge, message: m.EventMessage, kinds: tuple[str, ...]) -> Send | None:
        """Downward the award that stands is what was said last; it is kept with the child."""
        event = self.events.get(message.event_id)
        child = event.children.by_name.get(edge.child) if event is not None and edge.parent == self.name else None
        if event is None or child is None:
            return super()._answered(edge, message, kinds)
        award = child.award
        if award is None or award.request_id != message.request_id or "award" not in kinds:
            return None
        return Send(edge, event.award_to(child.name, award))

    def at_rest(self, now: datetime) -> bool:
        return self.later_at is None and all(
            event.stage is Stage.CLOSED and event.end_at <= now for event in self.events.values()
        )

    def _make_room(self) -> None:
        closed = [event_id for event_id, event in self.events.items() if event.stage is Stage.CLOSED]
        for event_id in closed[: max(0, len(self.events) - self.MAX_EVENTS)]:
            del self.events[event_id]
            self._forget(event_id)

    def status(self) -> Mapping[str, object]:
        return {
            "name": self.name,
            "role": type(self).__name__.lower(),
            "counts": dict(self.counts),
            "events": [event.status() for event in self.events.values()],
        }
