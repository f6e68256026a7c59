"""What came of each event at each party above the devices, read from the entries of a run: recorded or taken again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from protocol import messages as m
from protocol.actor import Entry, Note, Received, Send
from protocol.plan import Plan, least, share_pct

RUNGS = {
    "offers_summed": ("offers", "available_w"),
    "storage_summed": ("own storage", "available_w"),
    "relaxed_offers_summed": ("relaxed", "available_w"),
    "can_meet": ("can meet", "power_w"),
    "plan_secured": ("secured", "secured_w"),
    "plan_not_secured": ("secured", "secured_w"),
    "answer_judged": ("answered", "offered_w"),
}
"""Notes that end a rung: what the rung is called, and which figure says what was available after it."""
ASKED = ("event_issued", "plan_sent", "request_received")
DEALS = ("award_received", "event_awarded")


@dataclass(slots=True)
class Rung:
    name: str
    available_w: Plan


@dataclass(slots=True)
class Round:
    """A request and the rungs that were climbed for it."""

    requested_w: Plan
    rungs: list[Rung] = field(default_factory=list)


@dataclass(slots=True)
class PartyOutcome:
    """One event at one party."""

    rounds: list[Round] = field(default_factory=list)
    deal_w: Plan | None = None
    awards: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """By child: the outcome of the award that stands, and whether it accepts a relaxed offer."""
    rerequests: int = 0
    delivered_wh: int = 0
    outcome: str = ""

    @property
    def requested_w(self) -> Plan:
        """What it was asked for in the end."""
        return self.rounds[-1].requested_w if self.rounds else ()

    @property
    def share_pct(self) -> int | None:
        """The deal's share of the request in the worst slot; None without a deal."""
        asked = self.requested_w
        if self.deal_w is None or len(self.deal_w) != len(asked):
            return None
        return share_pct(least(self.deal_w, asked), asked)

    @property
    def disturbed(self) -> int:
        """Children with a deal for which they loosen what their owners agreed to."""
        return sum(relaxed for outcome, relaxed in self.awards.values() if outcome == m.Outcome.CONCLUDED)

    def as_json(self) -> dict[str, Any]:
        return {
            "requested_w": self.requested_w,
            "rounds": [
                {
                    "requested_w": one.requested_w,
                    "rungs": [{"rung": rung.name, "available_w": rung.available_w} for rung in one.rungs],
                }
                for one in self.rounds
            ],
            "deal_w": self.deal_w,
            "share_pct": self.share_pct,
            "disturbed": self.disturbed,
            "rerequests": self.rerequests,
            "delivered_wh": self.delivered_wh,
            "outcome": self.outcome,
        }


@dataclass(slots=True)
class Outcome:
    """All events of a run."""

    events: dict[str, dict[str, PartyOutcome]] = field(default_factory=dict)
    """By event and party."""
    _bases: dict[tuple[str, str, str], bool] = field(default_factory=dict)
    """Whether a message of a child was a relaxed offer: by parent, child and message id."""

    @classmethod
    def of(cls, entries: Iterable[Entry], parties: Iterable[str]) -> "Outcome":
        """Of some parties, from the entries of a run in their order."""
        found, wanted = cls(), dict.fromkeys(parties)
        for entry in entries:
            if entry.actor in wanted:
                found._take(entry)
        for event_id, took_part in found.events.items():
            found.events[event_id] = {name: took_part[name] for name in wanted if name in took_part}
        return found

    def party(self, event_id: str, party: str) -> PartyOutcome:
        """What came of an event at a party; an empty one when it took no part."""
        return self.events.get(event_id, {}).get(party, PartyOutcome())

    def deal_w(self, event_id: str | None = None, party: str = "utility") -> Plan | None:
        """The deal of a party, W a slot; of the only event when none is named. None without a deal."""
        return self.party(event_id or next(iter(self.events), ""), party).deal_w

    def as_json(self) -> dict[str, Any]:
        return {
            event_id: {name: party.as_json() for name, party in parties.items()}
            for event_id, parties in self.events.items()
        }

    def _take(self, entry: Entry) -> None:
        heard = entry.input
        if isinstance(heard, Received) and isinstance(heard.message, m.Offer):
            key = (heard.edge.parent, heard.edge.child, heard.message.message_id)
            self._bases[key] = heard.message.basis is m.Basis.RELAXED
        for effect in entry.effects:
            if isinstance(effect, Note) and effect.event_id:
                self._note(entry.actor, effect)
            elif isinstance(effect, Send) and isinstance(effect.message, m.Award):
                self._award(effect.edge.child, entry.actor, effect.message)

    def _at(self, event_id: str, party: str) -> PartyOutcome:
        return self.events.setdefault(event_id, {}).setdefault(party, PartyOutcome())

    def _award(self, child: str, parent: str, award: m.Award) -> None:
        relaxed = self._bases.get((parent, child, award.accepts or ""), False)
        self._at(award.event_id, parent).awards[child] = (award.outcome, relaxed)

    def _note(self, party: str, note: Note) -> None:
        at, data = self._at(note.event_id, party), dict(note.data)
        if note.name in ASKED:
            at.rounds.append(Round(_plan(data["requested_w"])))
            at.outcome, at.deal_w = "", None
        elif note.name in RUNGS and at.rounds:
            rung, key = RUNGS[note.name]
            at.rounds[-1].rungs.append(Rung(rung, _plan(data[key])))
        elif note.name == "alternative_proposed" and at.rounds:
            at.rounds[-1].rungs.append(Rung("alternative", _plan(next(iter(_mapping(data["options"]).values())))))
        elif note.name in DEALS:
            at.deal_w = _plan(data["power_w"])
        elif note.name == "rerequest_sent":
            at.rerequests += 1
        elif note.name == "slot_metered":
            at.delivered_wh += int(str(data["delivered_wh"]))
        elif note.name == "closed":
            at.outcome = str(data["outcome"])


def _plan(value: Any) -> Plan:
    return tuple(value)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value)
