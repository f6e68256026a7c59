"""What a person reads of one party in one event: a parent's side, added up over its children."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from agents.tools.watch.link import Answer, Link
from protocol import messages as m
from protocol.plan import Plan, add, energy_wh, shortfall
from protocol.units import Direction


class Stage(StrEnum):
    """The rung or stage, as far as the wire shows it (own storage, for one, says nothing on it)."""

    ASKED = "asked"
    COLLECTING = "collecting"
    RELAXING = "relaxing"
    OFFERED = "offered"
    OPTED_OUT = "opted out"
    PROPOSED = "proposed"
    REREQUESTING = "re-requesting"
    AWARDED = "awarded"
    DELIVERING = "delivering"
    CLOSED = "closed"


@dataclass(slots=True)
class Tally:
    """A parent's children added up; nothing in it depends on the time of day."""

    answers: Counter[Answer] = field(default_factory=Counter)
    relaxed: int = 0
    """How many were asked to relax."""
    relax_open: int = 0
    """How many of them have not answered."""
    asked_w: Plan | None = None
    offered_w: Plan | None = None
    given_w: Plan | None = None
    awards: Counter[str] = field(default_factory=Counter)
    """`given` (concluded), and of them `confirmed`, `refused`; `cancelled`, `released` (not needed, no deal)."""
    withdrawn: int = 0
    delivered_wh: Counter[int] = field(default_factory=Counter)
    """By slot, of those who have an award."""
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
    direction: Direction | None = None
    period: m.IntervalPeriod | None = None
    slots: int = 0

    def add(self, link: Link) -> None:
        """Count one child."""
        request = link.request
        if request is not None:
            self.direction, self.period = request.direction, request.interval_period
            self.slots = len(request.power_w)
            self.asked_w = _plus(self.asked_w, request.power_w)
            self.offered_w = _plus(self.offered_w, link.available_w)
            self.reply_by, self.decide_by = _last(self.reply_by, request.reply_by), request.decide_by
            self.answers[link.answer] += 1
            self.cleared += link.cleared
        if link.relax is not None:
            self.relaxed += 1
            self.relax_open += m.Basis.RELAXED not in link.offers
            self.relax_by = _last(self.relax_by, link.relax.reply_by)
        if link.award is not None:
            self._add_award(link, link.award)
        self.withdrawn += link.withdraw is not None

    def _add_award(self, link: Link, award: m.Award) -> None:
        match award.outcome:
            case m.Outcome.CONCLUDED:
                self.given_w = _plus(self.given_w, award.power_w)
                self.slots = self.slots or len(award.power_w)
                self.awards["given"] += 1
                if link.confirmed is None:
                    self.confirm_by = _last(self.confirm_by, award.confirm_by)
                else:
                    self.awards["confirmed" if link.confirmed else "refused"] += 1
                if self.direction is not None:
                    metered = link.delivered_wh(self.direction.sign)
                    self.delivered_wh.update(metered)
                    self.due_wh += due_wh(award.power_w, metered, self.period)
                    self.reporting += self.slots - 1 in metered
            case m.Outcome.CANCELLED:
                self.awards["cancelled"] += 1
            case _:
                self.awards["released"] += 1


@dataclass(frozen=True, slots=True)
class Row:
    """One party in one event at an instant. Powers in W a slot, in the event's direction; energies in Wh."""

    event_id: str
    party: str
    depth: int
    """Levels below the event's first party."""
    stage: Stage
    outcome: str
    """When closed: concluded, not_needed, no_deal, cancelled, or empty where the wire did not tell."""
    round: int
    direction: Direction | None
    start: datetime | None
    slot: timedelta
    asked: int
    yes: int
    no: int
    alternatives: int
    late: int
    silent: int
    """Their deadline has passed without an answer."""
    waiting: int
    relaxed: int
    """How many were asked to relax."""
    requested_w: Plan | None
    available_w: Plan | None
    """What it answered upward; before that, what its children offer."""
    shortfall_w: Plan | None
    deal_w: Plan | None
    awards: int
    confirmed: int
    refused: int
    cancelled: int
    released: int
    withdrawn: int
    due_wh: int
    """Of the deal, in the slots that were metered."""
    delivered_wh: int
    next: str
    """What comes next, and when."""
    next_at: datetime | None

    @property
    def share_pct(self) -> int | None:
        """Available energy of what is requested, slot by slot at most all of it."""
        if self.requested_w is None or not any(self.requested_w):
            return None
        have = self.available_w or ()
        met = sum(min(want, got) for want, got in zip(self.requested_w, have, strict=False))
        return met * 100 // sum(self.requested_w)


def tally(links: Iterable[Link]) -> Tally:
    """A parent's children added up."""
    found = Tally()
    for link in links:
        found.add(link)
    return found


def due_wh(deal_w: Plan | None, metered: Iterable[int], period: m.IntervalPeriod | None) -> int:
    """Energy of a deal in the slots that were metered, Wh."""
    if deal_w is None or period is None:
        return 0
    return sum(energy_wh((deal_w[slot],), period.duration) for slot in metered if slot < len(deal_w))


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
