"""What a home was awarded in its events (S54): it stands by for it, and for no more than it can keep."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from agents.negotiation.cause import GONE, TAKEN
from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerStage, DerTimer, EarlierOffer
from agents.parties.der.home import Home, share
from agents.parties.der.ledger import Ledger
from agents.parties.der.offers import HomeOffers
from agents.parties.der.reservation import Reservation
from agents.parties.der.withdrawals import Withdrawals
from protocol import messages as m
from protocol.plan import covers, least, most, total


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
                parts = self.offers.compute(event, award.power_w, relaxed, now).parts
                plans = {name: part.power_w for name, part in parts.items()}
        elif event.accepted is None:
            given_w = self.offers.compute(event, award.power_w, relaxed, now).joint.power_w
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
        event.accepted, event.award = event.answers[basis], award
        if before is None:
            event.accepted.reserve(least(award.power_w, event.accepted.answer.joint.power_w))
        elif not other and event.accepted.is_beside(others, now):
            event.accepted.reserve(award.power_w)
        else:
            event.accepted.keep(event.accepted.raised(award.power_w, before.parts, now))
        for setpoint in event.accepted.cut(now):
            self.party.effect(self.home.runnable(setpoint))
        event.timers.pop(DerTimer.VALID, None)
        if event.stage is DerStage.OFFERED:
            event.go(DerStage.AWARDED)
        self.party.effect(messages.standing_by(award, basis))
        self.withdrawals.rest(event, award, event.accepted, TAKEN if before is not None else GONE, now)

    def check_without(self, gone: DerEvent, events: Mapping[str, DerEvent], now: datetime) -> None:
        """What was agreed for later may have relied on energy that an event of the other direction was to move, and does
        not: what the devices cannot give without it is withdrawn, and the rest goes by what they do by themselves now."""
        for event_id, event in events.items():
            held, award = event.accepted, event.award
            led = event.stage is DerStage.ACTIVE  # its first slot has been dispatched, at least
            first = next((slot for slot in range(int(led), event.slots) if event.slot_start(slot) > now), None)
            agreed = event.stage in (DerStage.AWARDED, DerStage.ACTIVE) and first is not None
            if held is None or award is None or not agreed or event.request.direction is gone.request.direction:
                continue
            if held is event.answers.get(m.Basis.OWN):  # what was loosened for it is not computed anew
                assert first is not None
                self._look_again(event_id, event, award, held, first, now)

    def _look_again(
        self, event_id: str, event: DerEvent, award: m.Award, held: Reservation, first: int, now: datetime
    ) -> None:
        """What of an award can be kept from a slot on, as the devices are now."""
        due_w = total([plan[first:] for plan in held.parts.values()], event.slots - first)
        start = event.slot_start(first)
        period = held.period.model_copy(update={"start": start})
        can = self.home.flexibility(held.direction, period, due_w, self.ledger.beside(event_id, start))
        # what has begun is told by the schedule that it began with
        answer = held.answer if first else held.answer.by_schedules_of(can)
        is_kept = covers(can.joint.power_w, due_w)
        if answer is held.answer and is_kept:
            return
        left = share(least(due_w, can.joint.power_w), {name: plan[first:] for name, plan in held.parts.items()})
        renewed = Reservation(event_id, held.direction, held.period, answer, self.home, self.ledger)
        renewed.keep({name: plan[:first] + left[name] for name, plan in held.parts.items()})
        event.accepted = event.answers[m.Basis.OWN] = renewed
        if not is_kept:
            self.withdrawals.rest(event, award, renewed, GONE, now)
