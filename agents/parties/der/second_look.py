"""What was agreed for later may stand on energy that an event of the other direction was to move: where that one moves
less, it is looked at again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agents.negotiation.cause import GONE
from agents.parties.der.event import DerEvent, DerStage
from agents.parties.der.home_flexibility import HomeFlexibility
from agents.parties.der.ledger import Course, clipped
from agents.parties.der.reservation import Reservation
from agents.parties.der.withdrawals import Withdrawals
from protocol import messages as m
from protocol.plan import total


class SecondLook:
    """Of one home: what the devices cannot give of an award any more is withdrawn."""

    def __init__(self, withdrawals: Withdrawals) -> None:
        self.withdrawals = withdrawals

    def without(self, less: DerEvent, events: Mapping[str, DerEvent], now: datetime) -> None:
        """An event may move less than it reserved before."""
        for event in events.values():
            if event.request.direction is not less.request.direction:
                self.at(event, now)

    def when_awarded(self, event: DerEvent, now: datetime, *, raised: bool) -> None:
        """An event's offer was computed beside what others reserved then: they may have moved less; or have taken since,
        before it was `raised`, what the schedule below it would make up for."""
        held = event.accepted
        if held is None:
            return
        if held.stands_on_others() or (raised and any(map(held.ledger.but(held.event_id).get, held.parts))):
            self.at(event, now)

    def when_dispatched(self, event: DerEvent, now: datetime) -> None:
        """An event's offer may have counted on what another event was to move, and did not; or on a vehicle that was to
        come with so much, and has come with less, or not at all."""
        held = event.accepted
        if held is None:
            return
        offered_at = next(event.offers[basis].sent_at for basis, answer in event.answers.items() if answer is held)
        if held.stands_on_others() or any(held.home.came_after(name, offered_at) for name in held.parts):
            self.at(event, now)

    def at(self, event: DerEvent, now: datetime) -> None:
        """See what of an event's award can be kept in the slots to come."""
        held, award = event.accepted, event.award
        if held is None or award is None or event.stage not in (DerStage.AWARDED, DerStage.ACTIVE):
            return
        basis = next(basis for basis, answer in event.answers.items() if answer is held)
        if basis is m.Basis.RELAXED and not held.answer.loosened:
            return  # of a version that did not keep what was loosened
        renewed = looked_at_again(held, now)
        if renewed is not None:
            event.accepted = event.answers[basis] = renewed
            if _given_w(renewed) != _given_w(held):
                self.withdrawals.rest(event, award, renewed, GONE, now)


def looked_at_again(held: Reservation, now: datetime) -> Reservation | None:
    """What is reserved, as far as the devices can give it, standing on what they do by themselves now; None: that is as it
    was. What is dispatched already is led as it was."""
    first, slots = _first_ahead(held, now), len(_given_w(held))
    if first == slots:
        return None
    found = _found(held, first, now)
    given = {name: part.power_w for name, part in found.parts.items()}
    if given == held.parts and _schedules(found) == _schedules(held.answer):
        return None
    renewed = Reservation(held.event_id, held.direction, held.period, found, held.home, held.ledger)
    renewed.keep(given)
    return renewed


def _given_w(held: Reservation) -> tuple[int, ...]:
    return total(list(held.parts.values()), len(held.answer.joint.power_w))


def _first_ahead(held: Reservation, now: datetime) -> int:
    """The first slot that has not begun, and of which nothing is dispatched, nor behind it."""
    courses = [held.ledger.follows(held.event_id, name) for name in held.parts]
    led_until = max((segment.end for course in courses for segment in course), default=now)
    slots = len(_given_w(held))
    return next((slot for slot in range(slots) if held.period.slot_start(slot) >= max(now, led_until)), slots)


def _found(held: Reservation, first: int, now: datetime) -> HomeFlexibility:
    """What stands of the slots before the first one, and what the devices can give of the award from it on, beside what
    other events have led them to, and reserve from now on. A device that has begun is told by the schedule that it began
    with, and what it can give is computed on that one too: a newer one would make up for what this event took."""
    start, others, given_w = held.period.slot_start(first), held.ledger.but(held.event_id), _given_w(held)
    begun = {name for name, plan in held.parts.items() if any(plan[:first])}
    beside = {
        name: _beside(held, name, others.get(name, ()), start, now)
        + (clipped(held.declared(name), start) if name in begun else ())
        for name in held.parts
    }
    period, before = held.period.model_copy(update={"start": start}), held.answer
    newer = held.home.flexibility(held.direction, period, given_w[first:], beside, before.loosened)
    parts = {
        name: replace(
            part,
            power_w=held.parts[name][:first] + newer.parts[name].power_w,
            schedule_w=part.schedule_w if name in begun else part.schedule_w[:first] + newer.parts[name].schedule_w,
        )
        for name, part in before.parts.items()
    }
    joint = replace(before.joint, power_w=given_w[:first] + newer.joint.power_w)
    return replace(before, joint=joint, parts=parts, held=_spliced(before.held, beside, start), looked_at_again=True)


def _beside(held: Reservation, name: str, others: Course, start: datetime, now: datetime) -> Course:
    """What events lead a device to until now, or to the end of what is under way; and what they reserve from then on, this
    one until it is looked at. What is under way and was not dispatched does not come any more."""
    until = max((segment.end for segment in others if segment.start <= now < segment.end), default=now)
    led = (segment for courses in held.ledger.followed().values() for segment in courses.get(name, ()))
    own = clipped(held.ledger.reserves(held.event_id, name), until, start)
    return clipped(led, None, until) + clipped(others, until) + own


def _schedules(answer: HomeFlexibility) -> dict[str, tuple[int, ...]]:
    return {name: part.schedule_w for name, part in answer.parts.items()}


def _spliced(before: Mapping[str, Course], newer: Mapping[str, Course], at: datetime) -> dict[str, Course]:
    """What was held until an instant, and what is held from it on."""
    return {
        name: clipped(before.get(name, ()), None, at) + clipped(newer.get(name, ()), at)
        for name in (*before, *(name for name in newer if name not in before))
    }
