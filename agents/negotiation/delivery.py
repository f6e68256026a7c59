"""Part of an event: meter values come in per child and slot; their sums go up, one report a slot.

delivered = direction's sign x (metered energy - baseline), Wh. A slot is summed up when every awarded child has
reported it, or when its grace is over, with what is there; the number of silent meters is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.negotiation.children import Children
from agents.negotiation.out import Out
from agents.negotiation.plans.baseline import BaselinePolicy
from agents.negotiation.stage import Timer
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.settings.members import Members
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan
from protocol.rules import delivered_wh
from protocol.units import energy_wh

UNKNOWN = "completed_unknown"
"""The outcome of an event that ended while its party was down."""


def check_slot(reading: m.Reading, slots: int) -> None:
    """Whether a reading is of a slot that the event has. Raises RefusedMessage."""
    if reading.slot >= slots:
        raise RefusedMessage(RejectReason.WRONG_SLOTS, f"slot {reading.slot} of {slots}")


@dataclass(frozen=True, slots=True)
class SlotSum:
    """A slot that is summed up."""

    reading: m.Reading
    last: bool


class Delivery:
    """Readings of the children (and of own devices) of one event."""

    def __init__(
        self,
        out: Out,
        subject: Subject,
        timers: Timers,
        children: Children,
        grace: timedelta,
        book: Members | None,
        baseline: BaselinePolicy,
    ) -> None:
        self.out = out
        self.subject = subject
        self.timers = timers
        self.children = children
        self.grace = grace
        self.book = book
        self.baseline = baseline
        self.slot = 0
        """The next slot to be summed up."""
        self.readings: dict[int, dict[str, m.Reading]] = {}
        self.missing: dict[str, None] = {}
        """Awarded children that may still owe a reading of the slot: not all are searched at each report."""
        self.delivered_wh = 0

    def start(self) -> None:
        """The first slot begins."""
        self.slot = 0
        self.readings.clear()
        self.missing = {}
        self.delivered_wh = 0
        self.timers.set(Timer.REPORT, self._due_at())

    def give_grace(self, now: datetime) -> None:
        """After a restart: reports that wait at the broker get their grace."""
        due = self.timers.at.get(Timer.REPORT)
        if due is not None:
            self.timers.set(Timer.REPORT, max(due, now + self.grace))

    def _due_at(self) -> datetime:
        return self.subject.period.slot_start(self.slot + 1) + self.grace

    def take(self, name: str, reading: m.Reading) -> bool:
        """Store a reading; a repeat replaces itself. Whether it counts: its slot is still open, and it is
        possible."""
        if reading.slot < self.slot:
            self.out.tell("late_report_recorded", child=name, slot=reading.slot)
            return False
        if not self._possible(name, reading):
            self.out.tell(
                "impossible_reading",
                child=name,
                slot=reading.slot,
                energy_wh=reading.energy_wh,
                baseline_wh=reading.baseline_wh,
            )
            return False
        self.readings.setdefault(reading.slot, {})[name] = reading
        return True

    def _possible(self, name: str, reading: m.Reading) -> bool:
        """Whether a child's load can have differed so much from its schedule, by its contract."""
        contract = None if self.book is None else self.book.by_name.get(name)
        swing_w = None if contract is None else contract.swing_w
        if swing_w is None:
            return True
        change_wh = abs(reading.energy_wh - reading.baseline_wh)
        return change_wh <= energy_wh(swing_w, self.subject.period.duration) + 1

    def complete(self, own: tuple[str, ...], now: datetime) -> bool:
        """Whether the next slot is over and everybody has reported it; `own`: resource ids of own devices."""
        if self.slot >= self.subject.slots or now < self.subject.period.slot_start(self.slot + 1):
            return False
        have = self.readings.get(self.slot, {})
        return all(name in have for name in own) and not self._owes(have)

    def _owes(self, have: Mapping[str, m.Reading]) -> bool:
        """Whether an awarded child has not reported the slot."""
        children = self.children
        while self.missing:
            name = next(reversed(self.missing))
            if name not in have and children[name].awarded_w is not None:
                return True
            del self.missing[name]
        self.missing = {child.name: None for child, _ in children.awarded() if child.name not in have}
        return bool(self.missing)

    def sum_up(self, deal_w: Plan | None, settling: bool) -> SlotSum:
        """Sum the next slot up and note it. `settling`: the event ended while nobody was there, no timer is set."""
        slot, subject = self.slot, self.subject
        have = self.readings.get(slot, {})
        energy = sum(reading.energy_wh for reading in have.values())
        earlier = [self.readings.get(before, {}) for before in range(slot)]
        baseline = self.baseline.baseline_wh(slot, have, earlier)
        delivered = delivered_wh(subject.direction, energy, baseline)
        self.delivered_wh += delivered
        self.out.tell(
            "slot_metered",
            "meter",
            slot=slot,
            delivered_wh=delivered,
            awarded_wh=energy_wh(deal_w[slot] if deal_w is not None else 0, subject.period.duration),
            reported=len(have),
            silent=sum(child.name not in have for child, _ in self.children.awarded()),
        )
        last = slot + 1 == subject.slots
        state = m.EventStatus.COMPLETED if last else m.EventStatus.ACTIVE
        self.slot += 1
        self.missing = {}
        if not last and not settling:
            self.timers.set(Timer.REPORT, self._due_at())
        summed = m.ReadingType.SUMMED
        reading = m.Reading(slot=slot, energy_wh=energy, baseline_wh=baseline, state=state, reading_type=summed)
        return SlotSum(reading, last)
