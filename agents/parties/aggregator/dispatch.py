"""Claim 1: the aggregator commands its DERs, slot by slot, and its own storage; then it meters its own storage.

A dispatch goes out `lead` before its slot and lives for that slot only, so a lost cancellation ends by itself.
"""

from datetime import datetime, timedelta

from agents.negotiation.child import Child
from agents.negotiation.meter_step import beside
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.stage import Stage, Timer
from agents.parties.aggregator.own_storage import OwnStorage
from agents.parties.der.without_event import WithoutEvent
from agents.settings.members import Members
from protocol import messages as m
from protocol.actor import Measure, Measured
from protocol.edges import Edge
from protocol.rules import report_id, report_revision


class Dispatching:
    """What is dispatched of one event."""

    def __init__(
        self, event: Negotiation, book: Members, lead_s: int, storage: OwnStorage, meter_to: tuple[str, ...] = ()
    ) -> None:
        """`meter_to`: who hears the meters of own storage beside the parent."""
        self.event = event
        self.meter_to = meter_to
        self.book = book
        self.lead = timedelta(seconds=lead_s)
        self.storage = storage
        self.slot = 0
        self.measured_slot = 0
        self.rests_wus: dict[str, int] = {}
        """Per own device, W x microseconds of its baseline that are no whole Wh yet."""

    def start(self, now: datetime) -> None:
        """A deal stands: the first dispatch follows."""
        period, timers = self.event.subject.period, self.event.timers
        self.slot = self.measured_slot = 0
        timers.set(Timer.DISPATCH, max(period.start - self.lead, now))
        if self.storage:
            timers.set(Timer.MEASURE, period.slot_start(1))

    def stop(self, now: datetime) -> bool:
        """Nothing more is commanded. Whether own storage is still to be measured: of an event that is cancelled in a slot,
        until now."""
        self.event.timers.drop(Timer.DISPATCH)
        self.event.timers.drop(Timer.MEASURE)
        self.event.timers.drop(Timer.ANSWERS)
        self.event.dispatches.clear()
        return self.storage.is_led() and self._measure_until(now)

    def _measure_until(self, now: datetime) -> bool:
        event, slot = self.event, self.measured_slot
        start = event.subject.period.slot_start(slot)
        cancelled = event.stage is Stage.DELIVERING and event.outcome == m.Outcome.CANCELLED
        if not cancelled or slot >= event.subject.slots or now <= start:
            return False
        for resource_id in self.storage.resource_ids:
            event.out.effect(Measure(resource_id, event.subject.event_id, slot, start, now))
        return True

    def due(self, now: datetime) -> None:
        """Command the next slot."""
        event, period, slots = self.event, self.event.subject.period, self.event.subject.slots
        while self.slot + 1 < slots and period.slot_start(self.slot + 1) <= now:
            self.slot += 1  # over while the process was down
        slot = self.slot
        sent, was_away = 0, event.out.counts_waited and now > period.slot_start(slot)
        for child, plan in event.children.awarded():
            if self._dispatches(child) and any(plan):
                sent += 1
                if was_away:
                    event.children.due_from(child, now)
                event.dispatches.give(child, plan, slot, now)
        self._command_storage(slot, now)
        event.out.tell("dispatched", "claim 1", slot=slot, dispatched=sent, power_w=event.mending.standing_w()[slot])
        self.slot += 1
        if self.slot < slots:
            event.timers.set(Timer.DISPATCH, period.slot_start(self.slot) - self.lead)

    def bound(self, child: Child, now: datetime) -> None:
        """A child has confirmed an award in the lead of a slot, or inside one: it may have that slot's dispatch already, by
        this award (unconfirmed then) or another, may have refused it because it came before its award, or have none."""
        slot = self.slot - 1
        if slot < 0 or now >= self.event.subject.period.slot_start(slot + 1):
            return
        awarded_w = child.awarded_w
        if awarded_w is not None and any(awarded_w) and self._dispatches(child):
            self.event.dispatches.give_anew(child, awarded_w, slot, now)

    def _dispatches(self, child: Child) -> bool:
        return self.book.is_der(child.name)

    def _command_storage(self, slot: int, now: datetime) -> None:
        own = self.storage.committed_w
        if own is not None and any(own):
            self._follow_storage(slot, own[slot], now)

    def _follow_storage(self, slot: int, power_w: int, now: datetime) -> None:
        held = self.storage.held
        for setpoint in held.follow(slot, power_w, now) if held is not None else ():
            self.event.out.effect(setpoint)

    def storage_follows(self, now: datetime) -> None:
        """Command own storage anew where its part of the slot that was commanded last is another one now."""
        slot, own, subject = self.slot - 1, self.storage.committed_w, self.event.subject
        if slot < 0 or own is None or now >= subject.period.slot_start(slot + 1):
            return
        at = max(now, subject.period.slot_start(slot))
        if self.storage.led_w(at) != subject.direction.sign * own[slot]:
            self._follow_storage(slot, own[slot], now)

    def measure_due(self, now: datetime) -> None:
        """A slot is over: ask own devices for its energy."""
        subject, slot = self.event.subject, self.measured_slot
        start, end = subject.period.slot_start(slot), subject.period.slot_start(slot + 1)
        for resource_id in self.storage.resource_ids:
            self.event.out.effect(Measure(resource_id, subject.event_id, slot, start, end))
        self.measured_slot += 1
        if self.measured_slot < subject.slots:
            self.event.timers.set(Timer.MEASURE, subject.period.slot_start(self.measured_slot + 1))

    def measured(self, item: Measured, now: datetime) -> None:
        """A meter value of own storage: what other events reserve of the device is not this one's doing."""
        if item.slot is None or item.energy_wh is None:
            return
        held, name = self.storage.held, item.resource_id
        cancelled, baseline = self.event.outcome == m.Outcome.CANCELLED, item.energy_wh
        if held is not None:
            until = item.at if cancelled else None
            baseline, rest_wus = WithoutEvent(held).baseline_wh((item,), item.slot, self.rests_wus.pop(name, 0), until)
            if rest_wus:
                self.rests_wus[name] = rest_wus
        reading = m.Reading(
            slot=item.slot,
            energy_wh=item.energy_wh,
            baseline_wh=baseline,
            soc_wh=item.soc_wh if held is None else held.home.stored_wh(item, held.period.slot_start(item.slot)),
            state=m.EventStatus.CANCELLED if cancelled else m.EventStatus.ACTIVE,
            reading_type=m.ReadingType.ESTIMATED if item.estimated else m.ReadingType.DIRECT_READ,
        )
        step_wh = item.step_wh or 0
        self.event.delivery.counts_in(item.resource_id, step_wh)
        for parent in self.meter_to:
            report = beside(self._report(item.resource_id, reading, now), step_wh)
            self.event.out.send(Edge(parent, self.event.out.name), report)
        self.event.metered(item.resource_id, reading, item.slot + 1, now)

    def _report(self, resource_id: str, reading: m.Reading, now: datetime) -> m.Report:
        """The meter value of an own device for whoever meters it beside the sums."""
        up = self.event.up
        assert up is not None
        request = up.request
        return m.Report(
            message_id=report_id(f"{self.event.out.name}.{resource_id}", request.request_id, reading.slot, 0),
            sent_at=now,
            event_id=request.event_id,
            request_id=request.request_id,
            round=request.round,
            revision=report_revision(reading.slot, self.event.subject.slots, 0),
            resource_id=resource_id,
            readings=(reading,),
        )
