"""The parent's side of one event: whom it asked, who answered what, who was awarded what and has confirmed.

Answers are kept in the members' order, never in order of arrival, so that live and simulated decide the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import add as plus
from operator import sub

from agents.negotiation.child import AwardRecord, Child, ChildAnswer, KeptAward, RelaxRecord, RequestRecord
from agents.negotiation.plans.usable import Worth
from agents.negotiation.shared import Shared
from agents.negotiation.stood import StoodPlan
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, least, most, zero
from protocol.rules import worth

CAN_RELAX = (m.ResourceKind.VEHICLE, m.ResourceKind.AGGREGATE)
"""What is asked to loosen something, where the settings do not say otherwise (S28)."""


class Children:
    """All children of one event, in the members' order."""

    def __init__(
        self,
        names: tuple[str, ...],
        claims: Mapping[str, str],
        can_relax: tuple[m.ResourceKind, ...] = CAN_RELAX,
        by: Worth = worth,
    ) -> None:
        """`can_relax`: what can be asked to loosen something; `by`: what the plans of an alternative are worth."""
        self.can_relax = can_relax
        self.by = by
        self.by_name = {name: Child(name) for name in names}
        self.shared = Shared()
        self.waiting: dict[str, None] = {}
        """Those asked in the present stage who have not answered."""
        self.left: dict[str, None] = {}
        """Those whose contract has ended since."""
        self.claims = claims
        """resource_id -> the party that answers for it, by the book; the same for all events."""
        self.asked_count = self.yes = self.no = self.awarded_count = 0
        self.offered_w: Plan = ()
        """Sum of the best answers; empty when there are none. Kept with each answer: a crowd is not summed anew."""
        self.awarded_w: Plan = ()
        """Sum of what stands; empty when nothing does."""
        self.spare: dict[str, None] = {}
        """Who offered more than it was awarded."""
        self.stood: dict[str, tuple[StoodPlan, ...]] = {}
        """What was awarded until when, where that has changed since the event began."""
        self.withdrawn: dict[str, None] = {}
        """Who has withdrawn of its award, all or a part."""
        self.taking_back: dict[str, Plan] = {}
        """What those take back who give nothing any more, by their own word, W."""
        self.kept: dict[str, KeptAward] = {}
        """What stood before the event was changed, until the change is decided."""

    def __getitem__(self, name: str) -> Child:
        return self.by_name[name]

    def renew(self, name: str, request: RequestRecord) -> None:
        """A new request supersedes whatever stood before with this child; what was firm in an earlier round of the same
        revision stays locked."""
        before = self.by_name[name]
        self.waiting[name] = None
        if before.request is None:  # nothing stands with it
            before.request = request
            self.asked_count += 1
            return
        locked = before.best if _is_later_round(before.request, request) else None
        self.put(before, None, None, None)
        self.no -= before.opted_out
        bound = before.bound_before or before.awarded_w is not None or before.may_have_sold(request)
        self.bind(before, None, None)
        self.by_name[name] = child = Child(name, request=request, bound_before=bound)
        if locked is not None:
            child.promised = before.promised
            self.put(child, None, None, locked)

    def cap_locked(self, name: str) -> None:
        """What is locked with a child counts for no more than what it is asked for now, W; a plan that it proposed can be
        held to that as well."""
        child = self.by_name[name]
        if child.locked is not None and child.request is not None:
            power_w = least(child.locked.power_w, child.request.power_w)
            self.lock(child, child.locked._replace(power_w=power_w, alternative=False))

    def recall(self, child: Child, number: int) -> None:
        """Count what backs the answer of that number to earlier rounds, and nothing newer."""
        self.put(child, None, None, child.backing(number))

    def promise(self, kept: Sequence[int], answers: Mapping[str, ChildAnswer] | None = None) -> None:
        """What counts now, or these answers, was told above, and may be awarded in later rounds still, as may what was promised
        before of these numbers."""
        for child in self.asked():
            before, newest = child.promised, child.best if answers is None else answers.get(child.name)
            child.promised = (*(before[n] if n < len(before) else None for n in kept), newest)

    def set_aside(self, child: Child) -> None:
        """Count what is locked with a child in place of its own newer answer; it may be asked to loosen all the same."""
        before = child.best
        child.set_aside = True
        self._count(before, child.best)

    def loosening(self, child: Child, relax: RelaxRecord) -> None:
        """A child is asked to loosen: what it loosened in an earlier round counts again."""
        before = child.best
        child.relax = relax
        self._count(before, child.best)

    def lock(self, child: Child, locked: ChildAnswer | None) -> None:
        """Let this stand of an earlier round."""
        self.put(child, child.own, child.relaxed, locked)

    def store(self, child: Child, own: ChildAnswer | None, relaxed: ChildAnswer | None) -> None:
        """Let these answers of a child stand, and what is locked."""
        locked, newest = child.locked, relaxed or own
        if locked is not None and newest is not None and not child.is_as_good(newest, locked):
            available_w = most(locked.power_w, newest.available_w)  # it has just said how much more there is
            locked = locked._replace(available_w=available_w)
        self.put(child, own, relaxed, locked)

    def put(
        self, child: Child, own: ChildAnswer | None, relaxed: ChildAnswer | None, locked: ChildAnswer | None
    ) -> None:
        """Let just these answers of a child stand."""
        before = child.best
        child.own, child.relaxed, child.locked = own, relaxed, locked
        self._count(before, child.best)

    def _count(self, before: ChildAnswer | None, after: ChildAnswer | None) -> None:
        self.offered_w, change = _replaced(self.offered_w, _power_w(before), _power_w(after))
        self.yes += change
        if not self.yes:
            self.offered_w = ()

    def bind(self, child: Child, award: AwardRecord | None, confirmed: bool | None) -> None:
        """Let this award stand with a child, confirmed or not."""
        before = child.awarded_w
        child.award, child.confirmed = award, confirmed
        if self.taking_back and (award is None or child.awarded_w is not None):
            self.taking_back.pop(child.name, None)
        self.awarded_w, change = _replaced(self.awarded_w, before, child.awarded_w)
        self.awarded_count += change
        if not self.awarded_count:
            self.awarded_w = ()
        if child.spare:
            self.spare[child.name] = None
        else:
            self.spare.pop(child.name, None)

    def changes(self, child: Child, at: datetime) -> None:
        """What stands with a child stands until now: another award follows."""
        before_w = child.awarded_w
        if before_w is None and child.request is not None:
            before_w = (0,) * len(child.request.power_w)
        if before_w is not None:
            self.stood[child.name] = (*self.stood.get(child.name, ()), (at, before_w))

    def due_from(self, child: Child, at: datetime) -> None:
        """Nothing was due of a child before it was commanded, where that was late by our own fault."""
        assert child.awarded_w is not None
        self.stood[child.name] = (*self.stood.get(child.name, ()), (at, zero(len(child.awarded_w))))

    def forget_stood(self, before: datetime) -> None:
        """What stood until then is of no slot to come."""
        for name, plans in list(self.stood.items()):
            left = tuple(one for one in plans if one[0] > before)
            if left:
                self.stood[name] = left
            else:
                del self.stood[name]

    def forget_answers(self) -> None:
        """What was offered to an earlier request is not counted in a later one."""
        for child in self.by_name.values():
            child.promised = ()
            self.put(child, None, None, None)

    def with_spare(self) -> Iterator[tuple[Child, Plan]]:
        """Those who offered more than they were awarded, in the members' order."""
        for name in self.by_name if self.spare else ():
            child = self.by_name[name]
            if name in self.spare and child.awarded_w is not None:
                yield child, child.awarded_w

    def asked(self) -> list[Child]:
        return [child for child in self.by_name.values() if child.request is not None]

    def taking_part(self) -> list[tuple[Child, ChildAnswer]]:
        """Those who take part, each with its best answer."""
        return [(child, best) for child in self.by_name.values() if (best := child.best) is not None]

    def awarded(self) -> list[tuple[Child, Plan]]:
        """Those with a concluded award that stands."""
        return [(child, plan) for child in self.by_name.values() if (plan := child.awarded_w) is not None]

    def count(self) -> dict[str, object]:
        """asked / yes / no / silent, for telling."""
        return {"asked": self.asked_count, "yes": self.yes, "no": self.no, "silent": len(self.waiting)}

    def mix(self, child: Child, power_w: Plan, available_w: Plan = ()) -> None:
        """Count this mix of all that a child offers of its own in the place of its offer, W. What is locked of before still
        backs what was answered with it. `available_w`: what it could give with what its owner loosens."""
        answer = child.own or child.locked
        assert answer is not None
        profiles = tuple(dict.fromkeys((*child.profiles, answer.power_w)))
        available_w = most(most(answer.available_w, power_w), available_w or power_w)
        mixed = answer._replace(
            power_w=self.shared.plan(power_w),
            available_w=available_w,
            profiles=profiles,
            offered_w=answer.offered_w or answer.power_w,
        )
        before = child.best
        child.set_aside, child.owed = False, True
        child.own, child.relaxed = mixed, None
        self._count(before, child.best)

    def mix_loosened(self, child: Child, power_w: Plan) -> None:
        """The same of all that it offers with what its owner loosens, W."""
        relaxed = child.relaxed
        assert relaxed is not None
        mixed = relaxed._replace(
            power_w=self.shared.plan(power_w),
            available_w=most(relaxed.available_w, power_w),
            offered_w=relaxed.offered_w or relaxed.power_w,
        )
        self.put(child, child.own, mixed, child.locked)

    def award(self, sent: AwardRecord) -> AwardRecord:
        """An award as one object for all who are given the same."""
        shared = self.shared
        return shared.known(sent) or shared.one(
            sent._replace(power_w=shared.plan(sent.power_w), confirm_by=shared.one(sent.confirm_by))
        )

    def opt(self, child: Child, opt: m.Opt) -> None:
        """A child takes part, or does not."""
        self.no -= child.opted_out
        child.opted_out = opt is m.Opt.OUT
        self.no += child.opted_out

    def leave(self, child: Child) -> None:
        """The contract of a child has ended: nothing that it answered stands, and it is not asked any more."""
        self.left[child.name] = None
        self.kept.pop(child.name, None)
        self.waiting.pop(child.name, None)
        if child.request is not None:
            self.opt(child, m.Opt.OUT)
            self.put(child, None, None, None)


def _replaced(sum_w: Plan, before: Plan | None, after: Plan | None) -> tuple[Plan, int]:
    """A sum with one plan in the place of another, and how many more there are in it."""
    if before is not after:
        if before is not None:
            sum_w = tuple(map(sub, sum_w, before))
        if after is not None:
            sum_w = tuple(map(plus, sum_w, after)) if sum_w else after
    return sum_w, (after is not None) - (before is not None)


def _is_later_round(before: RequestRecord, request: RequestRecord) -> bool:
    """Whether a request asks once more in the same slots: firm plans then mean the same."""
    return before.revision == request.revision and len(before.power_w) == len(request.power_w)


def _power_w(answer: ChildAnswer | None) -> Plan | None:
    return None if answer is None else answer.power_w


def at_most(plan: Plan, most_w: int | None) -> Plan:
    """A plan, with so much in a slot at most, W."""
    return plan if most_w is None or max(plan) <= most_w else tuple([min(power, most_w) for power in plan])


def same_slots(plan: Plan, slots: int) -> None:
    """Whether a plan has as many slots as the request. Raises RefusedMessage."""
    if len(plan) != slots:
        raise RefusedMessage(RejectReason.WRONG_SLOTS, f"{len(plan)} slots; {slots} were asked")
