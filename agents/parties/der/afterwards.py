"""What a home does behind an event: wait for its turn until it takes anything back."""

from datetime import datetime, timedelta
from zlib import crc32

from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent
from agents.parties.der.home import Home


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


def release_after_s(event_id: str, name: str, within_s: int) -> int:
    """How long behind an event a home waits for its turn, s: any instant of the span is as probable as another."""
    return crc32(f"{event_id}.{name}".encode()) % (within_s + 1)
