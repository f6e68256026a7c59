"""The rung `surplus`: who said that it could give more is asked for the rest, in a round of its own."""

from collections.abc import Mapping
from datetime import datetime

from agents.negotiation.asking import Conditions
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.request_values import MemberCapability, runnable
from agents.negotiation.plans.surplus import SurplusMember, surplus_values
from agents.negotiation.stage import Stage
from agents.negotiation.upward import Upward
from agents.parties.aggregator.climb import Climb
from agents.parties.aggregator.supply import Supply
from agents.settings.members import Members
from protocol import messages as m
from protocol.plan import Plan, shortfall, total
from protocol.rules import worth


class SurplusRung:
    """What members are asked for beyond their offers."""

    def __init__(
        self, book: Members, up: Upward, event: Negotiation, climb: Climb, supply: Supply, relax_pct: int
    ) -> None:
        """`relax_pct`: share of the time that asking to relax needs."""
        self.book, self.up, self.event, self.climb, self.supply = book, up, event, climb, supply
        self.relax_pct = relax_pct

    def ask(self, short: Plan, now: datetime) -> bool:
        """Whether anybody is asked: what they offered stays locked."""
        event, request = self.event, self.up.request
        values, reply_by = self._values(), self.climb.surplus_ends(request.reply_by, self.relax_pct, now)
        if not values or reply_by <= now:
            return False
        self.climb.surplus, self.climb.before_w = True, self.supply.available_w()
        event.ask(values, Conditions(request.program_id, reply_by, self.up.decide_by, self.up.terms_below), now)
        power_w = total(values.values(), len(short))
        event.out.tell("surplus_asked", shortfall_w=short, power_w=power_w, asked=len(values), reply_by=reply_by)
        event.go(Stage.COLLECTING, reply_by)
        return True

    def _values(self) -> Mapping[str, Plan]:
        subject, contracts = self.event.subject, self.book.by_name
        taking_part = self.event.children.taking_part()
        members = [
            SurplusMember(
                child.name, best.power_w, best.available_w, contracts[child.name].capacity_w(subject.direction)
            )
            for child, best in taking_part
        ]
        wanted = surplus_values(shortfall(subject.asked_w, self.supply.storage.available_w()), members)
        capable = [
            MemberCapability(one.name, (one.most_w,) * subject.slots, least_w=contracts[one.name].least_w)
            for one in members
        ]
        values = runnable(wanted, capable)
        loosened = {child.name for child, best in taking_part if best.basis is m.Basis.RELAXED}
        return {name: power_w for name, power_w in values.items() if name not in loosened}

    def judge(self) -> None:
        """What came of it counts where it is no worse; else what is locked does."""
        before_w, self.climb.surplus, self.climb.before_w = self.climb.before_w, False, None
        assert before_w is not None
        asked_w, children = self.event.subject.asked_w, self.event.children
        if worth(self.supply.available_w(), asked_w) < worth(before_w, asked_w):
            for child, _ in children.taking_part():
                if child.locked is not None:
                    children.set_aside(child)
