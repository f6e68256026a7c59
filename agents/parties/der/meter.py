"""What is metered of a home in its events: slot by slot, by all of its devices, reported to those who have to know."""

from collections.abc import Iterable
from datetime import datetime

from agents.negotiation.meter_step import beside
from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerStage, DerTimer
from agents.parties.der.home import Home
from agents.parties.der.without_event import WithoutEvent
from protocol import messages as m
from protocol.actor import Measure, Measured
from protocol.edges import Edge


class HomeMeter:
    """The smart meter of one home."""

    def __init__(self, party: Party, home: Home, meter_to: tuple[str, ...]) -> None:
        """`meter_to`: who hears it beside the parent of an event."""
        self.party, self.home, self.meter_to = party, home, meter_to

    # -- slots

    def slot_over(self, event: DerEvent, now: datetime) -> None:
        """A slot ends: every device is asked for its energy."""
        start, end = event.slot_start(event.slot), event.slot_start(event.slot + 1)
        self._ask(event, start, end)
        event.slot += 1
        if event.slot < event.slots:
            event.timers[DerTimer.SLOT] = event.slot_start(event.slot + 1)

    def cancelled(self, event: DerEvent, now: datetime) -> None:
        """The event is cancelled: what flowed until now is of the settlement."""
        if event.stage in (DerStage.AWARDED, DerStage.ACTIVE):
            self._until(event, now)

    def cancelled_behind(self, event: DerEvent, now: datetime) -> None:
        """The same of an event that it has withdrawn from, and that is metered to the end."""
        if DerTimer.SLOT in event.timers:
            event.outcome = m.Outcome.CANCELLED
            self._until(event, now)
            event.timers.pop(DerTimer.SLOT, None)

    def _until(self, event: DerEvent, now: datetime) -> None:
        """The slots that are over, and the present one as far as it is."""
        over = event.slot_at(now)
        while event.slot < over:
            self.slot_over(event, now)
        start = event.slot_start(event.slot)
        if event.slot < event.slots and start < now:
            self._ask(event, start, now)

    def _ask(self, event: DerEvent, start: datetime, end: datetime) -> None:
        for device in self.home.devices:
            self.party.effect(Measure(device.resource_id, event.request.event_id, event.slot, start, end))

    def find_schedules(self, item: Measured, events: Iterable[DerEvent]) -> None:
        """Before a device is first read behind the starts of slots: what it would do by itself there, as known then."""
        told = self.home.told.get(item.resource_id)
        for event in events:
            held = event.accepted
            if held is None or item.resource_id not in held.parts:
                continue
            for slot in event.slots_until(item.at):
                found = event.found_wus.get(slot, {})
                if item.resource_id in found or (told is not None and told.at > event.slot_start(slot)):
                    continue
                wus = WithoutEvent(held).found_wus(item.resource_id, slot)
                if wus is not None:
                    event.found_wus[slot] = {**found, item.resource_id: wus}

    # -- values

    def take(self, event: DerEvent, item: Measured, slot: int, now: datetime) -> bool:
        """Store a device's value of a slot, and report the slot when all are there; whether the last slot is reported."""
        values = event.measured.setdefault(slot, {})
        corrects = item.resource_id in values and slot in event.readings
        values[item.resource_id] = item
        if not self._is_complete(event, slot):
            return False
        rest_wus = event.rest_wus
        reading = event.readings[slot] = self._reading(event, slot)
        number = 0
        if corrects:  # a replacement value, whose place a metered one takes
            event.rest_wus, number = rest_wus, self._next
        for parent in (event.edge.parent, *self.meter_to):
            self._say(Edge(parent, self.party.name), event, reading, now, number)
        return slot + 1 == event.slots and not corrects

    def _is_complete(self, event: DerEvent, slot: int) -> bool:
        """Whether all devices of the home were measured in a slot."""
        return event.accepted is not None and len(event.measured.get(slot, ())) == len(self.home.devices)

    def _reading(self, event: DerEvent, slot: int) -> m.Reading:
        """What the smart meter says of a slot."""
        values = tuple(event.measured[slot].values())
        held = event.accepted
        assert held is not None
        until = min(value.at for value in values) if event.outcome == m.Outcome.CANCELLED else None
        found_wus = event.found_wus.get(slot)
        baseline, event.rest_wus = WithoutEvent(held).baseline_wh(values, slot, event.rest_wus, until, found_wus)
        stored_wh = [held.home.stored_wh(value, event.slot_start(slot)) for value in values]
        stored = [wh for wh in stored_wh if wh is not None]
        return m.Reading(
            slot=slot,
            energy_wh=sum(value.energy_wh or 0 for value in values),
            baseline_wh=baseline,
            soc_wh=sum(stored) if stored else None,
            state=_state(event, slot),
            reading_type=_known_by(values),
        )

    def know_again(self, event: DerEvent) -> None:
        """Know again what was reported of the slots that were measured."""
        event.rest_wus = 0
        for slot in sorted(event.measured):
            if slot < event.slots and self._is_complete(event, slot):
                event.readings[slot] = self._reading(event, slot)

    # -- reports

    def again(self, edge: Edge, event: DerEvent, slot: int, now: datetime) -> bool:
        """Report a slot once more, on the edge where that may have been lost; whether it was reported before."""
        reading = event.readings.get(slot)
        if reading is not None:
            self._say(edge, event, reading, now, self._next)
        return reading is not None

    def anew(self, event: DerEvent, slot: int, now: datetime) -> int:
        """Report a slot under a number of its own, as its id was used before; the number."""
        number = self._next
        self._say(event.edge, event, event.readings[slot], now, number)
        return number

    def has_dispatch(self, event: DerEvent, dispatch: m.Dispatch, now: datetime) -> None:
        """Say at once that a dispatch is there, to a parent that wants to know."""
        if dispatch.answer:
            begun = event.slot_start(dispatch.slot) <= now
            answer = messages.has_dispatch(self.party.name, event.request, dispatch.slot, begun, now, self._next)
            self.party.send(event.edge, answer)

    @property
    def _next(self) -> int:
        return self.party.counts["sent.report"] + 1

    def _say(self, edge: Edge, event: DerEvent, reading: m.Reading, now: datetime, number: int = 0) -> None:
        steps_wh = sum(value.step_wh or 0 for value in event.measured.get(reading.slot, {}).values())
        report = messages.report(self.party.name, event.request, reading, now, number)
        self.party.send(edge, beside(report, steps_wh))


def _known_by(values: Iterable[Measured]) -> m.ReadingType:
    """A value that stands in for one that is missing makes the home's an estimate."""
    estimated = any(value.estimated for value in values)
    return m.ReadingType.ESTIMATED if estimated else m.ReadingType.DIRECT_READ


def _state(event: DerEvent, slot: int) -> m.EventStatus:
    """What a reading says of the event."""
    if event.outcome == m.Outcome.CANCELLED:
        return m.EventStatus.CANCELLED
    return m.EventStatus.COMPLETED if slot + 1 == event.slots else m.EventStatus.ACTIVE
