"""The aggregation coordinator (AC, upper aggregator E2): S1-S7.

    collecting -> judging -> [collecting ->] offered | proposed -> standby -> delivering -> closed

S1 plans, S2/S3 collect, S4 judges the alternatives, S5/S6 re-request at most R times, S7 concludes. With a mandate
an aggregator is concluded as soon as nothing more is wanted of it, while others are still being re-requested;
without one the firm offers are locked and the utility is asked first.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from agents.negotiation.booked import BookedParty
from agents.negotiation.children import Children
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.out import Out
from agents.negotiation.plans.capability import summed_up
from agents.negotiation.plans.usable import worth_of
from agents.negotiation.policies import Policies, PoliciesInForce
from agents.negotiation.stage import Stage, Transitions
from agents.negotiation.standing import EventStanding
from agents.negotiation.timers import Timers
from agents.negotiation.upward import Upward
from agents.parties.coordinator.role import CoordinatorRole
from agents.settings.daemon import Role
from agents.settings.members import Member, Members
from agents.settings.parties import CoordinatorSettings, PartySettings, PlanMode
from protocol import messages as m
from protocol.edges import Edge

TRANSITIONS: Transitions = {
    Stage.COLLECTING: (Stage.JUDGING, Stage.STANDBY, Stage.CLOSED),
    Stage.JUDGING: (Stage.COLLECTING, Stage.OFFERED, Stage.PROPOSED, Stage.CLOSED),
    Stage.OFFERED: (Stage.COLLECTING, Stage.PROPOSED, Stage.STANDBY, Stage.CLOSED),
    Stage.PROPOSED: (Stage.COLLECTING, Stage.OFFERED, Stage.STANDBY, Stage.CLOSED),
    Stage.STANDBY: (Stage.COLLECTING, Stage.DELIVERING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: a re-request to the aggregators, or a change from above.
Between offered and proposed: an aggregator has taken back what it answered. From collecting to standby: what stood
before a change stands again."""


class Coordinator(BookedParty[CoordinatorSettings]):
    """The actor: its aggregators and its events."""

    role = Role.COORDINATOR

    def __init__(
        self,
        settings: CoordinatorSettings,
        policies: Policies | None = None,
        choose: Callable[[PartySettings], Policies] | None = None,
    ) -> None:
        """`choose` finds the policies of settings that name others later."""
        self.policies = PoliciesInForce(settings, policies, choose)
        super().__init__(settings)

    @property
    def capability_every_s(self) -> int | None:
        """How often it tells the utility what its aggregators could probably give."""
        return self.settings.capability_every_s

    @property
    def foresees(self) -> bool:
        """Whether S1 goes by what aggregators could probably give."""
        return self.settings.plan is PlanMode.BY_ABILITY

    def capability(self, told: Mapping[str, m.Capability], now: datetime) -> m.Capability:
        """The sum of what its aggregators told."""
        told = self.of_members(told)
        others = len(self.book) - len(told)
        return summed_up(self.name, told, others, (), now, self.capability_every_s or 0)

    def counted_on_pct(self, member: Member, now: datetime) -> tuple[int, int]:
        """Of what an aggregator is asked for so much is to be expected, and of what it offers so much at its meters, by
        what it did."""
        if self.learning is None:
            return 100, 100
        conduct = self.learning.conduct
        return conduct.expected_pct(member, now), conduct.of(member.name, now).delivers_pct()

    def opened_by(self, book: Members, settings: CoordinatorSettings, edge: Edge, request: m.Request) -> Negotiation:
        """A new event that a request is about."""
        out, timers = Out(self, request.event_id), Timers()
        standing = EventStanding(out, timers, TRANSITIONS)
        up = Upward(out, timers, standing, edge, request)
        return Negotiation(
            out,
            up.subject,
            timers,
            Children(tuple(book.by_name), book.claims, by=worth_of(settings.can_use)),
            standing,
            settings.report_grace_s,
            partial(
                CoordinatorRole,
                settings,
                self.policies.of(settings),
                book,
                up,
                self.taken_foreseen,
                self.counted_on_pct,
            ),
            book=book,
            up=up,
        )
