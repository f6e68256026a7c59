"""What a home tells inside a slot to a parent that asks for it: what has flowed so far. Provisional: the slot's own value
is metered and told at its end as if nothing had been told before."""

from datetime import datetime, timedelta

from agents.devices.contract import micros
from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerStage, DerTimer
from agents.parties.der.home import Home
from agents.parties.der.reservation import Reservation, only
from agents.parties.der.without_event import WithoutEvent
from protocol import messages as m
from protocol.actor import Measure, Measured

ENOUGH_PCT = 95
"""Of an even power: a parent takes so much for all that is due."""


class Telemetry:
    """Of one home."""

    def __init__(self, party: Party, home: Home) -> None:
        self.party, self.home = party, home

    def asked(self, event: DerEvent, dispatch: m.Dispatch, now: datetime) -> None:
        """A slot is dispatched: tell of it, and of those behind it, so often as its parent wants to hear."""
        event.telemetry_s = dispatch.telemetry_s
        if dispatch.telemetry_s is None:
            event.timers.pop(DerTimer.TELEMETRY, None)
        elif DerTimer.TELEMETRY not in event.timers:
            self._wait(event, dispatch.slot, max(now, event.slot_start(dispatch.slot)), dispatch.telemetry_s)

    def _wait(self, event: DerEvent, slot: int, since: datetime, telemetry_s: int) -> None:
        """Until the next value. What is due at a slot's end, or behind it, is of the next one: its own value comes then."""
        at, end = since + timedelta(seconds=telemetry_s), event.slot_start(slot + 1)
        if at >= end:
            at = end + timedelta(seconds=telemetry_s)
        if at < event.slot_start(event.slots):
            event.timers[DerTimer.TELEMETRY] = at

    def due(self, event: DerEvent, now: datetime) -> None:
        """Every device is asked what has flowed in it since the slot's beginning."""
        slot, event_id, telemetry_s = event.slot, event.request.event_id, event.telemetry_s
        if event.stage is not DerStage.ACTIVE or telemetry_s is None or slot >= event.slots:
            return
        start, event.so_far = event.slot_start(slot), {}
        if start < now < event.slot_start(slot + 1):  # else it comes late, after a stop
            for device in self.home.devices:
                self.party.effect(Measure(device.resource_id, event_id, behind(event, slot), start, now))
        self._wait(event, slot, max(now, start), telemetry_s)

    def take(self, event: DerEvent, item: Measured, now: datetime) -> None:
        """Tell it when all devices have answered, as of the earliest of them; what comes after the slot's end nobody needs."""
        assert item.slot is not None
        slot, held = item.slot - event.slots - 1, event.accepted
        if held is None or event.stage is not DerStage.ACTIVE or slot != event.slot:
            return
        event.so_far[item.resource_id] = item
        if len(event.so_far) < len(self.home.devices):
            return
        values, event.so_far = tuple(event.so_far.values()), {}
        at = min(value.at for value in values)
        if _comes_later(held, slot, at):
            return
        baseline_wh, _ = WithoutEvent(held).baseline_wh(values, slot, event.rest_wus, at, event.found_wus.get(slot))
        energies_wh = sum(value.energy_wh or 0 for value in values), baseline_wh
        number = self.party.counts["sent.report"] + 1
        self.party.send(event.edge, messages.so_far(self.party.name, event.request, slot, at, energies_wh, number))


def _comes_later(held: Reservation, slot: int, at: datetime) -> bool:
    """Whether by their courses the devices give less until an instant of a slot than an even power would have, and make up
    for it in the rest (a plant in whose slot it gets brighter): who is told what has flowed would take it for all."""
    start, end, sign = held.period.slot_start(slot), held.period.slot_start(slot + 1), held.direction.sign
    course = [
        segment for name, plan in held.parts.items() for segment in held.course(name, only(slot, plan[slot], len(plan)))
    ]
    even_w = sum(plan[slot] for plan in held.parts.values())

    def is_short(until: datetime) -> bool:
        given_wus = sum(sign * s.power_w * micros(min(s.end, until) - s.start) for s in course if s.start < until)
        return given_wus * 100 < even_w * micros(until - start) * ENOUGH_PCT

    return is_short(at) and not is_short(end)


def behind(event: DerEvent, slot: int) -> int:
    """Under which number devices are asked what has flowed so far in a slot: behind those of the slots, and of what follows."""
    return event.slots + 1 + slot


def is_so_far(event: DerEvent, item: Measured) -> bool:
    """Whether a device answers that."""
    return item.slot is not None and item.slot > event.slots
