"""What every party does, whatever its role: know its edges, take repeats as repeats, refuse with a reason.

Same id and same body = a repeat: answered again, nothing counted twice. Same id, other body = refused. A peer's fault
is caught here, in one place; our own fault is not caught at all.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from agents.negotiation.received import ReceivedMarks, mark_of
from agents.negotiation.sent_upward import SentUpward
from protocol import messages as m
from protocol.actor import Clear, Effect, Input, Note, Received, Refused, Resumed, Send
from protocol.edges import ROUTES, Edge, Way
from protocol.errors import RefusedMessage, RejectReason

M = TypeVar("M", bound=m.EventMessage)
Handler: TypeAlias = Callable[[Edge, Any, datetime], None]
Taker: TypeAlias = Callable[[Any, datetime], None]

UPWARD = frozenset(kind for kind, route in ROUTES.items() if route.way is Way.UP)
MAX_HEARD = 4096
"""How many messages about one event are remembered for each edge; more is a flood and refused."""


class Party:
    """Base of the actors. Subclasses fill `_handlers` and `_takers`, and write `_due`."""

    def __init__(self, name: str, parents: tuple[str, ...], children: Mapping[str, object]) -> None:
        self.name = name
        self._parents = parents
        self._children = children
        self._heard: dict[str, ReceivedMarks] = {}
        """By event."""
        self.sent_upward = SentUpward()
        self.effects: list[Effect] = []
        self._deadline: datetime | None = None
        self._stale = True
        self._hearing = False
        """After a start, until it is woken: what waited comes before what is due."""
        self.counts_waited = False
        """In that time: whether answers that waited count as said in time."""
        self.counts: Counter[str] = Counter()
        self._handlers: dict[type[m.Message], Handler] = {}
        """What takes a message about an event, by its kind."""
        self._takers: dict[type[Input], Taker] = {Refused: self._refused}
        """What takes another input than a message, by its type."""

    def parents(self) -> tuple[str, ...]:
        return self._parents

    def is_parent(self) -> bool:
        return bool(self._children)

    def has_child(self, name: str) -> bool:
        """Whether somebody is below it now."""
        return name in self._children

    @property
    def deadline(self) -> datetime | None:
        """When something is due; found out once after each step, because it is asked for several times."""
        if self._stale:
            self._deadline, self._stale = self._next_due(), False
        return self._deadline

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        """Do what is due first (late is late, however fast the inbox), then take the input."""
        due = not self._hearing and (deadline := self.deadline) is not None and deadline <= now
        self.effects, self._stale = [], True
        if isinstance(item, Resumed):  # before what is due: an event may have ended meanwhile
            self._hearing, self.counts_waited = True, item.counts_waited
            self._resumed(now)
            return self.effects
        if due:
            self._due(now)
        if isinstance(item, Received):
            self._receive(item.edge, item.message, item, now)
        else:
            take = self._takers.get(type(item))
            if take is None:
                raise TypeError(f"{self.name} takes no {type(item).__name__}")
            take(item, now)
        return self.effects

    def wake(self, now: datetime) -> list[Effect]:
        """Do what is due at `now`: one step of each event, judged by `now` and not by the old deadline."""
        self.effects, self._stale, self._hearing = [], True, False
        self._due(now)
        self.counts_waited = False
        return self.effects

    # -- for subclasses

    def _next_due(self) -> datetime | None:
        """The earliest of all timers; called outside of steps only."""
        raise NotImplementedError

    def _due(self, now: datetime) -> None:
        raise NotImplementedError

    def _resumed(self, now: datetime) -> None:
        """Say again what nobody has answered: it may have been lost while the process was down (P6)."""
        raise NotImplementedError

    def knows(self, event_id: str) -> bool:
        """Whether it still has the event in its memory."""
        return event_id in self._heard

    def at_rest(self, now: datetime) -> bool:
        """Whether every event that it knows is closed and over."""
        raise NotImplementedError

    def send(self, edge: Edge, message: m.Message) -> None:
        """Send a message in this step."""
        send = Send(edge, message)
        self.counts[f"sent.{message.kind}"] += 1
        if isinstance(message, m.EventMessage):
            self._of_event(message.event_id)
            if edge.child == self.name and not _is_provisional(message):
                self.sent_upward.keep(message.event_id, send)
        self.effects.append(send)

    def recall(self, said: Send) -> None:
        """A message stands in the journal in another body than it was made in now: it is said again as it was said."""
        message = said.message
        if isinstance(message, m.EventMessage) and said.edge.child == self.name:
            self.sent_upward.keep(message.event_id, said)
            self._recall(message)

    def _recall(self, said: m.EventMessage) -> None:
        """What else remembers such a message."""

    def clear_now(self, edge: Edge) -> None:
        """Take the retained request off an edge in this step."""
        self.effects.append(Clear(edge))

    def effect(self, effect: Effect) -> None:
        """Let something happen in this step."""
        self.effects.append(effect)

    def tell(self, name: str, event_id: str = "", step: str = "", data: Mapping[str, object] | None = None) -> None:
        """Note what is worth telling."""
        self.effects.append(Note(name, event_id, step, data or {}))

    def _forget(self, event_id: str) -> None:
        self._heard.pop(event_id, None)
        self.sent_upward.forget(event_id)

    # -- taking messages

    def _receive(self, edge: Edge, message: m.Message, item: Received, now: datetime) -> None:
        if isinstance(message, m.Reject):
            self._rejected(edge, message, now)
            return
        if isinstance(message, m.Presence):
            self.counts["received.presence"] += 1
            if message.online and edge.parent == self.name:
                self._came_online(edge.child, now)
            return
        if isinstance(message, m.Capability):
            return  # nothing of it stands in a journal: what is made of it comes as `Foreseen`
        assert isinstance(message, m.EventMessage)
        provisional = _is_provisional(message)  # no journal need have it, where nothing follows from it
        self.counts[f"received.{message.kind}"] += not provisional
        try:
            self._belongs(edge, message)
            if provisional:
                self._handle(edge, message, now)
                return
            mark = mark_of(message.message_id, item.body)
            if self._repeated(edge, message, mark):
                return
            self._handle(edge, message, now)
            self._of_event(message.event_id).keep(self._where(edge), mark)
        except RefusedMessage as refusal:
            self.counts[f"refused.{refusal.reason}"] += 1
            data = {"edge": _arrow(edge), "kind": message.kind, "reason": refusal.reason, "text": refusal.text}
            self.tell("message_refused", message.event_id, data=data)
            refusal.message_id = message.message_id
            self._reject(edge, message.kind, refusal, now)

    def _refused(self, item: Refused, now: datetime) -> None:
        self.counts[f"refused.{item.reason}"] += 1
        self.tell("message_refused", data={"edge": _arrow(item.edge), "reason": item.reason, "text": item.text})
        if item.kind not in ("reject", "presence", "capability"):
            self._reject(item.edge, item.kind, RefusedMessage(item.reason, item.text, item.message_id), now)

    def _handle(self, edge: Edge, message: m.EventMessage, now: datetime) -> None:
        handler = self._handlers.get(type(message))
        if handler is None:
            raise RefusedMessage(RejectReason.UNKNOWN_TOPIC, f"{self.name} takes no {message.kind}")
        handler(edge, message, now)

    def _belongs(self, edge: Edge, message: m.EventMessage) -> None:
        if edge.parent == self.name:
            known = edge.child in self._children or self._has_left(edge.child, message)
        else:
            known = edge.parent in self._parents
        mine = edge.parent if message.kind in UPWARD else edge.child
        if not known or mine != self.name:
            raise RefusedMessage(RejectReason.UNKNOWN_PARTY, f"{edge.other(self.name)} is not in {self.name}'s book")

    def _has_left(self, child: str, message: m.EventMessage) -> bool:
        """Whether a message comes from somebody whose contract has ended while the event of the message was under way."""
        return False

    def _of_event(self, event_id: str) -> ReceivedMarks:
        """What was heard about an event, which is known from now on."""
        received = self._heard.get(event_id)
        if received is None:
            received = self._heard[event_id] = ReceivedMarks()
        return received

    def _where(self, edge: Edge) -> str:
        """Under what it is kept what was heard on an edge: a child's name is there anyway, and is no edge's."""
        return edge.child if edge.parent == self.name else _arrow(edge)

    def _repeated(self, edge: Edge, message: m.EventMessage, mark: bytes) -> bool:
        """Answer a repeat again with what was last said on that edge since; refuse an id that was used before."""
        received = self._heard.get(message.event_id)
        if received is None:
            return False
        known = received.same_id(self._where(edge), mark)
        if known is None:
            if received.count(self._where(edge)) >= MAX_HEARD:
                raise RefusedMessage(RejectReason.OVERLOAD, f"more than {MAX_HEARD} messages about one event")
            return False
        if known != mark:
            raise RefusedMessage(RejectReason.CONFLICT, f"{message.message_id} was sent before with another body")
        self.counts[f"repeated.{message.kind}"] += 1
        answer = self._answered(edge, message)
        if answer is not None:
            self.effects.append(answer)
        return True

    def _answered(self, edge: Edge, message: m.EventMessage) -> Send | None:
        """What a repeat is answered with again."""
        return self.sent_upward.answer(edge, message)

    def _rejected(self, edge: Edge, message: m.Reject, now: datetime) -> None:
        mine = m.Side.PARENT if edge.parent == self.name else m.Side.CHILD
        if message.refused_by is mine:
            return  # our own word, heard on the topic that both ends share
        self.counts[f"rejected.{message.reason}"] += 1
        data = {"edge": _arrow(edge), "kind": message.refused_kind, "reason": message.reason, "text": message.text}
        self.tell("message_rejected_by_peer", data=data)
        if edge.parent == self.name:
            self._refused_below(edge.child, message, now)
        elif (sent := self.sent_upward.refused(edge, message)) is not None:
            self._refused_above(edge, sent, message, now)

    def _came_online(self, child: str, now: datetime) -> None:
        """A child's process has connected."""

    def _refused_below(self, child: str, reject: m.Reject, now: datetime) -> None:
        """A child refuses what we said: it may have lost its memory, or we ours."""

    def _refused_above(self, edge: Edge, sent: m.EventMessage, reject: m.Reject, now: datetime) -> None:
        """A parent refuses what we said last of a kind."""

    def _reject(self, edge: Edge, kind: str, refusal: RefusedMessage, now: datetime) -> None:
        side = m.Side.PARENT if edge.parent == self.name else m.Side.CHILD
        number = self.counts["sent.reject"] + 1
        reject = m.Reject(
            message_id=f"{self.name}.reject.{number}",
            sent_at=now,
            refused_id=refusal.message_id,
            refused_kind=kind[:64],
            refused_by=side,
            reason=refusal.reason,
            text=refusal.text[:500],
        )
        self.send(edge, reject)


def _is_provisional(message: m.EventMessage) -> bool:
    """Whether a message only tells what has flowed so far in a slot."""
    return isinstance(message, m.Report) and message.so_far


def _arrow(edge: Edge) -> str:
    return f"{edge.parent}/{edge.child}"
