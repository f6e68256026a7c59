"""A party with a book of contracts that changes while it runs. Each event keeps the book that it began with; what leads
from the settings' book to the present one is remembered change by change, so that those books can be made again."""

from collections.abc import Mapping
from datetime import datetime

from agents.negotiation.negotiation import Negotiation
from agents.negotiation.parent import ParentParty
from agents.settings.contracts import Contracts, contracts_of, with_contracts
from agents.settings.members import Member, Members
from protocol import messages as m
from protocol.actor import Reconfigured
from protocol.edges import Edge

MOST_NAMED = 20
"""Names in a note."""


class BookedParty(ParentParty):
    """Base of aggregator and coordinator."""

    def __init__(self, name: str, parents: tuple[str, ...], members: tuple[Member, ...]) -> None:
        self.book = Members(members=members)
        """The contracts of today."""
        self.changes: list[Contracts] = []
        """Since the settings' book."""
        self.editions: dict[str, int] = {}
        """By event, after how many of these changes it began."""
        super().__init__(name, parents, self.book.by_name)

    def is_parent(self) -> bool:
        """Also with an empty book: members may join."""
        return True

    def opened(self, edge: Edge, request: m.Request) -> Negotiation:
        """A new event, by the contracts of today."""
        self.editions[request.event_id] = len(self.changes)
        return self.opened_by(self.book, edge, request)

    def opened_by(self, book: Members, edge: Edge, request: m.Request) -> Negotiation:
        """A new event by these contracts."""
        raise NotImplementedError

    def _forget(self, event_id: str) -> None:
        super()._forget(event_id)
        self.editions.pop(event_id, None)

    def _reconfigured(self, item: Reconfigured, now: datetime) -> None:
        contracts, before = contracts_of(item.contracts), self.book
        self.change(contracts)
        left = [name for name, terms in contracts.items() if terms is None and name in before]
        joined = [name for name, terms in contracts.items() if terms is not None and name not in before]
        named = [name for name in contracts if name in before or name in self.book]
        data = {
            "joined": len(joined),
            "changed": len(named) - len(joined) - len(left),
            "left": len(left),
            "first": named[:MOST_NAMED],
        }
        self.tell("book_changed", data=data)
        for event in list(self.events.values()):
            for name in left:
                event.leave(name, now)

    def change(self, contracts: Contracts) -> None:
        """Let these contracts hold from now on."""
        self.book = with_contracts(self.book, contracts)
        self.changes.append(contracts)
        self._children = self.book.by_name

    def of_members(self, told: Mapping[str, m.Capability]) -> dict[str, m.Capability]:
        """Of what children have told that of those who are under contract."""
        return {name: one for name, one in told.items() if name in self.book}
