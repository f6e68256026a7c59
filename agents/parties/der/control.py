"""What a DER does when the deal stands: follow dispatches that run out, meter every slot, report, withdraw, let go."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from agents.devices.catalogue import build_home_devices
from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerStage, DerTimer
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.parties.der.mishaps import is_under_way, mishap
from agents.settings.daemon import Role
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Measure, Measured, Planned
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason

WITHDRAW_REPEATS = 10
"""How often a withdrawal that is not answered is sent in the length of a slot."""


class Controlled(Party):
    """A home with its devices and events; `Der` adds the negotiation."""

    role = Role.DER
    MAX_EVENTS = 64
    MOST_OPEN = 256
    """Events that are not over: more are refused."""

    def __init__(self, settings: DerSettings) -> None:
        super().__init__(settings.name, (settings.parent,), {})
        self.settings = settings
        """Of today."""
        self.owners: dict[str, Any] = {}
        """What the owner has agreed to otherwise since."""
        self.home = Home(build_home_devices(settings), settings.relax_others, settings.connection)
        self.ledger = Ledger()
        self.events: dict[str, DerEvent] = {}
        self.outage = False
        """Whether the home runs without the grid."""
        self._handlers |= {m.Dispatch: self._on_dispatch}
        self._timers: dict[DerTimer, Callable[[DerEvent, datetime], None]] = {
            DerTimer.SLOT: self._slot_over,
            DerTimer.WITHDRAW: self._withdraw_again,
        }
        """What each timer calls."""

    # -- time

    def _next_due(self) -> datetime | None:
        return min((at for event in self.events.values() for at in event.timers.values()), default=None)

    def _due(self, now: datetime) -> None:
        for event in list(self.events.values()):
            for name, at in list(event.timers.items()):
                if at <= now and event.timers.get(name) == at:
                    del event.timers[name]
                    self._timers[name](event, now)

    def at_rest(self, now: datetime) -> bool:
        return not self.outage and all(event.is_over(now) for event in self.events.values())

    def _event(self, message: m.EventMessage) -> DerEvent:
        event = self.events.get(message.event_id)
        if event is None:
            raise RefusedMessage(RejectReason.UNKNOWN_EVENT, f"{self.name} knows no event {message.event_id}")
        awarded = event.award is not None and message.request_id == event.award.request_id
        if message.request_id != event.request.request_id and not awarded:
            text = f"{message.request_id} is superseded by {event.request.request_id}"
            raise RefusedMessage(RejectReason.STALE, text)
        return event

    # -- control (claim 1) and metering

    def _belongs(self, edge: Edge, message: m.EventMessage) -> None:
        if isinstance(message, m.Dispatch) and edge.child == self.name and edge.parent in self.settings.meter_to:
            return  # it asks for a meter value
        super()._belongs(edge, message)

    def _on_dispatch(self, edge: Edge, dispatch: m.Dispatch, now: datetime) -> None:
        event = self._event(dispatch)
        award = event.award
        if self._report_again(edge, event, dispatch, now):
            return
        if edge != event.edge:
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"slot {dispatch.slot} is not metered yet")
        if (
            award is None
            or award.award_id != dispatch.award_id
            or event.stage not in (DerStage.AWARDED, DerStage.ACTIVE)
        ):
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award {dispatch.award_id} stands")
        sign = event.request.direction.sign
        if dispatch.slot >= event.slots:
            raise RefusedMessage(RejectReason.WRONG_SLOTS, f"slot {dispatch.slot} of {event.slots}")
        if not 0 <= sign * dispatch.power_w <= award.power_w[dispatch.slot]:
            raise RefusedMessage(RejectReason.ABOVE_REQUEST, "the dispatch is above the award")
        if event.slot_start(dispatch.slot + 1) <= now:
            raise RefusedMessage(RejectReason.EXPIRED, f"slot {dispatch.slot} is over")
        event.go(DerStage.ACTIVE)
        assert event.accepted is not None
        for setpoint in event.accepted.follow(dispatch.slot, abs(dispatch.power_w), now):
            self.effect(self.home.runnable(setpoint))
        data = {"slot": dispatch.slot, "power_w": dispatch.power_w}
        self.tell("controlling", event.request.event_id, "control", data)
        self._has_dispatch(event, dispatch, now)

    def _has_dispatch(self, event: DerEvent, dispatch: m.Dispatch, now: datetime) -> None:
        """Say at once that a dispatch is there, to a parent that wants to know."""
        if dispatch.answer:
            begun, number = event.slot_start(dispatch.slot) <= now, self.counts["sent.report"] + 1
            answer = messages.has_dispatch(self.name, event.request, dispatch.slot, begun, now, number)
            self.send(event.edge, answer)

    def _report_again(self, edge: Edge, event: DerEvent, dispatch: m.Dispatch, now: datetime) -> bool:
        """The dispatch of a slot that was reported asks for the report, on the edge where it may have been lost. Whether
        it was so."""
        reading, number = event.readings.get(dispatch.slot), self.counts["sent.report"] + 1
        if reading is None:
            return False
        self.send(edge, messages.report(self.name, event.request, reading, now, number))
        return True

    def _slot_over(self, event: DerEvent, now: datetime) -> None:
        start, end = event.slot_start(event.slot), event.slot_start(event.slot + 1)
        for device in self.home.devices:
            self.effect(Measure(device.resource_id, event.request.event_id, event.slot, start, end))
        event.slot += 1
        if event.slot < event.slots:
            event.timers[DerTimer.SLOT] = event.slot_start(event.slot + 1)

    def _planned(self, item: Planned, now: datetime) -> None:
        self.home.plan(item)

    def _measured(self, item: Measured, now: datetime) -> None:
        self._find_schedules(item)
        self.home.observe(item)
        self._mind_mishap(item, now)
        event = self.events.get(item.event_id or "")
        if event is None or event.accepted is None or item.slot is None or item.energy_wh is None:
            return  # of a deal that does not stand any more
        values = event.measured.setdefault(item.slot, {})
        values[item.resource_id] = item
        if self._is_metered(event, item.slot):
            self._report(event, item.slot, now)

    def _find_schedules(self, item: Measured) -> None:
        """Before a device is first read behind the starts of slots: what it would do by itself there, as known then."""
        told = self.home.told.get(item.resource_id)
        for event in self.events.values():
            held = event.accepted
            if held is None or item.resource_id not in held.parts:
                continue
            for slot in event.slots_until(item.at):
                found = event.found_wus.get(slot, {})
                if item.resource_id in found or (told is not None and told.at > event.slot_start(slot)):
                    continue
                wus = held.found_wus(item.resource_id, slot)
                if wus is not None:
                    event.found_wus[slot] = {**found, item.resource_id: wus}

    def _is_metered(self, event: DerEvent, slot: int) -> bool:
        """Whether all devices of the home were measured in a slot."""
        return event.accepted is not None and len(event.measured.get(slot, ())) == len(self.home.devices)

    def _reading(self, event: DerEvent, slot: int) -> m.Reading:
        """What the smart meter says of a slot."""
        values = tuple(event.measured[slot].values())
        held = event.accepted
        assert held is not None
        until = min(value.at for value in values) if event.outcome == m.Outcome.CANCELLED else None
        found_wus = event.found_wus.get(slot)
        baseline, event.rest_wus = held.baseline_wh(values, slot, event.rest_wus, until, found_wus)
        stored = [value.soc_wh for value in values if value.soc_wh is not None]
        return m.Reading(
            slot=slot,
            energy_wh=sum(value.energy_wh or 0 for value in values),
            baseline_wh=baseline,
            soc_wh=sum(stored) if stored else None,
            state=_state(event, slot),
        )

    def report_anew(self, event: DerEvent) -> None:
        """Know again what was reported of the slots that were measured."""
        event.rest_wus = 0
        for slot in sorted(event.measured):
            if self._is_metered(event, slot):
                event.readings[slot] = self._reading(event, slot)

    def _measure_until(self, event: DerEvent, now: datetime) -> None:
        """The event is cancelled in a slot: what flowed until now is of the settlement."""
        start = event.slot_start(event.slot)
        if event.stage is DerStage.ACTIVE and event.slot < event.slots and start < now:
            for device in self.home.devices:
                self.effect(Measure(device.resource_id, event.request.event_id, event.slot, start, now))

    def _report(self, event: DerEvent, slot: int, now: datetime) -> None:
        """The smart meter's value of a slot, to the aggregator and to the utility (meter 13)."""
        request = event.request
        reading = event.readings[slot] = self._reading(event, slot)
        for parent in (event.edge.parent, *self.settings.meter_to):
            self.send(Edge(parent, self.name), messages.report(self.name, request, reading, now))
        if slot + 1 == event.slots and event.stage is not DerStage.CLOSED:
            self._close(event, "completed", now)

    def _mind_mishap(self, item: Measured, now: datetime) -> None:
        """A device that fails in mid-event is a withdrawal by itself; what it could not measure ends the event all the
        same."""
        if cause := mishap(item):
            for event_id in [key for key, one in self.events.items() if is_under_way(one, item.resource_id, now)]:
                self.withdraw(event_id, cause, now)
        event = self.events.get(item.event_id or "")
        if event is None or event.accepted is None or item.slot is None or item.energy_wh is not None:
            return
        self.effect(messages.not_metered(event.request.event_id, item.slot, item.resource_id))
        if item.slot + 1 == event.slots and event.stage in (DerStage.AWARDED, DerStage.ACTIVE):
            self._close(event, "completed", now)

    # -- the end

    def withdraw(self, event_id: str, cause: str, now: datetime) -> None:
        """The resident's override or a fault: nothing more of this event from now on (only the child withdraws)."""
        event = self.events[event_id]
        award = event.award
        if award is None or event.stage not in (DerStage.AWARDED, DerStage.ACTIVE):
            return
        from_slot = min(event.slot, event.slots - 1)
        event.withdrawal = messages.withdrawal(self.name, award, from_slot, cause, now)
        self._release(event, now)
        self._close(event, "withdrawn", now)
        event.meter_on()
        self._withdraw_again(event, now)

    def _withdraw_again(self, event: DerEvent, now: datetime) -> None:
        """Say it until the parent's next award answers it, or the event is over."""
        assert event.withdrawal is not None
        self.send(event.edge, event.withdrawal)
        again = now + event.request.interval_period.duration / WITHDRAW_REPEATS
        if again < event.slot_start(event.slots):
            event.timers[DerTimer.WITHDRAW] = again

    def _release(self, event: DerEvent, now: datetime) -> None:
        """Free what is held; devices under control return to their own schedule, or to what other events hold."""
        for setpoint in self.ledger.free(event.request.event_id, now):
            self.effect(self.home.runnable(setpoint))

    def _close(self, event: DerEvent, outcome: str, now: datetime) -> None:
        event.timers.clear()
        self.ledger.free(event.request.event_id, now)
        if event.stage is not DerStage.CLOSED:
            event.go(DerStage.CLOSED)
        event.outcome = outcome
        self.effect(messages.closed(event.request.event_id, outcome))

    def _make_room(self, now: datetime) -> None:
        closed = [key for key, event in self.events.items() if event.stage is DerStage.CLOSED or event.is_over(now)]
        for event_id in closed[: max(0, len(self.events) - self.MAX_EVENTS)]:
            del self.events[event_id]
            self._forget(event_id)

    def status(self) -> Mapping[str, object]:
        return {
            "name": self.name,
            "role": self.role.value,
            "counts": dict(self.counts),
            "events": [
                {
                    "event_id": event.request.event_id,
                    "stage": event.stage,
                    "outcome": event.outcome,
                    "reply_by": event.request.reply_by,
                    "decides_until": event.decides_until,
                    "requested_w": list(event.request.power_w),
                    "awarded_w": list(event.award.power_w) if event.award is not None else None,
                }
                for event in self.events.values()
            ],
        }


def _state(event: DerEvent, slot: int) -> m.EventStatus:
    """What a reading says of the event."""
    if event.outcome == m.Outcome.CANCELLED:
        return m.EventStatus.CANCELLED
    return m.EventStatus.COMPLETED if slot + 1 == event.slots else m.EventStatus.ACTIVE
