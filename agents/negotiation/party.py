"""What every party does, whatever its role: know its edges, take repeats as repeats, refuse with a reason.

Same id and same body = a repeat: answered again, nothing counted twice. Same id, other body = refused. A peer's fault
is caught here, in one place; our own fault is not caught at all.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from agents.negotiation.received import ReceivedMarks, mark_of
from protocol import messages as m
from protocol.actor import (
    Cancel,
    Clear,
    Corrected,
    Decided,
    Effect,
    Foreseen,
    Input,
    Issue,
    Measured,
    Note,
    Outage,
    Planned,
    Received,
    Reconfigured,
    Refused,
    Resumed,
    Send,
    Solved,
)
from protocol.edges import ROUTES, Edge, Way
from protocol.errors import RefusedMessage, RejectReason

M = TypeVar("M", bound=m.EventMessage)
Handler = Callable[[Edge, Any, datetime], None]

UPWARD = frozenset(kind for kind, route in ROUTES.items() if route.way is Way.UP)
MAX_HEARD = 4096
"""How many messages about one event are remembered for each edge; more is a flood and refused."""


class Party:
    """Base of the actors. Subclasses fill `_handlers` and write `_due`."""

    def __init__(self, name: str, parents: tuple[str, ...], children: Mapping[str, object]) -> None:
        self.name = name
        self._parents = parents
        self._children = children
        self._heard: dict[str, ReceivedMarks] = {}
        """By event."""
        self._said: dict[str, dict[Edge, dict[str, Send]]] = {}
        """By event and edge upward: the last message of each kind, the newest one last."""
        self.effects: list[Effect] = []
        self._deadline: datetime | None = None
        self._stale = True
        self._hearing = False
        """After a start, until it is woken: what waited comes before what is due."""
        self.counts: Counter[str] = Counter()
        self._handlers: dict[type[m.Message], Handler] = {}

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
            self._hearing = True
            self._resumed(now)
            return self.effects
        if due:
            self._due(now)
        if isinstance(item, Received):
            self._receive(item.edge, item.message, item, now)
        elif isinstance(item, Refused):
            self._refused(item, now)
        elif isinstance(item, Measured):
            self._measured(item, now)
        elif isinstance(item, Planned):
            self._planned(item, now)
        elif isinstance(item, Decided):
            self._decided(item, now)
        elif isinstance(item, Foreseen):
            self._foreseen(item)
        elif isinstance(item, Solved):
            self._solved(item, now)
        elif isinstance(item, Outage):
            self._outage(item, now)
        elif isinstance(item, Reconfigured):
            self._reconfigured(item, now)
        elif isinstance(item, Corrected):
            self._corrected(item, now)
        else:
            self._ordered(item, now)
        return self.effects

    def wake(self, now: datetime) -> list[Effect]:
        """Do what is due at `now`: one step of each event, judged by `now` and not by the old deadline."""
        self.effects, self._stale, self._hearing = [], True, False
        self._due(now)
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

    def _measured(self, item: Measured, now: datetime) -> None:
        raise TypeError(f"{self.name} has no devices")

    def _planned(self, item: Planned, now: datetime) -> None:
        raise TypeError(f"{self.name} has no vehicles")

    def _outage(self, item: Outage, now: datetime) -> None:
        raise TypeError(f"{self.name} has no connection point")

    def _decided(self, item: Decided, now: datetime) -> None:
        raise TypeError(f"{self.name} asks no resident")

    def _foreseen(self, item: Foreseen) -> None:
        raise TypeError(f"{self.name} asks nobody")

    def _reconfigured(self, item: Reconfigured, now: datetime) -> None:
        raise TypeError(f"{self.name} has no book of contracts")

    def _corrected(self, item: Corrected, now: datetime) -> None:
        raise TypeError(f"{self.name} learns nothing of members")

    def _solved(self, item: Solved, now: datetime) -> None:
        raise TypeError(f"{self.name} wants no plan")

    def _ordered(self, item: Issue | Cancel, now: datetime) -> None:
        raise TypeError(f"{self.name} takes no operator's orders")

    def send(self, edge: Edge, message: m.Message) -> None:
        """Send a message in this step."""
        send = Send(edge, message)
        self.counts[f"sent.{message.kind}"] += 1
        if isinstance(message, m.EventMessage):
            self._of_event(message.event_id)
            if edge.child == self.name:
                sent = self._said.setdefault(message.event_id, {}).setdefault(edge, {})
                sent.pop(message.kind, None)
                sent[message.kind] = send
        self.effects.append(send)

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
        self._said.pop(event_id, None)

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
        self.counts[f"received.{message.kind}"] += 1
        try:
            self._belongs(edge, message)
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
        answer = self._answered(edge, message, ANSWERED_AGAIN.get(message.kind, ()))
        if answer is not None:
            self.effects.append(answer)
        return True

    def _answered(self, edge: Edge, message: m.EventMessage, kinds: tuple[str, ...]) -> Send | None:
        """What was last said about a request, of some kinds."""
        for kind, send in reversed(self._said.get(message.event_id, {}).get(edge, {}).items()):
            same = isinstance(send.message, m.EventMessage) and send.message.request_id == message.request_id
            if same and kind in kinds and _of_its_slot(send.message, message):
                return send
        return None

    def last_sent(self, edge: Edge, event_id: str, kind: str) -> m.Message | None:
        """What was sent last of a kind on an edge upward, about an event."""
        send = self._said.get(event_id, {}).get(edge, {}).get(kind)
        return None if send is None else send.message

    def _rejected(self, edge: Edge, message: m.Reject, now: datetime) -> None:
        mine = m.Side.PARENT if edge.parent == self.name else m.Side.CHILD
        if message.refused_by is mine:
            return  # our own word, heard on the topic that both ends share
        self.counts[f"rejected.{message.reason}"] += 1
        data = {"edge": _arrow(edge), "kind": message.refused_kind, "reason": message.reason, "text": message.text}
        self.tell("message_rejected_by_peer", data=data)
        if edge.parent == self.name:
            self._refused_below(edge.child, message, now)
        elif (sent := self._sent_as(edge, message)) is not None:
            self._refused_above(edge, sent, message, now)

    def _sent_as(self, edge: Edge, reject: m.Reject) -> m.EventMessage | None:
        """What was sent last of a kind on an edge upward, where it is what a peer refuses."""
        for by_edge in self._said.values():
            send = by_edge.get(edge, {}).get(reject.refused_kind)
            if send is not None and send.message.message_id == reject.refused_id:
                return send.message if isinstance(send.message, m.EventMessage) else None
        return None

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


ANSWERED_AGAIN: dict[str, tuple[str, ...]] = {
    "request": ("offer", "alternative", "confirm"),
    "relax": ("offer", "alternative", "confirm"),
    "award": ("confirm",),
    "offer": ("award",),
    "alternative": ("award",),
    "withdraw": ("award",),
    "dispatch": ("report",),
}
"""What a repeat of a kind is answered with again: the newest of these kinds that was said on that edge."""


def _of_its_slot(answer: m.Message, message: m.Message) -> bool:
    """Whether what was sent last is about the slot of the message, where that is about one."""
    if not isinstance(answer, m.Report) or not isinstance(message, m.Dispatch):
        return True
    return message.slot in (answer.slot, *(reading.slot for reading in answer.readings))


def _arrow(edge: Edge) -> str:
    return f"{edge.parent}/{edge.child}"
