"""S21 and S22: what each member is asked for, and until when."""

from collections.abc import Callable, Mapping
from datetime import datetime

from agents.negotiation.asking import Conditions
from agents.negotiation.hurried import tell_too_slow
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.energies import ProbableEnergy, better_by_energies
from agents.negotiation.plans.request_values import MemberCapability, runnable
from agents.negotiation.plans.timing import most_collecting_pct, stage_end
from agents.negotiation.policies import Policies
from agents.negotiation.upward import Upward
from agents.settings.members import Member, Members
from agents.settings.parties import AggregatorSettings, Rung
from protocol import messages as m
from protocol.actor import Foreseen
from protocol.plan import Plan, total
from protocol.units import step_instant


class MemberRequests:
    """The requests to the members in one event."""

    def __init__(
        self,
        settings: AggregatorSettings,
        policies: Policies,
        book: Members,
        up: Upward,
        foreseen: Callable[[m.Request], Foreseen | None],
        expected_pct: Callable[[Member, datetime], int],
        event: Negotiation,
    ) -> None:
        """`foreseen`: what members could probably give in the slots of a request, where they told it; `expected_pct`: how
        much of what a member is asked for is to be expected of it."""
        self.settings, self.policies, self.book, self.up, self.event = settings, policies, book, up, event
        self.foreseen, self.expected_pct = foreseen, expected_pct

    def send(self, profiles: m.WantedProfiles | None, now: datetime) -> datetime:
        """Ask each member for its part; until when its answer is waited for."""
        event, request = self.event, self.up.request
        values = self._values(now)
        event.children.waiting.clear()
        left_out = self._left_out(values) if profiles is not None else frozenset()
        asked = {name: power_w for name, power_w in values.items() if any(power_w) or name in left_out}
        reply_by = self._reply_by(asked, now)
        event.ask(
            asked, Conditions(request.program_id, reply_by, self.up.decide_by, self.up.terms_below, profiles), now
        )
        event.out.tell(
            "request_values_sent",
            "S22",
            asked=len(event.children.waiting),
            power_w=total(values.values(), event.subject.slots),
            reply_by=reply_by,
        )
        tell_too_slow(event, self.book, reply_by - now)
        return reply_by

    def _left_out(self, values: Mapping[str, Plan]) -> frozenset[str]:
        """Who is asked for nothing because its part would lie below its least power: it may have a part in a plan."""
        book = self.book.by_name
        return frozenset(
            name for name, power_w in values.items() if not any(power_w) and book[name].least_w and book[name].profiles
        )

    def _reply_by(self, asked: Mapping[str, Plan], now: datetime) -> datetime:
        """As set, or later where members are slow by contract and the other rungs keep what they need."""
        last = self.up.request.reply_by
        planned = step_instant(now, last, self.settings.collect_pct)
        latest = step_instant(now, last, most_collecting_pct(self.settings))
        return stage_end(now, planned, latest, [member for member in self.book.slow if member.name in asked])

    def _values(self, now: datetime) -> Mapping[str, Plan]:
        """S21: a value per member, W."""
        subject, foreseen = self.event.subject, self.foreseen(self.up.request)
        left = self.event.children.left
        members = [self._capability(one, foreseen, now) for one in self.book.members if one.name not in left]
        if foreseen is not None:
            told, power_w = len(foreseen.power_w), total(foreseen.power_w.values(), subject.slots)
            self.event.out.tell("capability_used", "S21", told=told, power_w=power_w)
        values = self.policies.request_values.values(subject.asked_w, members, self.settings.over_request)
        told_all = foreseen is not None and len(foreseen.power_w) == len(members)
        if Rung.PLAN in self.settings.ladder and told_all:
            most_w = {one.name: self.book[one.name].capacity_w(subject.direction) for one in members}
            energies = {one.name: ProbableEnergy(one.capacity_w, most_w[one.name]) for one in members}
            values = better_by_energies(subject.asked_w, values, energies)
        return runnable(values, members)

    def _capability(self, member: Member, foreseen: Foreseen | None, now: datetime) -> MemberCapability:
        """In a re-request what it said it could give at most; else what it has told that it could probably give; else
        its contract, and what it did."""
        name, before_w = member.name, self.event.asking.before_w
        if name in before_w:
            could_w, sure_pct = before_w[name], 100
        elif foreseen is not None and name in foreseen.power_w:
            could_w, sure_pct = foreseen.power_w[name], foreseen.sure_pct[name]
        else:
            subject = self.event.subject
            could_w, sure_pct = (member.capacity_w(subject.direction),) * subject.slots, self.expected_pct(member, now)
        return MemberCapability(name, could_w, sure_pct, member.merit, member.least_w)
