"""What a home does behind an event: wait for its turn until it takes anything back, and meter what it takes back."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zlib import crc32

from agents.negotiation.party import Party
from agents.negotiation.rebound import Rebound
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerStage, DerTimer
from agents.parties.der.home import Home
from agents.parties.der.without_event import WH_WUS, WithoutEvent
from protocol.actor import Measure, Measured


class Afterwards:
    """Of one home."""

    def __init__(self, party: Party, home: Home) -> None:
        self.party, self.home = party, home

    def hold_on(self, event: DerEvent, within_s: int, now: datetime) -> None:
        """Where homes are released one after the other: take nothing back before its own turn has come."""
        after_s = release_after_s(event.request.event_id, self.party.name, within_s)
        if not after_s or event.accepted is None:
            return
        setpoints = event.accepted.hold_on(timedelta(seconds=after_s), now)
        for setpoint in setpoints:
            self.party.effect(self.home.runnable(setpoint))
        if setpoints:
            self.party.effect(messages.holding_on(event.request.event_id, event.slot_start(event.slots), after_s))

    def let_go(self, events: Iterable[DerEvent], since: datetime) -> None:
        """Another event leads the home: its course was computed on what the devices do by themselves."""
        for event in events:
            if event.stage is DerStage.CLOSED and event.accepted is not None:
                for setpoint in event.accepted.let_go(since):
                    self.party.effect(self.home.runnable(setpoint))

    # -- what is taken back

    def look_ahead(self, event: DerEvent, rebound_s: int | None) -> None:
        """Before it gives anything: what its devices would do behind the event without it, where that is to be told."""
        if rebound_s is not None and event.accepted is not None:
            event.alone_wus = WithoutEvent(event.accepted).alone_wus(timedelta(seconds=rebound_s))

    def await_rebound(self, event: DerEvent, rebound_s: int | None) -> None:
        """The last slot is reported: wait until the devices have taken back what they do."""
        if rebound_s is not None and event.alone_wus:
            event.timers[DerTimer.REBOUND] = event.slot_start(event.slots) + timedelta(seconds=rebound_s)

    def measure(self, event: DerEvent, rebound_s: int | None) -> None:
        """The time is over: every device is asked for its energy since the last slot."""
        if rebound_s is None:
            return  # the settings are others now
        start, event_id = event.slot_start(event.slots), event.request.event_id
        for device in self.home.devices:
            until = start + timedelta(seconds=rebound_s)
            self.party.effect(Measure(device.resource_id, event_id, event.slots, start, until))

    def take(self, event: DerEvent, item: Measured, rebound_s: int | None, now: datetime) -> None:
        """Tell what the devices took back when all are measured; nothing where another event has led one of them."""
        values = event.measured.setdefault(event.slots, {})
        values[item.resource_id] = item
        held = event.accepted
        if held is None or rebound_s is None or len(values) < len(self.home.devices):
            return
        del event.measured[event.slots]
        until = event.slot_start(event.slots) + timedelta(seconds=rebound_s)
        if any(held.is_led(name, until) for name in event.alone_wus):
            return
        more_wus = sum((values[name].energy_wh or 0) * WH_WUS - wus for name, wus in event.alone_wus.items())
        back_wh = (-2 * event.request.direction.sign * more_wus + WH_WUS) // (2 * WH_WUS)
        number = self.party.counts["sent.report"] + 1
        report = messages.rebound(self.party.name, event.request, Rebound(back_wh, rebound_s), now, number)
        self.party.send(event.edge, report)


def release_after_s(event_id: str, name: str, within_s: int) -> int:
    """How long behind an event a home waits for its turn, s: any instant of the span is as probable as another."""
    return crc32(f"{event_id}.{name}".encode()) % (within_s + 1)
