"""Delivery of one event at a parent: meter values come in per child and slot, their sums go up, one report a slot.

delivered = direction's sign x (metered energy - baseline), Wh. A slot is passed on when every awarded child has
reported it, or when its grace is over, with what is there; the number of silent meters is told.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.negotiation.asking import Stage
from agents.negotiation.negotiation import Negotiation
from protocol import messages as m
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.units import energy_wh

UNKNOWN = "completed_unknown"
"""The outcome of an event that ended while its party was down."""


class Delivery:
    """Readings of the children (and of own devices) of one negotiation."""

    def __init__(self, negotiation: Negotiation, grace: timedelta) -> None:
        self.of = negotiation
        self.grace = grace
        self.slot = 0
        """The next slot to be passed on."""
        self.readings: dict[int, dict[str, m.Reading]] = {}
        self._missing: dict[str, None] = {}
        """Awarded children that may still owe a reading of the slot: a crowd's slot is not searched at each report."""
        self.delivered_wh = 0
        self.own: tuple[str, ...] = ()
        """Resource ids of own devices that report into this event."""

    def start(self) -> None:
        self.slot = 0
        self.readings.clear()
        self._missing = {}
        self.delivered_wh = 0
        self.of.timers["report"] = self._due_at()

    def resumed(self, now: datetime) -> None:
        """After a restart: reports that wait at the broker get their grace; an event that ended meanwhile is closed
        as unknown until reports settle it."""
        of = self.of
        if of.stage in (Stage.STANDBY, Stage.DELIVERING) and now >= of.end_at:
            of.close(UNKNOWN, now)
        elif of.stage is Stage.DELIVERING and "report" in of.timers:
            of.timers["report"] = max(of.timers["report"], now + self.grace)

    @property
    def settling(self) -> bool:
        """The event ended while nobody was there: reports may still complete it."""
        return self.of.outcome == UNKNOWN

    def _due_at(self) -> datetime:
        return self.of.period.slot_start(self.slot + 1) + self.grace

    def take(self, name: str, reading: m.Reading, now: datetime) -> None:
        """Keep a reading (a repeat replaces itself) and pass the slot on when it is complete."""
        if reading.slot >= len(self.of.asked_w):
            raise RefusedMessage(RejectReason.WRONG_SLOTS, f"slot {reading.slot} of {len(self.of.asked_w)}")
        if reading.slot < self.slot:
            self.of.tell("late_report_recorded", child=name, slot=reading.slot)
            return
        self.readings.setdefault(reading.slot, {})[name] = reading
        while self.slot < len(self.of.asked_w) and self._complete(now):
            self.pass_on(now)

    def _complete(self, now: datetime) -> bool:
        if not (self.of.stage is Stage.DELIVERING or self.settling) or now < self.of.period.slot_start(self.slot + 1):
            return False
        have = self.readings.get(self.slot, {})
        return all(own in have for own in self.own) and not self._owes(have)

    def _owes(self, have: Mapping[str, m.Reading]) -> bool:
        """Whether an awarded child has not reported the slot."""
        children = self.of.children
        while self._missing:
            name = next(reversed(self._missing))
            if name not in have and children[name].holds is not None:
                return True
            del self._missing[name]
        self._missing = {child.name: None for child, _ in children.held() if child.name not in have}
        return bool(self._missing)

    def due(self, now: datetime) -> None:
        self.pass_on(now)

    def pass_on(self, now: datetime) -> m.Reading:
        """Sum the slot up, tell it, and hand it to the role; after the last slot the event ends."""
        slot, of = self.slot, self.of
        have = self.readings.get(slot, {})
        held = of.children.held()
        energy = sum(reading.energy_wh for reading in have.values())
        baseline = sum(reading.baseline_wh for reading in have.values())
        delivered = of.direction.sign * (energy - baseline)
        self.delivered_wh += delivered
        awarded_w = of.deal_w[slot] if of.deal_w is not None else 0
        of.tell(
            "slot_metered",
            "meter",
            slot=slot,
            delivered_wh=delivered,
            awarded_wh=energy_wh(awarded_w, of.period.duration),
            reported=len(have),
            silent=sum(child.name not in have for child, _ in held),
        )
        last = slot + 1 == len(of.asked_w)
        state = m.EventStatus.COMPLETED if last else m.EventStatus.ACTIVE
        reading = m.Reading(
            slot=slot, energy_wh=energy, baseline_wh=baseline, state=state, reading_type=m.ReadingType.SUMMED
        )
        self.slot += 1
        self._missing = {}
        if not last and not self.settling:
            of.timers["report"] = self._due_at()
        self.of.metered(reading, now)
        if last:
            of.timers.pop("report", None)
            of.finished(self.delivered_wh, now)
        return reading

    def on_report(self, edge: Edge, message: m.Report, now: datetime) -> None:
        child = self.of.children.by_name.get(edge.child)
        award = child.award if child is not None else None
        if child is not None and award is not None and award.outcome is not m.Outcome.CONCLUDED:
            self.of._say_again(child, now)
            return
        if child is None or award is None:
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award stands with {edge.child}")
        for reading in message.readings:
            self.take(child.name, reading, now)
