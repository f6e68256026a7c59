"""Part of an event: meter values come in per child and slot; their sums go up, one report a slot.

delivered = direction's sign x (metered energy - baseline), Wh. A slot is summed up when every awarded child has
reported it, or when its grace is over, with what is there; the number of silent meters is told. What is missing is asked
for in the grace; what comes later corrects the sum.
"""

from dataclasses import dataclass
from datetime import datetime

from agents.negotiation.child import Child
from agents.negotiation.children import Children
from agents.negotiation.delivered_sources import DeliveredSources
from agents.negotiation.grace import ReportGrace
from agents.negotiation.out import Out
from agents.negotiation.owed_readings import OwedReadings
from agents.negotiation.plans.baseline import BaselinePolicy
from agents.negotiation.readings import Readings, Taking, change_wh, is_estimated
from agents.negotiation.rebound import Rebound
from agents.negotiation.rebound import told as rebound_told
from agents.negotiation.stage import Timer
from agents.negotiation.stood import DueEnergy
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.negotiation.watch import DeliveryWatch
from agents.settings.members import Members
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan
from protocol.rules import delivered_wh
from protocol.units import energy_wh


def check_slot(reading: m.Reading, slots: int) -> None:
    """Whether a reading is of a slot that the event has. Raises RefusedMessage."""
    if reading.slot >= slots:
        raise RefusedMessage(RejectReason.WRONG_SLOTS, f"slot {reading.slot} of {slots}")


@dataclass(frozen=True, slots=True)
class SlotSum:
    """A slot that is summed up."""

    reading: m.Reading
    last: bool
    doubt: bool
    """Whether the children are expected to give otherwise than before."""


class Delivery:
    """Readings of the children (and of own devices) of one event."""

    def __init__(
        self,
        out: Out,
        subject: Subject,
        timers: Timers,
        children: Children,
        grace: ReportGrace,
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
        self.watch = DeliveryWatch(out, subject, children, book)
        self.due = DueEnergy()
        """What was due by the deals that stood."""
        self.slot = 0
        """The next slot to be summed up."""
        self.readings = Readings()
        self.corrected: dict[int, None] = {}
        """Slots whose sum is another one than the one that was told."""
        self.impossible: dict[str, None] = {}
        """Whose reading of the next slot is none that can be."""
        self.owed = OwedReadings(subject, children, self.readings)
        self.sources = DeliveredSources(subject, children, self.readings, self.watch)
        self.delivered_wh = 0
        self.rebounds: dict[str, Rebound] = {}
        """By child: what was taken back behind the event."""
        self.stopped_at: datetime | None = None
        """When the event was cancelled in the middle of its delivery."""

    def start(self) -> None:
        """The first slot begins."""
        self.slot = 0
        self.readings.clear()
        self.owed.clear()
        self.sources.clear()
        self.corrected, self.impossible, self.rebounds = {}, {}, {}
        self.delivered_wh, self.stopped_at = 0, None
        self.watch.steps_wh = {}
        self._await()

    def stop(self, now: datetime) -> None:
        """The event is cancelled: what was delivered until now is settled."""
        self.stopped_at = now
        self.timers.set(Timer.REPORT, now + self.grace.whole)

    @property
    def last_slot(self) -> int:
        """The last slot that is summed up."""
        last = self.subject.slots - 1
        if self.stopped_at is None:
            return last
        return min(last, int((self.stopped_at - self.subject.period.start) / self.subject.period.duration))

    def awarded_wh(self, deal_w: Plan) -> int:
        """Energy of the deal, by what stood of it when, Wh; of a cancelled event until it was cancelled."""
        period, last = self.subject.period, self.last_slot
        if self.stopped_at is None:
            return self.due.wh(deal_w, period, range(last + 1))
        return self.due.wh(deal_w, period, range(last)) + self.due.slot_wh(deal_w, period, last, self.stopped_at)

    def give_grace(self, now: datetime) -> None:
        """After a restart: reports that wait at the broker get their grace."""
        due = self.timers.at.get(Timer.REPORT)
        if due is not None:
            self.timers.set(Timer.REPORT, max(due, now + self.grace.whole))

    def _await(self) -> None:
        """Wait for the readings of the next slot: from an instant on those that are missing are asked for."""
        over_at = self.subject.period.slot_start(self.slot + 1)
        self.timers.set(Timer.REPORT, over_at + self.grace.whole)
        self.ask_later(self.slot)

    def ask_later(self, slot: int) -> None:
        """Readings that are missing are asked for, where the end of the slot's grace is waited for."""
        if Timer.REPORT in self.timers.at:
            self.timers.set(Timer.ASK, self.subject.period.slot_start(slot + 1) + self.grace.before_asking)

    def ask_again(self, now: datetime) -> list[tuple[Child, Plan]]:
        """Whose readings of the slot are missing, each with its award, W: they are to be asked for now."""
        following, last = now + self.grace.between_asking, self.timers.at.get(Timer.REPORT)
        if last is not None and following < last:
            self.timers.set(Timer.ASK, following)
        return self.owed.of(self.slot, self.impossible)

    def take(self, name: str, reading: m.Reading, revision: int, now: datetime) -> bool:
        """Store a reading; a repeat replaces itself, a later one corrects. Whether it counts for a slot that is still
        open."""
        if self._goes_beyond_stop(name, reading):
            return False
        if not self.possible(name, reading.energy_wh, reading.baseline_wh):
            self.out.tell(
                "impossible_reading",
                child=name,
                slot=reading.slot,
                energy_wh=reading.energy_wh,
                baseline_wh=reading.baseline_wh,
            )
            if reading.slot == self.slot:
                self.impossible[name] = None
            return False
        is_first = name not in self.readings.of(reading.slot)
        match self.readings.take(name, reading, revision, summed=reading.slot < self.slot):
            case Taking.OPEN:
                return True
            case Taking.CORRECTS:
                if is_first:
                    self.watch.came_late(name, self.slot - reading.slot)
                self.out.tell("late_report_counted", child=name, slot=reading.slot)
                self.corrected[reading.slot] = None
                if Timer.CORRECT not in self.timers.at:
                    self.timers.set(Timer.CORRECT, now + self.grace.between_asking)
        return False

    def counts_in(self, name: str, step_wh: int) -> None:
        """The meter of a child or an own device counts in steps, Wh; 0: it does not. The greatest of all slots counts."""
        if step_wh > self.watch.steps_wh.get(name, 0):
            self.watch.steps_wh[name] = step_wh

    def step_wh(self, slot: int | None = None) -> int:
        """By how much a sum may be wrong, as all meters in it count in steps, Wh; None: that of all slots together."""
        steps_wh = self.watch.steps_wh
        return sum(step for name, step in steps_wh.items() if slot is None or name in self.readings.of(slot))

    def _goes_beyond_stop(self, name: str, reading: m.Reading) -> bool:
        """Whether a reading is of all of the slot in which the event was cancelled: who had withdrawn before does not hear
        of it, and what it takes back behind the cancellation is none of the event."""
        stopped = self.stopped_at is not None and reading.slot == self.last_slot
        return stopped and name in self.children.withdrawn and reading.state is not m.EventStatus.CANCELLED

    def possible(self, name: str, metered_wh: int, baseline_wh: int) -> bool:
        """Whether a child's load can have differed so much from its schedule, by its contract."""
        contract = None if self.book is None else self.book.by_name.get(name)
        swing_w = None if contract is None else contract.swing_w
        if swing_w is None:
            return True
        change_wh = abs(metered_wh - baseline_wh)
        return change_wh <= energy_wh(swing_w, self.subject.period.duration) + 1 + self.watch.step_wh(name)

    def complete(self, own: tuple[str, ...], now: datetime) -> bool:
        """Whether the next slot is over and everybody has reported it; `own`: resource ids of own devices."""
        if self.slot > self.last_slot or not self._is_over(now):
            return False
        have = self.readings.of(self.slot)
        return all(name in have for name in own) and not self.owed.any_of(self.slot)

    def _is_over(self, now: datetime) -> bool:
        """Whether the slot has ended; the first one of a cancelled event counts as open for all of its grace, as nobody
        has said yet that its meter goes on."""
        if self.stopped_at is not None and self.slot == self.last_slot:
            return self.slot > 0
        return now >= self.subject.period.slot_start(self.slot + 1)

    def sum_up(self, deal_w: Plan | None, settling: bool) -> SlotSum:
        """Sum the next slot up and note it. `settling`: the event ended while nobody was there, no timer is set."""
        slot = self.slot
        reading = self._summed(slot)
        self.delivered_wh += self._note(reading, deal_w)
        last = slot == self.last_slot
        self.sources.sum_up(slot, self.stopped_at if last else None)
        doubt = self.watch.judge(slot, self.readings, self.impossible)
        self.slot += 1
        self.impossible = {}
        self.owed.clear()
        self.timers.drop(Timer.ASK)
        if self.stopped_at is not None and not last:
            self.timers.set(Timer.REPORT, self.stopped_at + self.grace.whole)
        elif not last and not settling:
            self._await()
        return SlotSum(reading, last, doubt)

    def correct(self, deal_w: Plan | None) -> list[m.Reading]:
        """Sum those slots up anew of which readings came late."""
        sums = [self._summed(slot) for slot in sorted(self.corrected) if slot < self.slot]
        self.corrected = {}
        for reading in sums:
            self._note(reading, deal_w)
        told = [self._summed(slot) for slot in range(self.slot)]
        self.delivered_wh = sum(map(self._delivered_wh, told))
        return sums

    def judge_late(self) -> bool:
        """Whether the children are expected to give otherwise by what came late of the newest slot that is summed up."""
        return self.slot > 0 and self.watch.judge_late(self.slot - 1, self.readings)

    def rebound(self, name: str, message: m.Report, now: datetime) -> None:
        """A child tells what was taken back behind the event: all that is told is summed up together, in a while."""
        contract = None if self.book is None else self.book.by_name.get(name)
        found = rebound_told(message, None if contract is None else contract.swing_w)
        is_over = now >= self.subject.end_at
        if found is not None and is_over and self.rebounds.get(name) != found:
            self.rebounds[name] = found if not self.watch.is_der(name) else found._replace(homes=1)
            if Timer.REBOUND not in self.timers.at:
                self.timers.set(Timer.REBOUND, now + self.grace.between_asking)

    @property
    def summed_slots(self) -> range:
        """The slots that are summed up."""
        return range(min(self.slot, self.last_slot + 1))

    @property
    def change_wh(self) -> int:
        """By how much the load has changed in all against what each child declared, Wh in the event's direction: what
        flowed, whatever the programme counts as delivered."""
        return sum(change_wh(self.subject.direction, self.readings.of(slot)) for slot in self.summed_slots)

    def summed(self, slot: int) -> m.Reading | None:
        """The newest sum of a slot, None while it is open."""
        return self._summed(slot) if slot < self.slot else None

    def _summed(self, slot: int) -> m.Reading:
        state = m.EventStatus.COMPLETED if slot + 1 == self.subject.slots else m.EventStatus.ACTIVE
        if self.stopped_at is not None and slot == self.last_slot:
            state = m.EventStatus.CANCELLED
        return self.readings.summed(slot, state, self.baseline, self.subject.period)

    def _delivered_wh(self, reading: m.Reading) -> int:
        return delivered_wh(self.subject.direction, reading.energy_wh, reading.baseline_wh)

    def _note(self, reading: m.Reading, deal_w: Plan | None) -> int:
        """Note the sum of a slot; returns what was delivered in it, Wh."""
        slot, delivered = reading.slot, self._delivered_wh(reading)
        have = self.readings.of(slot)
        changed, estimated = change_wh(self.subject.direction, have), sum(map(is_estimated, have.values()))
        more = {"estimated": estimated, "step_wh": self.step_wh(slot)}
        self.out.tell(
            "slot_metered",
            "meter",
            slot=slot,
            delivered_wh=delivered,
            awarded_wh=self.due.slot_wh(deal_w, self.subject.period, slot, self.stopped_at),
            reported=len(have),
            silent=sum(child.name not in have for child, _ in self.children.awarded()),
            **({} if changed == delivered else {"change_wh": changed}),
            **{key: value for key, value in more.items() if value},
        )
        return delivered
