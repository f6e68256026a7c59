"""What journals hold of one event: what was said on which edge and heard there, and what the parties told.

A message stands in two journals, its sender's and its receiver's. One of them is enough to know it; both together tell
what the wire did to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from agents.history.fold import History
from agents.history.narrate import plain
from agents.history.standing import Standing
from agents.settings.parties import PartySettings
from agents.tools.explain.noted import N, NotedEvidence, model_of, of
from protocol import messages as m
from protocol import notes as n
from protocol.actor import Cancel, Entry, Issue, Measured, Note, Received, Refused, Resumed, Send, Setpoint
from protocol.edges import Edge
from protocol.note_model import NoteModel

M = TypeVar("M", bound=m.EventMessage)


@dataclass(slots=True)
class SentEvidence:
    """One message about the event. `said` and `heard` are places in the order of all entries; None: not in a journal
    that is there."""

    edge: Edge
    message: m.EventMessage
    sent: int | None = None
    sent_at: datetime | None = None
    received: int | None = None
    received_at: datetime | None = None
    late: bool = False
    refused: tuple[str, str] | None = None
    """Reason and text with which the far end refused it."""

    @property
    def counted(self) -> bool:
        """Whether the far end took it, as far as is known."""
        return self.received is not None and not self.late and self.refused is None

    @property
    def at(self) -> datetime:
        """When it was heard, else when it was said."""
        return self.received_at or self.sent_at or self.message.sent_at


@dataclass(frozen=True, slots=True)
class Happened:
    """Something at a party that is neither a message nor a note of the event."""

    place: int
    at: datetime
    party: str
    what: Issue | Cancel | Measured | Resumed | Refused | Setpoint


@dataclass
class Evidence:
    """All of it, in the order in which it happened."""

    event_id: str
    settings: Mapping[str, PartySettings]
    """Of every party whose journal describes itself."""
    sent: dict[tuple[Edge, str, str], SentEvidence] = field(default_factory=dict)
    noted: list[NotedEvidence[NoteModel]] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    journals: dict[str, None] = field(default_factory=dict)
    """The parties whose entries are there."""
    last_at: datetime | None = None
    """The last instant of which an entry tells: what was to come later is open, because the system may still run."""
    history: History = field(default_factory=History)
    """What happened to each party, as every reader has it."""
    _by_edge: dict[tuple[Edge, str], list[SentEvidence]] = field(default_factory=dict)
    _by_kind: dict[str, list[SentEvidence]] = field(default_factory=dict)
    _by_party: dict[str, list[NotedEvidence[NoteModel]]] = field(default_factory=dict)
    _ids: dict[tuple[Edge, str], SentEvidence] = field(default_factory=dict)

    def take(self, place: int, entry: Entry) -> None:
        """One entry, in its turn."""
        self.journals[entry.actor] = None
        self.last_at = entry.at if self.last_at is None else max(self.last_at, entry.at)
        notes = [effect for effect in entry.effects if isinstance(effect, Note)]
        match entry.input:
            case Received(edge, m.Reject() as reject):
                self._rejected(place, entry, edge, reject)
            case Received(edge, m.EventMessage() as message) if message.event_id == self.event_id:
                self._heard(place, entry, edge, message, notes)
            case (Issue() | Cancel()) as order if order.event_id == self.event_id:
                self._happened(place, entry, order)
            case (Measured() | Resumed() | Refused()) as seen:
                self._happened(place, entry, seen)
            case _:
                pass
        for effect in entry.effects:
            match effect:
                case Send(edge, m.EventMessage() as message) if message.event_id == self.event_id:
                    self._sent(place, entry, edge, message)
                case Note(event_id=event_id) if event_id == self.event_id:
                    self._told(place, entry, effect)
                case Setpoint():
                    self._happened(place, entry, effect)
                case _:
                    pass

    def _told(self, place: int, entry: Entry, note: Note) -> None:
        model = model_of(note)
        if model is not None:
            self.history.event(self.event_id).party(entry.actor).take(model)
            noted = NotedEvidence(place, entry.at, entry.actor, model)
            self.noted.append(noted)
            self._by_party.setdefault(entry.actor, []).append(noted)

    def _happened(
        self, place: int, entry: Entry, what: Issue | Cancel | Measured | Resumed | Refused | Setpoint
    ) -> None:
        self.happened.append(Happened(place, entry.at, entry.actor, what))

    def _of(self, edge: Edge, message: m.EventMessage) -> SentEvidence:
        key = (edge, message.kind, message.message_id)
        known = self.sent.get(key)
        if known is None:
            known = self.sent[key] = SentEvidence(edge, message)
            self._by_edge.setdefault((edge, message.kind), []).append(known)
            self._by_kind.setdefault(message.kind, []).append(known)
            self._ids[edge, message.message_id] = known
        return known

    def _sent(self, place: int, entry: Entry, edge: Edge, message: m.EventMessage) -> None:
        known = self._of(edge, message)
        if known.sent is None:
            known.sent, known.sent_at = place, entry.at

    def _heard(self, place: int, entry: Entry, edge: Edge, message: m.EventMessage, notes: list[Note]) -> None:
        known = self._of(edge, message)
        if known.received is not None and known.refused is None:
            return  # a repeat changes nothing
        known.received, known.received_at, known.refused = place, entry.at, None
        for note in filter(None, map(model_of, notes)):
            match note:
                case n.LateAnswerRecorded(child=edge.child):
                    known.late = True
                case n.MessageRefused() if note.edge == f"{edge.parent}/{edge.child}":
                    known.refused = (note.reason, note.text)
                case _:
                    pass

    def _rejected(self, place: int, entry: Entry, edge: Edge, reject: m.Reject) -> None:
        """What the far end would not take; its own journal need not be there to know it."""
        known = self._ids.get((edge, reject.refused_id or ""))
        if known is not None and known.received is None:
            known.received, known.received_at = place, reject.sent_at
            known.refused = (str(reject.reason), plain(reject.text))

    # -- asking

    def standing(self, party: str) -> Standing | None:
        """Where a party stands when the journals end; None when they do not tell of it."""
        event = self.history.events.get(self.event_id)
        found = event.parties.get(party) if event is not None else None
        return None if found is None or self.last_at is None else found.standing(self.last_at)

    def is_over(self, at: datetime) -> bool:
        """Whether the journals go on until then."""
        return self.last_at is not None and self.last_at >= at

    def on(self, edge: Edge, kind: type[M]) -> list[SentEvidence]:
        """Messages of a kind on an edge, in the order in which they became known."""
        return self._by_edge.get((edge, kind.kind), [])

    def all(self, kind: type[M]) -> Iterator[SentEvidence]:
        return iter(self._by_kind.get(kind.kind, ()))

    def notes(self, party: str) -> list[NotedEvidence[NoteModel]]:
        return self._by_party.get(party, [])

    def noted_of(self, party: str, kind: type[N]) -> list[NotedEvidence[N]]:
        """A party's notes of a kind."""
        return of(self.notes(party), kind)

    def since(self, party: str, first: type[NoteModel]) -> list[list[NotedEvidence[NoteModel]]]:
        """A party's notes from each one of that kind up to the next."""
        parts: list[list[NotedEvidence[NoteModel]]] = []
        for noted in self.notes(party):
            if isinstance(noted.note, first):
                parts.append([])
            if parts:
                parts[-1].append(noted)
        return parts


def gather(event_id: str, entries: Iterable[Entry], settings: Mapping[str, PartySettings]) -> Evidence:
    """The evidence of one event; the entries of all journals in the order in which they happened."""
    evidence = Evidence(event_id, settings)
    for place, entry in enumerate(entries):
        evidence.take(place, entry)
    return evidence
