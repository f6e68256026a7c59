"""The fold: notes of one or many parties, alone or with the messages of their entries, into what happened."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.history.edge import EdgeHistory
from agents.history.line import NoteLine
from agents.history.party import UTILITY, PartyHistory
from protocol import messages as m
from protocol.actor import Entry, Note, Received, Send
from protocol.edges import Edge
from protocol.note_reading import read_note


@dataclass(slots=True)
class EventHistory:
    """One event: its parties in the order in which they first told of it."""

    event_id: str
    parties: dict[str, PartyHistory] = field(default_factory=dict)

    def party(self, name: str) -> PartyHistory:
        """What happened to a party; it takes part from now on."""
        found = self.parties.get(name)
        if found is None:
            found = self.parties[name] = PartyHistory(name)
        return found

    @property
    def top(self) -> PartyHistory | None:
        """The utility, where it has told of the event."""
        return next((party for party in self.parties.values() if party.role == UTILITY), None)

    @property
    def slots(self) -> int:
        """How many the event has; 0: not known."""
        return max((len(party.requested_w) for party in self.parties.values()), default=0)


@dataclass(slots=True)
class History:
    """All events."""

    events: dict[str, EventHistory] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry], parties: Iterable[str] | None = None) -> "History":
        """From the entries of a run in their order; of some parties only."""
        found, wanted = cls(), None if parties is None else frozenset(parties)
        for entry in entries:
            if wanted is None or entry.actor in wanted:
                found.take_entry(entry)
        return found

    def event(self, event_id: str) -> EventHistory:
        found = self.events.get(event_id)
        if found is None:
            found = self.events[event_id] = EventHistory(event_id)
        return found

    def take_note(self, party: str, note: Note | NoteLine) -> None:
        """A note of an actor, of a journal, or of a log line; one that this version does not know changes nothing, and an
        order that is refused makes no event."""
        if note.name == "order_refused" and note.event_id not in self.events:
            return
        if note.event_id and (model := read_note(note.name, note.step, note.data)) is not None:
            self.event(note.event_id).party(party).take(model)

    def take_entry(self, entry: Entry) -> None:
        """A step of a party: its notes, and what it said to its children and heard from them."""
        match entry.input:
            case Received(edge, m.EventMessage() as message) if edge.parent == entry.actor:
                self._edge(edge, message, entry)
            case _:
                pass
        for effect in entry.effects:
            match effect:
                case Note():
                    self.take_note(entry.actor, effect)
                case Send(edge, m.EventMessage() as message) if edge.parent == entry.actor:
                    self._edge(edge, message, entry)
                case _:
                    pass

    def _edge(self, edge: Edge, message: m.EventMessage, entry: Entry) -> None:
        children = self.event(message.event_id).party(entry.actor).children
        known = children.get(edge.child)
        if known is None:
            known = children[edge.child] = EdgeHistory(edge)
        known.take(message, entry.at)

    def stands(self) -> bool:
        """Whether a utility has a deal that stands."""
        return any(event.top is not None and event.top.secured_w is not None for event in self.events.values())
