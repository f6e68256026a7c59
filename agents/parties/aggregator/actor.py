"""The resource aggregator (RA, lower aggregator E3): S20-S36, claims 1-3.

    collecting -> [own storage] -> [relaxing] -> offered | proposed -> standby -> delivering -> closed

`offered | proposed -> collecting` on a re-request; `closed` from anywhere. The ladder is data (`settings.ladder`):
between collecting and the answer its rungs are climbed (`role.py`). A rung is left when all who were asked have
answered, or at its deadline.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from agents.negotiation.booked import BookedParty
from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.children import CAN_RELAX, Children
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.out import Out
from agents.negotiation.plans.capability import summed_up
from agents.negotiation.plans.usable import worth_of
from agents.negotiation.policies import Policies, PoliciesInForce
from agents.negotiation.stage import Stage, Transitions
from agents.negotiation.standing import EventStanding
from agents.negotiation.timers import Timers
from agents.negotiation.upward import Upward
from agents.parties.aggregator.own_storage import OwnStorage, StorageYard
from agents.parties.aggregator.requests import MemberRequests
from agents.parties.aggregator.role import AggregatorRole
from agents.parties.der.capability import bands
from agents.settings.daemon import Role
from agents.settings.members import Members
from agents.settings.parties import AggregatorSettings, PartySettings, Rung
from protocol import messages as m
from protocol.actor import Measured, Solve, Solved
from protocol.edges import Edge
from protocol.units import Direction

TRANSITIONS: Transitions = {
    Stage.COLLECTING: (Stage.RELAXING, Stage.OFFERED, Stage.PROPOSED, Stage.STANDBY, Stage.CLOSED),
    Stage.RELAXING: (Stage.COLLECTING, Stage.OFFERED, Stage.PROPOSED, Stage.STANDBY, Stage.CLOSED),
    Stage.OFFERED: (Stage.COLLECTING, Stage.RELAXING, Stage.STANDBY, Stage.CLOSED),
    Stage.PROPOSED: (Stage.COLLECTING, Stage.RELAXING, Stage.OFFERED, Stage.STANDBY, Stage.CLOSED),
    Stage.STANDBY: (Stage.COLLECTING, Stage.DELIVERING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: a re-request, or a change of the event from above. From
proposed to offered: what was proposed was taken back below, and nothing is left. From collecting or relaxing to standby:
the parent awards the answer that stands, of an earlier round, or before it asked to relax."""


class Aggregator(BookedParty[AggregatorSettings]):
    """The actor: a book of members, own storage, and its events."""

    role = Role.AGGREGATOR

    def __init__(
        self,
        settings: AggregatorSettings,
        policies: Policies | None = None,
        choose: Callable[[PartySettings], Policies] | None = None,
    ) -> None:
        """`choose` finds the policies of settings that name others later."""
        self.policies = PoliciesInForce(settings, policies, choose)
        self.own_storage = StorageYard.build(settings.storage, settings.connection)
        super().__init__(settings, leaves_early=lambda its: its.leave_early)
        self._takers |= {Measured: self._measured, Solved: self._solved}

    # -- what it and its members could probably give

    @property
    def capability_every_s(self) -> int | None:
        """How often it tells its parent."""
        return self.settings.capability_every_s

    @property
    def counts_own_storage(self) -> bool:
        """Whether its own storage may add anything."""
        return bool(self.own_storage.home.devices) and Rung.OWN_STORAGE in self.settings.ladder

    def capability(self, told: Mapping[str, m.Capability], now: datetime) -> m.Capability:
        """The sum of what its members told, and its own storage where its ladder has a rung for it."""
        told = self.of_members(told)
        yard, others = self.own_storage, len(self.book) - len(told)
        own = [bands(yard.home, yard.ledger, now)] if self.counts_own_storage else []
        return summed_up(self.name, told, others, own, now, self.capability_every_s or 0)

    @property
    def foresees(self) -> bool:
        """Always: S21 goes by it."""
        return True

    def solving(self, asked: Solve) -> Callable[[], Solved] | None:
        """How a plan over its members is computed; None where it is not wanted any more."""
        event = self.events.get(asked.event_id)
        return (
            event.role.planning.solving(asked) if event is not None and isinstance(event.role, AggregatorRole) else None
        )

    def _solved(self, item: Solved, now: datetime) -> None:
        event = self.events.get(item.event_id)
        if event is not None and isinstance(event.role, AggregatorRole):
            event.role.solved(item, now)

    def opened_by(self, book: Members, settings: AggregatorSettings, edge: Edge, request: m.Request) -> Negotiation:
        """A new event that a request is about."""
        out, timers = Out(self, request.event_id), Timers()
        standing = EventStanding(out, timers, TRANSITIONS)
        up = Upward(out, timers, standing, edge, request)
        can_relax = tuple(m.ResourceKind) if settings.relax_others else CAN_RELAX
        storage = OwnStorage(out, self.own_storage, up.subject, Rung.OWN_STORAGE in settings.ladder)
        policies, foreseen = self.policies.of(settings), self.taken_foreseen
        requests = partial(MemberRequests, settings, policies, book, up, foreseen, self.expected_pct)
        return Negotiation(
            out,
            up.subject,
            timers,
            Children(tuple(book.by_name), book.claims, can_relax, by=worth_of(settings.can_use)),
            standing,
            settings.report_grace_s,
            partial(
                AggregatorRole,
                settings,
                policies,
                book,
                up,
                storage,
                requests,
                self.loosened_lately,
                self.woken_lately,
                partial(self._storage_lessened, request.event_id, request.direction),
            ),
            book=book,
            up=up,
            own=storage,
            baseline=policies.baseline,
            tells_sources=settings.tells_sources,
        )

    def _storage_lessened(self, event_id: str, direction: Direction, now: datetime) -> None:
        """Own storage may move less in an event than it reserved: what stands on that in events of the other direction is
        looked at again, and what it cannot give is replaced, or stated."""
        for other_id, event in list(self.events.items()) if self.own_storage.home.devices else ():
            opposed = other_id != event_id and event.subject.direction is not direction
            if opposed and isinstance(event.role, AggregatorRole) and event.role.storage.look_again(now):
                event.role.answer.correct(now)
                event.repair("own storage has less than it counted on", WithdrawalCause.GONE, now)

    def _measured(self, item: Measured, now: datetime) -> None:
        self.own_storage.observe(item, now)
        for one in list(self.events.values()) if item.fault is not None else ():
            if isinstance(one.role, AggregatorRole):
                one.role.own_fails(item, now)
        event = self.events.get(item.event_id or "")
        if event is not None and isinstance(event.role, AggregatorRole):
            event.role.dispatching.measured(item, now)
