"""One edge in one event, as the wire shows it: what was asked, answered, awarded, confirmed, delivered.

The same rules as at the parties: a later round or revision supersedes what stood before, a repeat changes nothing,
an answer heard after its deadline is late. What is new tells the caller; what is not is counted nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from agents.negotiation.stood import DueEnergy
from protocol import messages as m
from protocol.edges import Edge
from protocol.plan import Plan, least
from protocol.rules import best_option, delivered_wh, order_of, slots_of
from protocol.units import Direction

M = TypeVar("M", bound=m.Message)
MOST_RESOURCES = 16
"""Reports of more resources than this on one edge are not kept: an edge has one, or one a device."""
MOST_EARLIER = 16
"""Relaxed offers to earlier requests that are kept by their ids: an event has a few rounds."""


class Reply(StrEnum):
    """How a child has answered the request that stands."""

    OPEN = "open"
    """Not yet; after the deadline it is called silent."""
    YES = "yes"
    NO = "no"
    ALTERNATIVE = "alternative"
    LATE = "late"
    """An answer came, after the deadline: it is not counted."""
    UNKNOWN = "unknown"
    """The request was said before we listened, and so may have been its answer."""


@dataclass(slots=True)
class EdgeHistory:
    """What is known; `take` puts a message in."""

    edge: Edge
    request: m.Request | None = None
    relax: m.Relax | None = None
    offers: dict[m.Basis, m.Offer] = field(default_factory=dict)
    relaxed_before: tuple[str, ...] = ()
    """Relaxed offers to earlier requests: one that was locked may be awarded still."""
    alternative: m.Alternative | None = None
    late: bool = False
    award: m.Award | None = None
    confirm: m.Confirm | None = None
    withdraw: m.Withdraw | None = None
    due: DueEnergy | None = None
    """What was due by awards that do not stand any more; None: of none."""
    left: bool = False
    """Whether the award is the answer to a withdrawal of all in the middle of the event: it is metered to the end."""
    slot: int = -1
    """The last slot that was dispatched or reported."""
    readings: dict[str, dict[int, m.Reading]] = field(default_factory=dict)
    """By resource and slot."""
    cleared: bool = False
    """The parent took its retained request back: it is over on this edge."""
    unsure: bool = False
    """A request on its topic was taken back, which may have been that of another event."""
    kept: m.Award | None = None
    """What stood before the event was changed, of the same slots: it may be said again."""
    again: str = ""
    """The request of such an award that was said again."""
    joined_late: bool = False
    """The request that stands was said before we listened."""

    def take(self, message: m.EventMessage, at: datetime, standing: bool = False) -> bool:
        """Take a message heard at an instant; whether it told something new. `standing`: retained, said before."""
        match message:
            case m.Request():
                return self._ask(message, standing)
            case m.Relax():
                return self._relax(message)
            case m.Offer() | m.Alternative():
                return self._answer(message, at)
            case m.Award():
                return self._award(message)
            case m.Confirm():
                return self._confirm(message)
            case m.Withdraw():
                return self._withdraw(message)
            case m.Dispatch():
                known = self.slot >= message.slot
                self.slot = max(self.slot, message.slot)
                return not known
            case m.Report():
                return self._report(message)
        return False

    def _ask(self, request: m.Request, standing: bool) -> bool:
        known = self.request
        if known is not None and order_of(known) >= order_of(request):
            return False
        self.joined_late, self.again = standing, ""
        if (relaxed := self.offers.get(m.Basis.RELAXED)) is not None:
            self.relaxed_before = (*self.relaxed_before, relaxed.message_id)[-MOST_EARLIER:]
        if known is not None and slots_of(known) != slots_of(request):
            self.kept = None
        elif self.award is not None and self.award.outcome is m.Outcome.CONCLUDED:
            self.kept = self.award
        self.request, self.relax, self.alternative, self.late = _lean(request), None, None, False
        self.award = self.confirm = self.withdraw = self.due = None  # what stood before is superseded
        self.cleared = self.unsure = self.left = False
        self.offers.clear()
        if known is not None and known.revision != request.revision:  # the operator changed the event
            self.slot = -1
            self.readings.clear()
        return True

    def _relax(self, relax: m.Relax) -> bool:
        if not self._current(relax) or (self.relax is not None and self.relax.message_id == relax.message_id):
            return False
        self.relax = _lean(relax)
        return True

    def _answer(self, answer: m.Offer | m.Alternative, at: datetime) -> bool:
        """An answer to a superseded request is told by nobody; one whose request was not heard is taken."""
        if not self._current(answer):
            return False
        relaxed = isinstance(answer, m.Offer) and answer.basis is m.Basis.RELAXED
        known = self.offers.get(answer.basis) if isinstance(answer, m.Offer) else self.alternative
        if known is not None and known.revision >= answer.revision:
            return False
        asked = self.relax if relaxed else self.request
        if asked is not None and at > asked.reply_by:
            was, self.late = self.late, True
            return not was
        if isinstance(answer, m.Offer):
            self.offers[answer.basis] = answer.model_copy(update={"resources": (), "binding": (), "extensions": {}})
            if self.alternative is not None and self.alternative.revision < answer.revision:
                self.alternative = None  # it is corrected: this is what stands
        else:
            self.alternative = _lean(answer)
            self.offers = {basis: offer for basis, offer in self.offers.items() if offer.revision > answer.revision}
        return True

    def _award(self, award: m.Award) -> bool:
        """The award of the request that stands; the cancellation of an earlier one says nothing about it."""
        if self._stands_again(award):
            self.again = award.request_id
        if not self._current(award):
            return False
        known = self.award
        if known is not None and known.award_id == award.award_id and known.revision >= award.revision:
            return False
        self._due_until(award.sent_at)
        self.left = self._answers_withdrawal(award)
        self.award, self.withdraw = _lean(award), None
        return True

    def _answers_withdrawal(self, award: m.Award) -> bool:
        back, asked = self.withdraw, self.request
        if back is None or asked is None or any(back.power_w) or award.outcome is not m.Outcome.CANCELLED:
            return False
        return award.reason == back.cause and award.sent_at > asked.interval_period.start

    def _withdraw(self, message: m.Withdraw) -> bool:
        known = self.withdraw is not None and self.withdraw.revision >= message.revision
        if not known:
            self._due_until(message.sent_at)
            self.withdraw = _lean(message)
        return not known

    def _due_until(self, at: datetime) -> None:
        """What stands of the award is due until an instant, and no longer."""
        if self.request is None or (self.award is None and self.due is None):
            return
        period, due = self.request.interval_period, self.due or DueEnergy()
        if at > period.start:
            due.change(self.deal_w or (), period, at)
            self.due = due

    def _confirm(self, confirm: m.Confirm) -> bool:
        known = self.confirm
        if known is not None and (known.award_id, known.revision) == (confirm.award_id, confirm.revision):
            return False
        self.confirm = _lean(confirm)
        return True

    def _report(self, report: m.Report) -> bool:
        kept = self.readings.get(report.resource_id)
        if kept is None:
            if len(self.readings) >= MOST_RESOURCES:
                return False
            kept = self.readings[report.resource_id] = {}
        before = len(kept)
        for reading in report.readings:
            kept[reading.slot] = reading
            self.slot = max(self.slot, reading.slot)
        return len(kept) > before

    def _stands_again(self, award: m.Award) -> bool:
        """Whether an award of before a change is said again, as nothing came of the change."""
        kept, asked = self.kept, self.request
        if kept is None or asked is None or award.award_id != kept.award_id or award.revision <= kept.revision:
            return False
        return award.sent_at > asked.sent_at

    def _current(self, message: m.EventMessage) -> bool:
        return self.request is None or message.request_id in (self.request.request_id, self.again)

    # -- read

    @property
    def reply(self) -> Reply:
        if self.alternative is not None:
            return Reply.ALTERNATIVE
        if self.offers:
            return Reply.YES if any(offer.opt is m.Opt.IN for offer in self.offers.values()) else Reply.NO
        if self.late:
            return Reply.LATE
        return Reply.UNKNOWN if self.joined_late else Reply.OPEN

    @property
    def available_w(self) -> Plan | None:
        """What it would give: the relaxed offer before its own one, of an alternative the option that counts: the one that
        was awarded, or that a parent takes by its share in every slot."""
        if self.alternative is not None:
            options = self.alternative.options
            accepts = None if self.award is None else self.award.accepts
            awarded = [option.power_w for option in options if option.option_id == accepts]
            if awarded:
                return awarded[0]
            asked_w = self.request.power_w if self.request is not None else options[0].power_w
            return best_option(options, asked_w).power_w
        offer = self.offers.get(m.Basis.RELAXED) or self.offers.get(m.Basis.OWN)
        return offer.power_w if offer is not None and offer.opt is m.Opt.IN else None

    @property
    def valid_until(self) -> datetime | None:
        """Until when its answer stands."""
        answer = self.alternative or self.offers.get(m.Basis.RELAXED) or self.offers.get(m.Basis.OWN)
        return answer.valid_until if answer is not None else None

    @property
    def deal_w(self) -> Plan | None:
        """The power of a concluded award that the child did not refuse, less what it took back since."""
        award, back = self.award, self.withdraw
        if award is None or award.outcome is not m.Outcome.CONCLUDED or self.confirmed is False:
            return None
        if back is None or back.award_id != award.award_id or len(back.power_w) != len(award.power_w):
            return award.power_w
        return least(award.power_w, back.power_w)

    @property
    def loosens(self) -> bool:
        """Whether the deal stands on a relaxed offer, to this request or an earlier one."""
        if self.deal_w is None or self.award is None:
            return False
        relaxed = self.offers.get(m.Basis.RELAXED)
        now = relaxed is not None and self.award.accepts == relaxed.message_id
        return now or self.award.accepts in self.relaxed_before

    @property
    def confirmed(self) -> bool | None:
        """The child's word on the award that stands: none yet, accepted, or refused."""
        if self.award is None or self.confirm is None:
            return None
        same = (self.confirm.award_id, self.confirm.revision) == (self.award.award_id, self.award.revision)
        return self.confirm.accepted if same else None

    def due_wh(self, slots: Iterable[int]) -> int:
        """Due by its awards in these slots, Wh: rounded once."""
        if self.request is None:
            return 0
        return (self.due or DueEnergy()).wh(self.deal_w or (), self.request.interval_period, slots)

    def delivered_wh(self, direction: Direction) -> dict[int, int]:
        """By slot, Wh in the event's direction."""
        found: dict[int, int] = {}
        for kept in self.readings.values():
            for slot, reading in kept.items():
                found[slot] = found.get(slot, 0) + delivered_wh(direction, reading.energy_wh, reading.baseline_wh)
        return found


def _lean(message: M) -> M:
    """Without what a stranger may put beside it: thousands of these are kept."""
    return message.model_copy(update={"extensions": {}}) if message.extensions else message
