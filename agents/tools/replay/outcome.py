"""What came of each event at each party above the devices, read from the entries of a run: recorded or taken again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agents.history.fold import History
from agents.history.party import PartyHistory
from protocol.actor import Entry
from protocol.plan import Plan

PartyOutcome: TypeAlias = PartyHistory
"""What came of one event at one party."""


class UnknownName(LookupError):
    """An event or a party that the recording does not have; `str(error)` says which there are."""


@dataclass(slots=True)
class EventOutcome:
    """All events of a run."""

    events: dict[str, dict[str, PartyOutcome]] = field(default_factory=dict)
    """By event and party."""
    parties: tuple[str, ...] = ()
    """Everybody who could take part."""
    event_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[Entry], parties: Iterable[str], event_ids: Iterable[str] = ()) -> "EventOutcome":
        """Of some parties, from the entries of a run in their order. `event_ids`: those that there are, whether anything
        came of them or not."""
        wanted = tuple(dict.fromkeys(parties))
        history = History.of(entries, wanted)
        found = {
            event_id: {name: event.parties[name] for name in wanted if name in event.parties}
            for event_id, event in history.events.items()
        }
        return cls(found, wanted, tuple(dict.fromkeys([*found, *event_ids])))

    def party(self, event_id: str, party: str) -> PartyOutcome:
        """What came of an event at a party; an empty one when it took no part. Raises UnknownName."""
        known("event", event_id, self.event_ids)
        known("party above the devices", party, self.parties)
        return self.seen(event_id, party)

    def seen(self, event_id: str, party: str) -> PartyOutcome:
        """The same for a name of another run."""
        return self.events.get(event_id, {}).get(party, PartyOutcome(party))

    def deal_w(self, event_id: str | None = None, party: str = "utility") -> Plan | None:
        """The deal of a party, W a slot; of the first event when none is named. None without a deal. Raises
        UnknownName."""
        return self.party(event_id or next(iter(self.event_ids), ""), party).deal_w

    def as_json(self) -> dict[str, Any]:
        return {
            event_id: {name: _as_json(party) for name, party in parties.items()}
            for event_id, parties in self.events.items()
        }


def known(what: str, name: str, names: Iterable[str]) -> None:
    """Raises UnknownName for a name that is not among those."""
    if name not in (found := list(names)):
        raise UnknownName(f"there is no {what} {name!r} in this recording; there are {', '.join(found) or 'none'}")


def _as_json(one: PartyOutcome) -> Mapping[str, Any]:
    return {
        "requested_w": one.requested_w,
        "rounds": [
            {
                "requested_w": asked.requested_w,
                "rungs": [{"rung": rung.name, "available_w": rung.available_w} for rung in asked.rungs],
            }
            for asked in one.rounds
        ],
        "deal_w": one.deal_w,
        "share_pct": one.share_pct,
        "disturbed": one.disturbed,
        "rerequests": one.rerequests,
        "delivered_wh": one.delivered_wh,
        "outcome": one.outcome,
    }
