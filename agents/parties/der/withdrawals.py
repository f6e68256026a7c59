"""What a home says that it cannot keep of an award: only the child withdraws."""

from datetime import datetime

from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerTimer
from agents.parties.der.reservation import Reservation
from protocol import messages as m
from protocol.plan import total

WITHDRAW_REPEATS = 10
"""How often a withdrawal that is not answered is sent in the length of a slot."""


class Withdrawals:
    """Of one home."""

    def __init__(self, party: Party) -> None:
        self.party = party

    def say(self, event: DerEvent, withdrawal: m.Withdraw, now: datetime) -> None:
        """Withdraw."""
        event.withdrawal = withdrawal
        self.say_again(event, now)

    def say_again(self, event: DerEvent, now: datetime) -> None:
        """Say it until the parent's next award answers it, or the event is over."""
        assert event.withdrawal is not None
        self.party.send(event.edge, event.withdrawal)
        again = now + event.request.interval_period.duration / WITHDRAW_REPEATS
        if again < event.slot_start(event.slots):
            event.timers[DerTimer.WITHDRAW] = again

    def rest(self, event: DerEvent, award: m.Award, held: Reservation, cause: str, now: datetime) -> None:
        """Say what cannot be kept of an award, in the slots to come. Once for each award that is heard: what has become less
        since is said when the next one answers."""
        kept_w = tuple(
            kept if event.slot_start(slot + 1) > now else due
            for slot, (kept, due) in enumerate(
                zip(total(list(held.parts.values()), event.slots), award.power_w, strict=True)
            )
        )
        if kept_w != award.power_w:
            first = next(slot for slot, kept in enumerate(kept_w) if kept < award.power_w[slot])
            withdrawal = messages.withdrawal(self.party.name, award, first, cause, now, kept_w)
            if event.withdrawal is None or event.withdrawal.message_id != withdrawal.message_id:
                self.say(event, withdrawal, now)

    def unknown(self, event: DerEvent, refusal: m.Confirm, now: datetime) -> int:
        """Withdraw an award that an earlier life of ours has confirmed and this one knows nothing of; the number."""
        withdrawal = messages.withdrawal_of(self.party.name, refusal, event.slots, now)
        self.say(event, withdrawal, now)
        return withdrawal.revision
