"""Claim 1: the aggregator commands its DERs, slot by slot, and its own storage; then it meters its own storage.

A dispatch goes out `lead` before its slot and lives for that slot only, so a lost cancellation ends by itself.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agents.negotiation.child import Given
from agents.parties.aggregator.own_storage import OwnStorage
from protocol import messages as m
from protocol.actor import Measure, Measured, Setpoint

if TYPE_CHECKING:
    from agents.parties.aggregator.actor import AggregatorEvent


class Dispatching:
    """What is dispatched of one event."""

    def __init__(self, of: "AggregatorEvent", lead_s: int, storage: OwnStorage) -> None:
        self.of = of
        self.lead = timedelta(seconds=lead_s)
        self.storage = storage
        self.slot = 0
        self.measured_slot = 0
        self.commanded = False
        """Whether own storage may be off its schedule."""

    def start(self, now: datetime) -> None:
        self.slot = self.measured_slot = 0
        self.of.timers["dispatch"] = max(self.of.period.start - self.lead, now)
        if self.storage:
            self.of.timers["measure"] = self.of.period.slot_start(1)

    def stop(self, now: datetime) -> None:
        """Nothing more is commanded; own storage returns to its schedule."""
        self.of.timers.pop("dispatch", None)
        self.of.timers.pop("measure", None)
        if self.commanded and self.measured_slot < len(self.of.asked_w):
            for resource_id in self.storage.resource_ids:
                self.of.party._effect(Setpoint(resource_id, None, now, now))
        self.commanded = False

    def due(self, now: datetime) -> None:
        of = self.of
        while self.slot + 1 < len(of.asked_w) and of.period.slot_start(self.slot + 1) <= now:
            self.slot += 1  # over while the process was down
        slot = self.slot
        sent = 0
        for child, plan in of.children.held():
            award = child.award
            if award is not None and any(plan) and of.book[child.name].kind == "der":
                sent += 1
                of.party.say(of.edge(child.name), now, self._dispatch, child.name, award, slot, plan[slot], now)
        start, end = of.period.slot_start(slot), of.period.slot_start(slot + 1)
        held, own = self.storage.held, self.storage.committed_w
        if held is not None and own is not None and any(own):
            for resource_id, power_w in held.setpoints(slot, own[slot]).items():
                of.party._effect(Setpoint(resource_id, power_w, max(start, now), end))
                self.commanded = True
        of.tell("dispatched", "claim 1", slot=slot, dispatched=sent, power_w=of.held_w()[slot])
        self.slot += 1
        if self.slot < len(of.asked_w):
            of.timers["dispatch"] = of.period.slot_start(self.slot) - self.lead

    def _dispatch(self, name: str, award: Given, slot: int, power_w: int, now: datetime) -> m.Dispatch:
        of = self.of
        award_id = of.award_id(name, award)
        return m.Dispatch(
            message_id=f"{of.party.name}.dispatch.{award_id}.{slot}.{award.revision}",
            sent_at=now,
            event_id=of.event_id,
            request_id=award.request_id,
            round=award.round,
            revision=award.revision,
            award_id=award_id,
            slot=slot,
            power_w=of.direction.sign * power_w,
            valid_for_s=int(of.period.duration.total_seconds()),
        )

    def measure_due(self, now: datetime) -> None:
        slot = self.measured_slot
        start, end = self.of.period.slot_start(slot), self.of.period.slot_start(slot + 1)
        for resource_id in self.storage.resource_ids:
            self.of.party._effect(Measure(resource_id, self.of.event_id, slot, start, end))
        self.measured_slot += 1
        if self.measured_slot < len(self.of.asked_w):
            self.of.timers["measure"] = self.of.period.slot_start(self.measured_slot + 1)

    def measured(self, item: Measured, now: datetime) -> None:
        """A meter value of own storage: what other events hold of the device is not this one's doing."""
        if item.slot is None or item.energy_wh is None:
            return
        held = self.storage.held
        baseline = held.baseline_wh(item.resource_id, item.slot) if held is not None else item.energy_wh
        reading = m.Reading(
            slot=item.slot,
            energy_wh=item.energy_wh,
            baseline_wh=baseline,
            soc_wh=item.soc_wh,
            state=m.EventStatus.ACTIVE,
        )
        self.of.delivery.take(item.resource_id, reading, now)
