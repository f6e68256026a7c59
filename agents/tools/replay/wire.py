"""The messages of a recording, whoever kept them: what a tap heard, what a party's journal says it sent or took in.

A message stands here once, at its first instant; repeats say nothing new. A tap's own clock is another one than that
of a system which runs faster than real time, so a message that a tap heard stands at its `sent_at`. What a party said
and the far end, whose journal is there, never took in was lost on its way: it is marked so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic import BaseModel

from broker.recording_file import RecordedMessage, Step
from protocol import messages as m
from protocol.actor import Cancel, Decided, Issue, Received, Send
from protocol.codec import decode_body
from protocol.edges import ROUTES, Edge, Way, parse_topic
from protocol.entries import decode_effects, decode_input
from protocol.errors import RefusedMessage


@dataclass(frozen=True, slots=True)
class WireMessage:
    """One message of a recording."""

    at: datetime
    sender: str
    kind: str
    edge: Edge
    message: m.Message
    received_at: datetime | None = None
    """When the far end took it in; None when it was lost on its way, or nobody knows."""
    lost: bool = False

    @property
    def hearer(self) -> str:
        return self.edge.other(self.sender)

    @property
    def event_id(self) -> str:
        return self.message.event_id if isinstance(self.message, m.EventMessage) else ""

    def moved(self, by: timedelta) -> "WireMessage":
        """The same with every instant moved, those in the message included."""
        received_at = None if self.received_at is None else self.received_at + by
        return replace(
            self, at=self.at + by, received_at=received_at, message=cast(m.Message, _moved(self.message, by))
        )


def _moved(value: Any, by: timedelta) -> Any:
    match value:
        case datetime():
            return value + by
        case tuple():
            return tuple(_moved(item, by) for item in value)
        case BaseModel():
            return value.model_copy(
                update={name: _moved(getattr(value, name), by) for name in type(value).model_fields}
            )
    return value


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator or a resident decided, as a journal has it."""

    at: datetime
    actor: str
    item: Issue | Cancel | Decided


def on_the_wire(lines: Iterable[RecordedMessage | Step]) -> list[WireMessage]:
    """All messages by their instants, each once. Bytes that are no message are left out."""
    found: dict[tuple[str, Edge, str], WireMessage] = {}
    taken: dict[tuple[str, Edge, str], datetime] = {}
    listeners: dict[str, None] = {}
    for line in lines:
        if isinstance(line, Step):
            listeners[line.actor] = None
        for sent in _of_heard(line) if isinstance(line, RecordedMessage) else _of_step(line):
            key = (sent.kind, sent.edge, sent.message.message_id)
            if sent.received_at is not None:
                taken.setdefault(key, sent.received_at)
            before = found.get(key)
            if before is None or sent.at < before.at:
                found[key] = sent
    for key, sent in found.items():
        received_at = taken.get(key)
        found[key] = replace(sent, received_at=received_at, lost=received_at is None and sent.hearer in listeners)
    return sorted(found.values(), key=lambda sent: sent.at)


def orders(lines: Iterable[RecordedMessage | Step]) -> list[Order]:
    """What was decided from outside, oldest first."""
    found = []
    for line in lines:
        if isinstance(line, Step) and not line.input.startswith((b'{"input":"received"', b"null")):
            item = decode_input(line.input)
            if isinstance(item, Issue | Cancel | Decided):
                found.append(Order(line.at, line.actor, item))
    return sorted(found, key=lambda order: order.at)


def _of_heard(received: RecordedMessage) -> Iterator[WireMessage]:
    try:
        kind, edge = parse_topic(received.topic)
        message = decode_body(kind, received.payload)
    except RefusedMessage:
        return
    yield WireMessage(message.sent_at, sender_of(kind, edge, message), kind, edge, message, received_at=message.sent_at)


def _of_step(step: Step) -> Iterator[WireMessage]:
    if step.input.startswith(b'{"input":"received"'):
        item = decode_input(step.input)
        if isinstance(item, Received):
            sender = item.edge.other(step.actor)
            yield WireMessage(step.at, sender, item.message.kind, item.edge, item.message, received_at=step.at)
    if b'"effect":"send"' in step.effects:
        for effect in decode_effects(step.effects):
            if isinstance(effect, Send):
                yield WireMessage(step.at, step.actor, effect.message.kind, effect.edge, effect.message)


def sender_of(kind: str, edge: Edge, message: m.Message) -> str:
    """Who said a message; of a rejection the topic alone does not tell it."""
    if isinstance(message, m.Reject):
        return edge.parent if message.refused_by is m.Side.PARENT else edge.child
    return edge.parent if ROUTES[kind].way is Way.DOWN else edge.child
