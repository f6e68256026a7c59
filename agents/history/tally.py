"""The children of a parent added up, as the wire shows them; nothing in it depends on the time of day."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from agents.history.edge import EdgeHistory, Reply
from protocol import messages as m
from protocol.plan import Plan, add, energy_wh, shortfall
from protocol.units import Direction


@dataclass(slots=True)
class Tally:
    """A parent's children added up."""

    answers: Counter[Reply] = field(default_factory=Counter)
    relaxed: int = 0
    """How many were asked to relax."""
    relax_open: int = 0
    """How many of them have not answered."""
    asked_w: Plan | None = None
    offered_w: Plan | None = None
    given_w: Plan | None = None
    awards: Counter[str] = field(default_factory=Counter)
    """`given` (concluded), and of them `confirmed`, `refused`; `cancelled`, and of them `left` (withdrawn in the middle of
    the event); `released` (not needed, no deal)."""
    withdrawn: int = 0
    delivered_wh: Counter[int] = field(default_factory=Counter)
    """By slot, of those who have an award, or had one before it was cancelled."""
    due_wh: int = 0
    """Of the awards, in the slots that their children have reported."""
    reporting: int = 0
    """How many of those with an award have reported the last slot."""
    reply_by: datetime | None = None
    relax_by: datetime | None = None
    decide_by: datetime | None = None
    confirm_by: datetime | None = None
    """The last deadline of an award that is not confirmed."""
    cleared: int = 0
    unsure: int = 0
    joined_late: int = 0
    """Of how many it is not known what they answered or were awarded."""
    direction: Direction | None = None
    period: m.IntervalPeriod | None = None
    slots: int = 0

    def add(self, link: EdgeHistory) -> None:
        """Count one child."""
        request = link.request
        if request is not None:
            self.direction, self.period = request.direction, request.interval_period
            self.slots = len(request.power_w)
            self.asked_w = _plus(self.asked_w, request.power_w)
            self.offered_w = _plus(self.offered_w, link.available_w)
            self.reply_by, self.decide_by = _last(self.reply_by, request.reply_by), request.decide_by
            self.answers[link.reply] += 1
            self.cleared += link.cleared
            self.unsure += link.unsure
            self.joined_late += link.joined_late and link.award is None
        if link.relax is not None:
            self.relaxed += 1
            self.relax_open += m.Basis.RELAXED not in link.offers
            self.relax_by = _last(self.relax_by, link.relax.reply_by)
        if link.award is not None:
            self._add_award(link, link.award)
        self.withdrawn += link.withdraw is not None

    def _add_award(self, link: EdgeHistory, award: m.Award) -> None:
        metered = link.delivered_wh(self.direction) if link.readings and self.direction is not None else {}
        self.delivered_wh.update(metered)
        self.due_wh += link.due_wh(metered) if metered else 0
        match award.outcome:
            case m.Outcome.CONCLUDED:
                self.given_w = _plus(self.given_w, link.deal_w)
                self.slots = self.slots or len(award.power_w)
                self.awards["given"] += 1
                if link.confirmed is None:
                    self.confirm_by = _last(self.confirm_by, award.confirm_by)
                else:
                    self.awards["confirmed" if link.confirmed else "refused"] += 1
                self.reporting += self.slots - 1 in metered
            case m.Outcome.CANCELLED:
                self.awards["cancelled"] += 1
                if link.left:
                    self.awards["left"] += 1
                    self.reporting += self.slots - 1 in metered
            case _:
                self.awards["released"] += 1


def tally(links: Iterable[EdgeHistory]) -> Tally:
    """A parent's children added up."""
    found = Tally()
    for link in links:
        found.add(link)
    return found


def due_wh(deal_w: Plan | None, metered: Iterable[int], period: m.IntervalPeriod | None) -> int:
    """Energy of a deal in the slots that were metered, Wh: rounded once."""
    if deal_w is None or period is None:
        return 0
    return energy_wh(tuple(deal_w[slot] for slot in metered if slot < len(deal_w)), period.duration)


def missing(asked: Plan | None, available: Plan | None) -> Plan | None:
    """What lacks per slot; nothing when nothing was asked."""
    if asked is None:
        return None
    return shortfall(asked, available) if available is not None and len(available) == len(asked) else asked


def _plus(a: Plan | None, b: Plan | None) -> Plan | None:
    """Their sum; plans of other lengths than the first cannot be added and are left out."""
    if a is None or b is None:
        return b if a is None else a
    return add(a, b) if len(a) == len(b) else a


def _last(a: datetime | None, b: datetime) -> datetime:
    return b if a is None else max(a, b)
