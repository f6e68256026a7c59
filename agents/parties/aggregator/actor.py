"""The resource aggregator (RA, lower aggregator E3): S20-S36, claims 1-3.

    collecting -> [own storage] -> [relaxing] -> offered | proposed -> standby -> delivering -> closed

`offered | proposed -> collecting` on a re-request; `closed` from anywhere. The ladder is data (`settings.ladder`):
between collecting and the answer its rungs are climbed (`role.py`). A rung is left when all who were asked have
answered, or at its deadline.
"""

from datetime import datetime, timedelta
from functools import partial

from agents.negotiation.children import Children
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.out import Out
from agents.negotiation.parent import ParentParty
from agents.negotiation.policies import Policies
from agents.negotiation.stage import Stage, Transitions
from agents.negotiation.timers import Timers
from agents.negotiation.upward import Upward
from agents.parties.aggregator.own_storage import OwnStorage, StorageYard
from agents.parties.aggregator.role import AggregatorRole
from agents.settings.daemon import Role
from agents.settings.members import Members
from agents.settings.parties import AggregatorSettings, Rung
from protocol import messages as m
from protocol.actor import Measured
from protocol.edges import Edge

TRANSITIONS: Transitions = {
    Stage.COLLECTING: (Stage.RELAXING, Stage.OFFERED, Stage.PROPOSED, Stage.CLOSED),
    Stage.RELAXING: (Stage.COLLECTING, Stage.OFFERED, Stage.PROPOSED, Stage.STANDBY, Stage.CLOSED),
    Stage.OFFERED: (Stage.COLLECTING, Stage.RELAXING, Stage.STANDBY, Stage.CLOSED),
    Stage.PROPOSED: (Stage.COLLECTING, Stage.RELAXING, Stage.OFFERED, Stage.STANDBY, Stage.CLOSED),
    Stage.STANDBY: (Stage.COLLECTING, Stage.DELIVERING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: a re-request, or a change of the event from above. From
proposed to offered: what was proposed was taken back below, and nothing is left. From relaxing to standby: the parent that asked to relax awards the answer that stands."""


class Aggregator(ParentParty):
    """The actor: a book of members, own storage, and its events."""

    role = Role.AGGREGATOR

    def __init__(self, settings: AggregatorSettings, policies: Policies | None = None) -> None:
        self.settings = settings
        self.policies = policies or Policies.of(settings)
        self.book = Members(members=settings.members)
        self.own_storage = StorageYard.build(settings.storage)
        super().__init__(settings.name, (settings.parent,), self.book.by_name)

    def opened(self, edge: Edge, request: m.Request) -> Negotiation:
        """A new event that a request is about."""
        out, timers = Out(self, request.event_id), Timers()
        up = Upward(out, timers, edge, request)
        storage = OwnStorage(out, self.own_storage, up.subject, Rung.OWN_STORAGE in self.settings.ladder)
        return Negotiation(
            out,
            up.subject,
            timers,
            Children(tuple(self.book.by_name), self.book.claims),
            TRANSITIONS,
            timedelta(seconds=self.settings.report_grace_s),
            partial(AggregatorRole, self.settings, self.policies, self.book, up, storage),
            book=self.book,
            up=up,
            own=storage,
            baseline=self.policies.baseline,
        )

    def _measured(self, item: Measured, now: datetime) -> None:
        if item.event_id is None:
            self.own_storage.observe(item)
            return
        event = self.events.get(item.event_id)
        if event is not None and isinstance(event.role, AggregatorRole):
            event.role.dispatching.measured(item, now)
