"""Who is online, by what retained presence and last wills say. A party has one presence for each of its parents."""

from dataclasses import dataclass, field
from datetime import datetime

from protocol import messages as m
from protocol.edges import Edge

MOST_PARENTS = 8


@dataclass(slots=True)
class WatchedParty:
    """One party. MQTT knows one will a connection, on its first edge: who is offline anywhere is offline."""

    name: str
    software: str = ""
    edges: dict[str, bool] = field(default_factory=dict)
    """Online, by parent."""
    since_at: datetime | None = None
    """When it came or went; unknown for one who was offline before we listened: a will is as old as its connection."""

    @property
    def online(self) -> bool:
        return all(self.edges.values())


class Roll:
    """All parties that have said something of themselves."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.parties: dict[str, WatchedParty] = {}
        self.unknown = 0
        """Presences beyond what is kept."""

    def take(self, edge: Edge, message: m.Presence, at: datetime, standing: bool) -> bool:
        """Take a presence; whether the party came or went."""
        party = self.parties.get(edge.child)
        if party is None:
            if len(self.parties) >= self._most:
                self.unknown += 1
                return False
            party = self.parties[edge.child] = WatchedParty(edge.child)
        before = party.online if party.edges else None
        if edge.parent in party.edges or len(party.edges) < MOST_PARENTS:
            party.edges[edge.parent] = message.online
        party.software = message.software[:80]
        if party.online is before:
            return False
        if standing:
            party.since_at = message.sent_at if party.online else None
        else:
            party.since_at = at
        return True

    def forget(self, edge: Edge) -> None:
        """The retained presence was taken away."""
        party = self.parties.get(edge.child)
        if party is not None:
            party.edges.pop(edge.parent, None)
            if not party.edges:
                del self.parties[edge.child]

    @property
    def offline(self) -> list[WatchedParty]:
        """Who is offline, by name."""
        return sorted((party for party in self.parties.values() if not party.online), key=lambda party: party.name)
