"""What a home was awarded in its events (S54): it stands by for it, and for no more than it can keep."""

from collections.abc import Iterable
from datetime import datetime

from agents.negotiation.cause import GONE, TAKEN
from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerStage, DerTimer, EarlierOffer
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.parties.der.offers import HomeOffers
from agents.parties.der.reservation import Reservation
from agents.parties.der.withdrawals import Withdrawals
from protocol import messages as m
from protocol.plan import covers, least, most, total, zero


class HomeDeals:
    """Of one home."""

    def __init__(self, party: Party, home: Home, ledger: Ledger, offers: HomeOffers, withdrawals: Withdrawals) -> None:
        self.party, self.home, self.ledger, self.offers, self.withdrawals = party, home, ledger, offers, withdrawals

    def give_instead(
        self, event: DerEvent, award: m.Award, basis: m.Basis, mixed: Iterable[EarlierOffer], now: datetime
    ) -> None:
        """One of its other profiles, or a mix of them, is awarded: what it gives of that takes the place of what it
        offered first. Of a raise that is not computed anew, as what it gives already stands. `mixed`: what stood."""
        before, relaxed = event.answers[basis], event.loosened if basis is m.Basis.RELAXED else ()
        if len(self.home.devices) > 1:
            told = (parts for one in mixed for parts in one.reservation.answer.profiles())
            plans = next((p for p in told if covers(total(list(p.values()), event.slots), award.power_w)), None)
            if plans is None:
                parts = self.offers.compute(event, award.power_w, relaxed, now, before).parts
                plans = {name: part.power_w for name, part in parts.items()}
        elif event.accepted is None:
            given_w = self.offers.compute(event, award.power_w, relaxed, now, before).joint.power_w
            plans = dict.fromkeys(before.answer.parts, given_w)
        else:
            plans = dict.fromkeys(before.answer.parts, most(before.answer.joint.power_w, award.power_w))
        answer = before.answer.giving(plans)
        event.answers[basis] = Reservation(
            before.event_id, before.direction, before.period, answer, self.home, self.ledger
        )  # fmt: skip

    def stand_by(self, event: DerEvent, award: m.Award, basis: m.Basis, now: datetime, *, other: bool) -> None:
        """S54: note the contract and stand by for control. What an earlier award freed of the offer may be another event's
        by now: the rest of a raise is withdrawn at once. `other`: another profile than it offered first."""
        before, others = event.accepted, self.ledger.but(event.request.event_id)
        event.accepted, event.award, event.kept = event.answers[basis], award, None
        most_w = event.accepted.answer.joint.power_w
        if before is None:
            event.accepted.reserve(least(award.power_w, most_w))
        elif not other and covers(most_w, award.power_w) and event.accepted.is_beside(others, now):
            event.accepted.reserve(award.power_w)
        else:
            event.accepted.keep(event.accepted.raised(award.power_w, before.parts, now))
            if other:  # what is left of another profile behind what was led of the one before
                event.accepted.answer = event.accepted.answer.giving(event.accepted.parts)
        for setpoint in event.accepted.cut(now):
            self.party.effect(self.home.runnable(setpoint))
        event.timers.pop(DerTimer.VALID, None)
        if event.stage is DerStage.OFFERED:
            event.go(DerStage.AWARDED)
        self.party.effect(messages.standing_by(award, basis))
        self.withdrawals.rest(event, award, event.accepted, TAKEN if before is not None else GONE, now)

    def stand_again(self, event: DerEvent, now: datetime) -> None:
        """What was reserved for an award is reserved again after a change of it came to nothing; what another event has taken
        meanwhile is withdrawn."""
        award, held, others = event.award, event.accepted, self.ledger.but(event.request.event_id)
        assert award is not None
        assert held is not None
        if held.is_beside(others, now):
            held.keep(held.parts)
        else:
            held.keep(held.raised(award.power_w, {name: zero(event.slots) for name in held.parts}, now))
        for setpoint in held.cut(now):
            self.party.effect(self.home.runnable(setpoint))
        self.withdrawals.rest(event, award, held, TAKEN, now)
