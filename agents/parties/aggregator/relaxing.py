"""The rung `relax` (S28-S31, claim 3): those DERs that are in vehicles and participate, and no others, recompute."""

from datetime import datetime

from agents.negotiation.child import Child, RelaxRecord
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.upward import Upward
from agents.parties.aggregator.climb import Climb
from agents.parties.aggregator.planning import Coalition
from agents.settings.members import Members
from agents.settings.parties import AggregatorSettings
from protocol.plan import Plan
from protocol.units import step_instant

RELAX_MOST_PCT = 60
"""Share of what is left that relaxing may use where collecting took longer than it was planned to."""


class RelaxRung:
    """Who is asked in one event to loosen what its owner agreed to."""

    def __init__(
        self,
        settings: AggregatorSettings,
        book: Members,
        up: Upward,
        event: Negotiation,
        climb: Climb,
        coalition: Coalition,
    ) -> None:
        self.settings, self.book, self.up, self.event, self.climb = settings, book, up, event, climb
        self.coalition = coalition

    def ask(self, short: Plan, now: datetime) -> bool:
        """S28; whether anybody is asked."""
        targets = [child for child in self.relaxable() if child.relax is None]  # a request is loosened once
        stored_for_above = self.settings.relax_from_above and not self.climb.for_above
        if not targets or stored_for_above:
            self.event.out.tell("nobody_to_relax", shortfall_w=short)
            return False
        reply_by = self._reply_by(now)
        if self.event.out.counts_waited and reply_by <= now:
            return False  # it was away for so long that nobody can answer any more
        wanted = None if self.climb.for_above else self.coalition.want_loosened(self.event.subject.asked_w)
        record = RelaxRecord(short, self.settings.relax_restrictions, now, reply_by, wanted)
        self.event.relax(targets, record, now, self.coalition.missing_of if self.coalition.counts else None)
        self.event.out.tell("relax_asked", "S28", shortfall_w=short, asked=len(targets), reply_by=reply_by)
        return True

    def _reply_by(self, now: datetime) -> datetime:
        last, began_at = self.up.request.reply_by, self.climb.began_at
        planned = self.settings.collect_pct + self.settings.relax_pct
        latest = max(step_instant(began_at, last, planned), step_instant(now, last, RELAX_MOST_PCT))
        return min(now + (last - began_at) * self.settings.relax_pct / 100, latest, last)

    def relaxable(self) -> list[Child]:
        """Who is asked: vehicles that take part; an aggregator below, if its contract says that it has a rung for it."""
        return [child for child in self.event.children.asked() if child.relaxable() or self._has_rung(child)]

    def _has_rung(self, child: Child) -> bool:
        contract = self.book[child.name]
        return child.own is not None and contract.kind == "aggregator" and bool(contract.relaxations)

    @property
    def is_stored_for_above(self) -> bool:
        """Whether the parent may ask for it, and somebody could then be asked."""
        return self.settings.relax_from_above and bool(self.relaxable())
