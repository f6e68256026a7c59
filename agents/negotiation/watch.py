"""Part of an event: who gives less than is due by its meter. What it gives then is expected of it in the slots to come,
until a slot shows more."""

from collections.abc import Container
from datetime import datetime

from agents.negotiation.child import Child
from agents.negotiation.children import Children
from agents.negotiation.out import Out
from agents.negotiation.readings import Readings
from agents.negotiation.subject import Subject
from agents.settings.members import Members
from protocol import messages as m
from protocol.plan import Plan, scaled, shortfall, total
from protocol.rules import delivered_wh
from protocol.units import energy_wh

ENOUGH_PCT = 95
"""Who gives so much of what is due keeps its word: devices follow in steps."""
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

    def clear(self) -> None:
        """Everybody is expected to give what is due."""
        self.gives_pct = {}

    def pct(self, name: str) -> int:
        """What is expected of a child, percent of what it was awarded."""
        return self.gives_pct.get(name, 100)

    def doubtful_w(self) -> Plan:
        """What stands with the children by their awards and is not expected of them, W."""
        short = []
        for name, pct in self.gives_pct.items():
            awarded_w = self.children[name].awarded_w
            if awarded_w is not None:
                short.append(shortfall(awarded_w, scaled(awarded_w, pct, 100)))
        return total(short, self.subject.slots)

    def unheard_w(self) -> Plan:
        """What of it stands with aggregators that have told nothing: nobody knows what they give, W."""
        unheard = [self.children[name].awarded_w for name in self.gives_pct if not self._is_der(name)]
        return total([awarded_w for awarded_w in unheard if awarded_w is not None], self.subject.slots)

    def judge(self, slot: int, readings: Readings, impossible: Container[str]) -> bool:
        """Compare what each DER gave in a slot with what was due; whether anything else is expected now. An aggregator
        watches its own children and withdraws what it cannot replace: of one only this is asked, whether it has told its
        sum. Of whose meter tells what cannot be (`impossible`) nothing is known."""
        before = dict(self.gives_pct)
        have = readings.of(slot)
        for child, awarded_w in self.children.awarded():
            if child.name not in impossible and self._judged(child, awarded_w, slot):
                self._judge(child.name, slot, awarded_w[slot], have.get(child.name))
        return self.gives_pct != before

    def judge_late(self, slot: int, readings: Readings) -> bool:
        """Whether an aggregator has told its sum late that is not counted on. A DER is judged by its next slot: what nobody
        could replace of it was withdrawn upward, and is not wanted of it any more."""
        have = readings.of(slot)
        late = [name for name in self.gives_pct if name in have and not self._is_der(name)]
        for name in late:
            self._heard(name, slot)
        return bool(late)

    def _judge(self, name: str, slot: int, awarded_w: int, reading: m.Reading | None) -> None:
        due_wh = energy_wh(awarded_w, self.subject.period.duration)
        if reading is None:
            self._expect(name, slot, due_wh, 0, silent=True)
        elif self._is_der(name):
            given_wh = delivered_wh(self.subject.direction, reading.energy_wh, reading.baseline_wh)
            self._expect(name, slot, due_wh, given_wh, silent=False)
        elif name in self.gives_pct:
            self._heard(name, slot)

    def _heard(self, name: str, slot: int) -> None:
        del self.gives_pct[name]
        self.out.tell("heard_again", "meter", child=name, slot=slot)

    def _judged(self, child: Child, awarded_w: Plan, slot: int) -> bool:
        """Whether a child had its award for the whole slot."""
        return bool(awarded_w[slot]) and self._awarded_at(child) < self.subject.period.slot_start(slot)

    def _is_der(self, name: str) -> bool:
        return self.book is not None and name in self.book and self.book[name].kind == "der"

    def _awarded_at(self, child: Child) -> datetime:
        assert child.award is not None
        return child.award.sent_at

    def _expect(self, name: str, slot: int, due_wh: int, given_wh: int, silent: bool) -> None:
        pct = max(0, min(100, given_wh * 100 // due_wh)) if due_wh else 100
        if pct >= ENOUGH_PCT or given_wh >= due_wh - ROUNDED_WH:
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

    def unanswered(self, name: str, slot: int) -> None:
        """A child says nothing to the dispatch of a slot: nothing is expected of it."""
        if self.gives_pct.get(name) != 0:
            self.gives_pct[name] = 0
            self.out.tell("dispatch_unanswered", "claim 1", child=name, slot=slot)

    def refused(self, name: str, slot: int, reason: str) -> bool:
        """A child refuses the dispatch of a slot: nothing is expected of it. Whether anything was."""
        expected = self.pct(name) > 0
        if expected:
            self.gives_pct[name] = 0
            self.out.tell("dispatch_refused", "claim 1", child=name, slot=slot, reason=reason)
        return expected
