"""Part of an event: who gives less than is due by its meter. What it gives then is expected of it in the slots to come,
until a slot shows more."""

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from statistics import median_low

from agents.negotiation.child import Child
from agents.negotiation.children import Children
from agents.negotiation.meter_step import MOST_WH
from agents.negotiation.out import Out
from agents.negotiation.readings import Readings
from agents.negotiation.stood import stood_wh
from agents.negotiation.subject import Subject
from agents.settings.members import Members
from protocol import messages as m
from protocol.plan import Plan, scaled, shortfall, total
from protocol.rules import delivered_wh
from protocol.units import energy_wh

ENOUGH_PCT = 95
"""Who gives so much of what is due keeps its word: devices follow in steps."""
LEAST_JUDGED = 5
"""So many DERs have to have shown what they give until others are expected to do as they do."""
FOLLOWS_WITHIN = timedelta(seconds=30)
"""What is due counts as due so much later inside a slot: a dispatch travels, and devices follow in steps."""
MOST_PROVISIONAL = 6
"""So often at most what somebody tells inside a slot changes what is expected of it."""
PROVISIONAL_STEP = 5
"""And only by so many percent at least."""
ROUNDED_WH = 2
"""Metered energy and baseline are whole Wh each: in a short slot that is more than what `ENOUGH_PCT` allows."""


class DeliveryWatch:
    """What is to be expected of the children beside what they were awarded."""

    def __init__(self, out: Out, subject: Subject, children: Children, book: Members | None) -> None:
        self.out = out
        self.subject = subject
        self.children = children
        self.book = book
        self.gives_pct: dict[str, int] = {}
        """What those gave in their last slot of what was due who gave less."""
        self.typical_pct = 100
        """What a DER gave of what was due in the last slot, at the median: expected of those of which nothing was due yet."""
        self.judged_slots = 0
        self.steps_wh: dict[str, int] = {}
        """In which the meters of those count that have told it."""
        self.owed_wh: dict[str, int] = {}
        """What those have given less than is enough, within their steps: one step in all, and not one in every slot."""
        self.silent: dict[str, int] = {}
        """Who has not answered its dispatch: of which slot. Nothing is expected of it there, and nothing known of later ones."""
        self.stated: dict[str, None] = {}
        """Of whom less was expected when a shortfall was stated: it may be missing upward already."""
        self.late: dict[str, None] = {}
        """Who has answered one late, and delivers: it is not given up for that again."""
        self.slow: dict[str, int] = {}
        """Whose last value came so many slots late: it may come as late again."""
        self.provisional: dict[str, tuple[int, int]] = {}
        """Of whom something else is expected by what it told inside a slot: in which, and how often that has changed."""

    def clear(self) -> None:
        """Everybody is expected to give what is due."""
        self.gives_pct = {}
        self.typical_pct, self.judged_slots = 100, 0
        self.owed_wh.clear()
        self.provisional.clear()
        self.silent, self.late, self.stated, self.slow = {}, {}, {}, {}
        self.children.stood.clear()

    def pct(self, name: str) -> int:
        """What is expected of a child, percent of what it was awarded."""
        pct = 0 if name in self.silent else self.gives_pct.get(name)
        if pct is None:
            return self.typical_pct if self.typical_pct < 100 and self._is_untried(name) else 100
        return pct

    def _is_untried(self, name: str) -> bool:
        """Whether nothing was due of a DER in any slot so far."""
        awarded_w = self.children[name].awarded_w
        return awarded_w is not None and not any(awarded_w[: self.judged_slots]) and self.is_der(name)

    def doubtful_w(self) -> Plan:
        """What stands with the children by their awards and is not expected of them, W."""
        short = []
        for name in self._doubted():
            awarded_w = self.children[name].awarded_w
            if awarded_w is not None:
                short.append(shortfall(awarded_w, self._expected_w(name, awarded_w)))
        return total(short, self.subject.slots)

    def _doubted(self) -> Iterable[str]:
        """Of whom less may be expected than it was awarded."""
        known = self.gives_pct if self.typical_pct == 100 else [child.name for child, _ in self.children.awarded()]
        return dict.fromkeys((*known, *self.silent)) if self.silent else known

    def _expected_w(self, name: str, awarded_w: Plan) -> Plan:
        """What is expected of an award, W."""
        silent = self.silent.get(name)
        if silent is None:
            return scaled(awarded_w, self.pct(name), 100)
        expected_w = scaled(awarded_w, self.gives_pct.get(name, 100), 100)
        return tuple(0 if slot == silent else power for slot, power in enumerate(expected_w))

    def awaited_w(self, now: datetime) -> Plan:
        """What those were awarded whose dispatch is not answered, in a slot that has hardly begun: they may follow it all the
        same, W."""
        found = []
        for name, slot in self.silent.items():
            awarded_w, begins = self.children[name].awarded_w, self.states_at(slot)
            if awarded_w is not None and now < begins:
                found.append(tuple(power if at == slot else 0 for at, power in enumerate(awarded_w)))
        return total(found, self.subject.slots)

    def states_at(self, slot: int) -> datetime:
        """From when on it is stated that an unanswered dispatch of a slot could not be replaced."""
        return self.subject.period.slot_start(slot) + FOLLOWS_WITHIN

    def unheard_w(self) -> Plan:
        """What of it stands with aggregators that have told nothing: nobody knows what they give, W."""
        unheard = [self.children[name].awarded_w for name in self.gives_pct if not self.is_der(name)]
        return total([awarded_w for awarded_w in unheard if awarded_w is not None], self.subject.slots)

    def judge(self, slot: int, readings: Readings, impossible: Container[str]) -> bool:
        """Compare what each DER gave in a slot with what was due; whether anything else is expected now. An aggregator
        watches its own children and withdraws what it cannot replace: of one only this is asked, whether it has told its
        sum. Of whose meter tells what cannot be (`impossible`) nothing is known."""
        before = (self.typical_pct, dict(self.gives_pct))
        have, gave_pct = readings.of(slot), []
        for child, awarded_w in self.children.awarded():
            due_wh = self._due_wh(child, awarded_w, slot)
            newer = self.provisional.get(child.name, (slot, 0))[0] > slot  # it has told of the next slot already
            if due_wh is None:
                self.owed_wh.pop(child.name, None)
            elif child.name not in impossible and not newer and not self._comes_later(child.name, slot, readings):
                known = self._judge(child.name, slot, due_wh, have.get(child.name))
                if known and self.is_der(child.name):
                    gave_pct.append(self.gives_pct.get(child.name, 100))
        if len(gave_pct) >= LEAST_JUDGED:
            self.typical_pct = int(median_low(gave_pct))
        self.judged_slots = slot + 1
        self.silent = {name: silent for name, silent in self.silent.items() if silent > slot}
        self.provisional = {name: known for name, known in self.provisional.items() if known[0] > slot}
        self.children.forget_stood(self.subject.period.slot_start(slot + 1))
        return (self.typical_pct, self.gives_pct) != before

    def judge_so_far(self, name: str, message: m.Report, now: datetime) -> bool:
        """Whether something else is expected of a DER by what has flowed in the slot under way so far. Provisional: nothing
        is kept of it but what is expected, until the slot's own value is there; and it changes that a few times a slot only."""
        slot, at = message.slot, message.measured_at
        energy_wh_, baseline_wh, awarded_w = message.energy_wh, message.baseline_wh, self.children[name].awarded_w
        if slot is None or at is None or energy_wh_ is None or baseline_wh is None or awarded_w is None:
            return False
        count = self.provisional[name][1] if self.provisional.get(name, (-1, 0))[0] == slot else 0
        if not self._is_fresh(name, slot, at, now) or count >= MOST_PROVISIONAL:
            return False
        stood = [one for one in self.children.stood.get(name, ()) if one[0] > self.subject.period.slot_start(slot)]
        due_wh = stood_wh(stood, awarded_w, self.subject.period, slot, at - FOLLOWS_WITHIN)
        given_wh = delivered_wh(self.subject.direction, energy_wh_, baseline_wh)
        if given_wh < due_wh and self._was_left_to_itself(name, awarded_w, slot):
            return False
        pct = max(0, min(100, given_wh * 100 // due_wh)) if due_wh > ROUNDED_WH else 100
        if pct >= ENOUGH_PCT or given_wh >= due_wh - ROUNDED_WH - self.step_wh(name):
            pct = 100
        if abs(self.gives_pct.get(name, 100) - pct) < PROVISIONAL_STEP:
            return False
        self.provisional[name] = slot, count + 1
        if pct == 100:
            del self.gives_pct[name]
        else:
            self.gives_pct[name] = pct
        self.out.tell(
            "gives_so_far", "meter", child=name, slot=slot, measured_at=at, due_wh=due_wh, given_wh=given_wh,
            expected_pct=pct,
        )  # fmt: skip
        return True

    def _is_fresh(self, name: str, slot: int, at: datetime, now: datetime) -> bool:
        """Whether a value is of now, in the slot under way, and its home has had the time to follow its award."""
        period, award = self.subject.period, self.children[name].award
        assert award is not None
        begins = max(period.slot_start(slot), award.sent_at)
        within = timedelta(seconds=self.book[name].telemetry_s or 0) if self.book is not None else timedelta()
        in_slot = period.slot_start(slot) < at <= now < period.slot_start(slot + 1)
        return in_slot and now - at <= within and at - begins >= 2 * FOLLOWS_WITHIN

    def judge_late(self, slot: int, readings: Readings) -> bool:
        """Whether something else is expected of a child by what it told late of the slot that was summed up last, or of the
        newest that it can have told: an aggregator is counted on again, a DER as far as its value shows; but where a shortfall
        was stated meanwhile, it is judged by its next slot: what was withdrawn upward is not wanted of it any more."""
        have, before = readings.of(slot), dict(self.gives_pct)
        for name in [name for name in self.gives_pct if name not in have and self.slow.get(name, 1) > 1]:
            late = slot + 1 - self.slow[name]
            if name in readings.of(late) and name not in self.stated and self._comes_later(name, slot, readings):
                self._judge_again(name, late, readings.of(late)[name])
        for name in [name for name in self.gives_pct if name in have]:
            if not self.is_der(name):
                self._heard(name, slot)
            elif name not in self.provisional and name not in self.stated and not self.step_wh(name):
                self._judge_again(name, slot, have[name])
        return self.gives_pct != before

    def came_late(self, name: str, slots: int) -> None:
        """The first value of a slot comes behind its sum, so many slots late."""
        if self.is_der(name):
            self.slow[name] = slots

    def _comes_later(self, name: str, slot: int, readings: Readings) -> bool:
        """Whether a DER without a value of a slot is no later with it than it was before."""
        late = self.slow.get(name)
        if late is not None and name in readings.of(slot):
            del self.slow[name]
            return False
        return late is not None and (slot < late or name in readings.of(slot - late))

    def shortfall_stated(self) -> None:
        """What could not be replaced is missing upward from now on."""
        self.stated |= dict.fromkeys(self.gives_pct)

    def _judge_again(self, name: str, slot: int, reading: m.Reading) -> None:
        """A DER's value of a slot in which it was judged without, or by another one."""
        child = self.children[name]
        due_wh = None if child.awarded_w is None else self._due_wh(child, child.awarded_w, slot)
        if due_wh is not None:
            given_wh = delivered_wh(self.subject.direction, reading.energy_wh, reading.baseline_wh)
            self._expect(name, slot, due_wh, given_wh, silent=False)

    def _judge(self, name: str, slot: int, due_wh: int, reading: m.Reading | None) -> bool:
        """What is expected of a child by its value of a slot; whether it shows anything."""
        if reading is None:
            self.late.pop(name, None)
            self._expect(name, slot, due_wh, 0, silent=True)
        elif self.is_der(name):
            given_wh = delivered_wh(self.subject.direction, reading.energy_wh, reading.baseline_wh)
            if given_wh < due_wh and self._was_left_to_itself(name, self.children[name].awarded_w or (), slot):
                return False
            self._expect(name, slot, due_wh, given_wh, silent=False)
        elif name in self.gives_pct:
            self._heard(name, slot)
        return True

    def _was_left_to_itself(self, name: str, awarded_w: Plan, slot: int) -> bool:
        """Whether nothing was due of a DER in a part of a slot, behind others in which it gave: its devices took that back
        meanwhile, by no fault of its own, and its meter tells both together."""
        start, stood = self.subject.period.slot_start(slot), self.children.stood.get(name, ())
        return any(awarded_w[:slot]) and any(not plan[slot] for until, plan in stood if until > start)

    def _heard(self, name: str, slot: int) -> None:
        del self.gives_pct[name]
        self.out.tell("heard_again", "meter", child=name, slot=slot)

    def _due_wh(self, child: Child, awarded_w: Plan, slot: int) -> int | None:
        """What was due of a child in a slot by the awards that stood in it; None where nothing is, or it is not known."""
        assert child.award is not None
        start, end = self.subject.period.slot_start(slot), self.subject.period.slot_start(slot + 1)
        if not awarded_w[slot]:
            return None
        stood = [piece for piece in self.children.stood.get(child.name, ()) if piece[0] > start]
        if stood:
            return stood_wh(stood, awarded_w, self.subject.period, slot)
        return energy_wh(awarded_w[slot], end - start) if child.award.sent_at < start else None

    def is_der(self, name: str) -> bool:
        """Whether a child is one by its contract."""
        return self.book is not None and self.book.is_der(name)

    def _expect(self, name: str, slot: int, due_wh: int, given_wh: int, silent: bool) -> None:
        pct = max(0, min(100, given_wh * 100 // due_wh)) if due_wh else 100
        within_step = not silent and self._within_step(name, due_wh * ENOUGH_PCT // 100 - given_wh)
        if pct >= ENOUGH_PCT or given_wh >= due_wh - ROUNDED_WH or within_step:
            self.stated.pop(name, None)
            if self.gives_pct.pop(name, None) is not None:
                self.out.tell("gives_again", "meter", child=name, slot=slot)
        elif self.gives_pct.get(name) != pct:
            self.gives_pct[name] = pct
            self.out.tell(
                "gives_less",
                "meter",
                child=name,
                slot=slot,
                due_wh=due_wh,
                given_wh=given_wh,
                expected_pct=pct,
                silent=silent,
            )

    def step_wh(self, name: str) -> int:
        """In which a child's meter counts, as far as that is believed."""
        return min(self.steps_wh.get(name, 0), MOST_WH)

    def _within_step(self, name: str, short_wh: int) -> bool:
        """Whether what is missing may be in its meter already, and show with its next step."""
        step_wh = self.step_wh(name)
        if not step_wh:
            return False
        owed_wh = self.owed_wh.get(name, 0) + short_wh
        self.owed_wh[name] = max(-step_wh, min(step_wh, owed_wh))
        return owed_wh <= step_wh + ROUNDED_WH

    def unanswered(self, name: str, slot: int) -> bool:
        """A child says nothing to the dispatch of a slot: nothing is expected of it there. Whether anything was."""
        if name in self.late or self.gives_pct.get(name) == 0:
            return False
        self.silent[name] = slot
        self.out.tell("dispatch_unanswered", "claim 1", child=name, slot=slot)
        return True

    def answered(self, name: str, slot: int) -> bool:
        """A child says that it has the dispatch of a slot; whether it was given up for that, and is counted on again."""
        silent = self.silent.get(name)
        if silent is None or silent > slot:
            return False
        del self.silent[name]
        self.late[name] = None
        self.out.tell("dispatch_answered_late", "claim 1", child=name, slot=slot)
        return True

    def refused(self, name: str, slot: int, reason: str) -> bool:
        """A child refuses the dispatch of a slot: nothing is expected of it. Whether anything was."""
        self.silent.pop(name, None)
        expected = self.pct(name) > 0
        if expected:
            self.gives_pct[name] = 0
            self.out.tell("dispatch_refused", "claim 1", child=name, slot=slot, reason=reason)
        return expected
