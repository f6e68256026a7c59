"""What the pages show: the history of all events, the notes in words and the messages behind it, and the settings of the
parties. It decides nothing; it is fed with entries and keeps them folded."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from agents.history.fold import EventHistory, History
from agents.history.line import NoteLine
from agents.settings.contracts import Contracts, contracts_of, with_contracts
from agents.settings.members import Member, Members
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, PartySettings
from protocol import messages as m
from protocol.actor import Entry, Measured, Note, Planned, Received, Reconfigured, Send, Setpoint
from protocol.edges import Edge

MOST_EVENTS, MOST_LINES, MOST_MESSAGES = 400, 3_000, 20_000
"""What is kept: events, and lines and messages of each."""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message as it left or came."""

    at: datetime
    edge: Edge
    message: m.Message
    down: bool
    """From the parent to the child."""


@dataclass(slots=True)
class EventRecord:
    """What was told and said of one event, in the order in which it became known."""

    lines: deque[NoteLine] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    messages: deque[MessageLine] = field(default_factory=lambda: deque(maxlen=MOST_MESSAGES))
    requests: dict[str, m.Request] = field(default_factory=dict)
    """By the party that was asked, the last one."""


class LeftMember(NamedTuple):
    """A contract that has ended."""

    parent: str
    member: Member


@dataclass(slots=True)
class Chronicle:
    """`take` puts an entry in."""

    history: History = field(default_factory=History)
    records: dict[str, EventRecord] = field(default_factory=dict)
    settings: dict[str, PartySettings] = field(default_factory=dict)
    heard: dict[Edge, MessageLine] = field(default_factory=dict)
    """The last message that came up on an edge."""
    binding: dict[Edge, tuple[str, ...]] = field(default_factory=dict)
    """What kept a child from offering more, in its last offer."""
    setpoints: dict[tuple[str, str], Setpoint] = field(default_factory=dict)
    readings: dict[tuple[str, str], Measured] = field(default_factory=dict)
    plans: dict[tuple[str, str], Planned] = field(default_factory=dict)
    """By party and resource."""
    left: dict[str, LeftMember] = field(default_factory=dict)
    """Who left a book since its journal began, and is in none now."""
    last_at: datetime | None = None
    version: int = 0
    """Counts what was taken."""

    def know(self, settings: Iterable[PartySettings]) -> None:
        """Take the settings of parties."""
        self.settings |= {one.name: one for one in settings}
        self.version += 1

    def take_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """One step of a party, in its turn."""
        self.version += 1
        self.last_at = entry.at if self.last_at is None else max(self.last_at, entry.at)
        self.history.take_entry(entry)
        match entry.input:
            case Received(edge, message):
                self._message(entry, MessageLine(entry.at, edge, message, down=edge.child == entry.actor))
            case Measured():
                self.readings[entry.actor, entry.input.resource_id] = entry.input
            case Reconfigured(contracts=contracts):
                self._book(entry.actor, contracts_of(contracts))
            case Planned():
                self.plans[entry.actor, entry.input.resource_id] = entry.input
            case _:
                pass
        for effect in entry.effects:
            match effect:
                case Send(edge, message):
                    self._message(entry, MessageLine(entry.at, edge, message, down=edge.parent == entry.actor))
                case Note(event_id=event_id) if event_id:
                    self._record(event_id).lines.append(NoteLine.of(entry.at, entry.actor, effect))
                case Setpoint():
                    self.setpoints[entry.actor, effect.resource_id] = effect
                case _:
                    pass

    def _book(self, party: str, contracts: Contracts) -> None:
        """Members have joined, changed or left."""
        settings = self.settings.get(party)
        if isinstance(settings, CoordinatorSettings | AggregatorSettings):
            before = Members(members=settings.members)
            book = with_contracts(before, contracts)
            for name, terms in contracts.items():
                if terms is not None:
                    self.left.pop(name, None)
                elif name in before:
                    self.left[name] = LeftMember(party, before[name])
            self.settings[party] = settings.model_copy(update={"members": book.members})

    def _message(self, entry: Entry, line: MessageLine) -> None:
        """A message stands in two journals: the parent's counts, and a home's own where it is the reader."""
        message = line.message
        if not line.down and line.edge.parent == entry.actor:
            self.heard[line.edge] = line
            if isinstance(message, m.Offer):
                self.binding[line.edge] = tuple(dict.fromkeys(str(one) for one in message.binding if one is not None))
        if not isinstance(message, m.EventMessage):
            return
        if line.down and isinstance(message, m.Request):
            self._record(message.event_id).requests[line.edge.child] = message
        if line.edge.parent == entry.actor or isinstance(self.settings.get(entry.actor), DerSettings):
            self._record(message.event_id).messages.append(line)

    def _record(self, event_id: str) -> EventRecord:
        found = self.records.get(event_id)
        if found is None:
            found = self.records[event_id] = EventRecord()
            if len(self.records) > MOST_EVENTS:
                oldest = next(iter(self.records))
                del self.records[oldest]
                self.history.events.pop(oldest, None)
        return found

    def event(self, event_id: str) -> EventHistory | None:
        return self.history.events.get(event_id)
