"""One event at a DER: its stages and timers, what it offered, what it was awarded.

    considering -> offered | opted_out -> [offered] -> awarded -> active -> closed

`offered -> considering` on a re-request, `offered <-> opted_out` when the resident changes its mind; an event closes as
completed, not_needed, no_deal, cancelled, withdrawn or expired.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agents.parties.der.reservation import Reservation
from agents.parties.der.terms import EventTerms, terms_of
from protocol import messages as m
from protocol.actor import Measured
from protocol.edges import Edge
from protocol.plan import Plan
from protocol.rules import slots_of


class DerStage(StrEnum):
    """Where an event at a DER is."""

    CONSIDERING = "considering"
    OFFERED = "offered"
    OPTED_OUT = "opted_out"
    AWARDED = "awarded"
    ACTIVE = "active"
    CLOSED = "closed"


TRANSITIONS: Mapping[DerStage, tuple[DerStage, ...]] = {
    DerStage.CONSIDERING: (DerStage.OFFERED, DerStage.OPTED_OUT, DerStage.CLOSED),
    DerStage.OFFERED: (DerStage.CONSIDERING, DerStage.OPTED_OUT, DerStage.AWARDED, DerStage.CLOSED),
    DerStage.OPTED_OUT: (DerStage.CONSIDERING, DerStage.OFFERED, DerStage.CLOSED),
    DerStage.AWARDED: (DerStage.CONSIDERING, DerStage.ACTIVE, DerStage.CLOSED),
    DerStage.ACTIVE: (DerStage.CONSIDERING, DerStage.CLOSED),
    DerStage.CLOSED: (DerStage.CONSIDERING,),
}
"""Which stage may follow which. Back to considering: a re-request, or a change of the event from above.
Between offered and opted out: the resident has changed its mind."""


def moved(event_id: str, stage: DerStage, to: DerStage) -> DerStage:
    """The stage that follows. Raises RuntimeError where the table does not have it."""
    if to is not stage and to not in TRANSITIONS[stage]:
        raise RuntimeError(f"{event_id}: {stage} -> {to} is not in the table")
    return to


class DerTimer(StrEnum):
    """What is due in an event."""

    ANSWER = "answer"
    """The resident has not decided: the stored rule does."""
    VALID = "valid"
    """The offer runs out."""
    SLOT = "slot"
    """A slot ends and is metered."""
    WITHDRAW = "withdraw"
    """A withdrawal is sent again."""
    REBOUND = "rebound"
    """What is taken back behind the event is metered."""
    TELEMETRY = "telemetry"
    """What has flowed so far in a slot is metered."""


def first_timer(stage: DerStage, terms: EventTerms) -> tuple[DerTimer, datetime] | None:
    """What is due next in an event that has just come to a stage, if that alone decides it."""
    match stage:
        case DerStage.OFFERED:
            return DerTimer.VALID, terms.valid_until
        case DerStage.AWARDED:
            return DerTimer.SLOT, terms.period.slot_start(1)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class EarlierOffer:
    """An offer of an earlier round, and what it reserves."""

    offer: m.Offer
    reservation: Reservation

    @property
    def most_w(self) -> Plan:
        """The most that may be awarded of it in each slot, W: it may have told other profiles, too."""
        profiles = () if self.offer.profiles is None else self.offer.profiles.power_w
        return tuple(map(max, zip(self.offer.power_w, *profiles, strict=True)))

    def parts(self) -> dict[str, Plan]:
        """Per device the same."""
        answer = self.reservation.answer
        if self.offer.profiles is None:
            return answer.apportion(answer.joint.power_w)
        if len(answer.parts) == 1:
            return dict.fromkeys(answer.parts, self.most_w)
        told = answer.profiles()
        return {name: tuple(map(max, zip(*(parts[name] for parts in told), strict=True))) for name in answer.parts}


@dataclass(slots=True)
class DerEvent:
    """One event at the DER."""

    edge: Edge
    request: m.Request
    stage: DerStage = DerStage.CONSIDERING
    superseded: tuple[str, ...] = ()
    """Earlier requests of this event."""
    outcome: str = ""
    answers: dict[m.Basis, Reservation] = field(default_factory=dict)
    offers: dict[m.Basis, m.Offer] = field(default_factory=dict)
    award: m.Award | None = None
    accepted: Reservation | None = None
    withdrawal: m.Withdraw | None = None
    earlier: dict[str, EarlierOffer] = field(default_factory=dict)
    """By its id each offer of an earlier round of this revision: it stands until the event is awarded, or opted out of."""
    timers: dict[DerTimer, datetime] = field(default_factory=dict)
    slot: int = 0
    measured: dict[int, dict[str, Measured]] = field(default_factory=dict)
    readings: dict[int, m.Reading] = field(default_factory=dict)
    """What was reported of each slot."""
    rest_wus: int = 0
    """W x microseconds of the baseline that are no whole Wh yet: the next report carries them."""
    found_wus: dict[int, dict[str, int]] = field(default_factory=dict)
    """Per slot and device what `WithoutEvent.found_wus` said, as of the slot's start."""
    telemetry_s: int | None = None
    """How often it is told in the slot that was dispatched last what has flowed so far, s."""
    so_far: dict[str, Measured] = field(default_factory=dict)
    """By device what has flowed so far, until all are there."""
    alone_wus: dict[str, int] = field(default_factory=dict)
    """What the devices would have taken behind the event without it, W x microseconds, where that is to be told."""
    consent: bool | None = None
    """What was decided about this event, by the resident or the stored rule: it stands in every later round. None: not
    asked, or not answered yet."""
    answers_sent: int = 0
    """Own answers to this request: each change of mind corrects the one before."""
    said_again: int = 0
    """How often the parent has said to know no award of what it had awarded."""
    kept: "DerEvent | None" = None
    """As it was awarded before a change that is not decided: it stands again where nothing comes of the change."""
    loosened: tuple[m.Restriction, ...] = ()
    """What was asked to be loosened in this request, where more profiles than one were wanted with that."""
    raisable_w: Plan = ()
    """The most that may be awarded in each slot of what it was awarded first, W: that may be a mix with offers of earlier
    rounds, which do not stand any more. Empty where it told no profiles."""
    terms: EventTerms = field(init=False)

    def __post_init__(self) -> None:
        self.terms = terms_of(self.request)

    def go(self, stage: DerStage) -> None:
        """Come to a stage, with what is due in it."""
        self.stage = moved(self.request.event_id, self.stage, stage)
        timer = first_timer(stage, self.terms)
        if timer is not None:
            name, at = timer
            self.timers[name] = at

    def accepted_by(self, award: m.Award) -> m.Basis | None:
        """Which of the offers that stand an award accepts."""
        return next((basis for basis, offer in self.offers.items() if offer.message_id == award.accepts), None)

    def meter_on(self) -> None:
        """Metered to the end, though nothing is given any more: what flows meanwhile is of the settlement."""
        if self.slot < self.slots:
            self.timers[DerTimer.SLOT] = self.slot_start(self.slot + 1)

    def slot_at(self, now: datetime) -> int:
        """The first slot that is not over; the number of slots behind the last one. Who was away over the end of a slot has
        not asked for its meter values yet."""
        return next((slot for slot in range(self.slot, self.slots) if now < self.slot_start(slot + 1)), self.slots)

    @property
    def offered_w(self) -> dict[m.Basis, Plan]:
        """The offers that stand, W."""
        return {basis: offer.power_w for basis, offer in self.offers.items()}

    def offered_parts(self) -> dict[str, Plan]:
        """Per device and slot the largest of the standing offers, W: any may be awarded."""
        result: dict[str, Plan] = {}
        for standing in self.standing().values():
            for name, plan in standing.parts().items():
                before = result.get(name, plan)
                result[name] = tuple(max(a, b) for a, b in zip(before, plan, strict=True))
        return result

    def most_w(self, accepted: EarlierOffer) -> Plan:
        """The most that may be awarded of an offer in each slot, W: where it told other profiles, a mix of all that stands
        of its own as well, and of what is loosened, where it is."""
        if accepted.offer.profiles is None:
            return accepted.offer.power_w
        plans = [one.most_w for one in self.mixed_with(accepted)]
        return tuple(map(max, zip(*plans, self.raisable_w or plans[0], strict=True)))

    def mixed_with(self, accepted: EarlierOffer) -> list[EarlierOffer]:
        """What stands that may be mixed with an offer."""
        bases = (m.Basis.OWN, accepted.offer.basis)
        return [one for one in self.standing().values() if one.offer.basis in bases]

    def standing(self) -> dict[str, EarlierOffer]:
        """By its id each offer that an award may accept."""
        now = {offer.message_id: EarlierOffer(offer, self.answers[basis]) for basis, offer in self.offers.items()}
        return {**self.earlier, **now}

    def asks_again(self, request: m.Request) -> bool:
        """Whether a newer request is a later round of the same revision, and nothing was awarded yet."""
        same = request.revision == self.request.revision and self.asks_the_same(request)
        return same and self.stage in (DerStage.OFFERED, DerStage.CONSIDERING)

    def kept_for(self, request: m.Request) -> "DerEvent | None":
        """What stands, or stood before a change that is not decided, and a newer request asks the same slots of."""
        stands = self.stage in (DerStage.AWARDED, DerStage.ACTIVE)
        kept = self if stands else self.kept if self.stage is not DerStage.CLOSED else None
        return kept if kept is not None and kept.asks_the_same(request) else None

    def recall(self, accepted: EarlierOffer) -> None:
        """An offer was accepted: one of an earlier round takes the place of the one on the same computation."""
        if accepted.offer.profiles is not None:
            self.raisable_w = self.most_w(accepted)
        earlier = self.earlier.get(accepted.offer.message_id)
        if earlier is not None:
            basis = earlier.offer.basis
            self.offers[basis], self.answers[basis] = earlier.offer, earlier.reservation
        self.earlier = {}

    @property
    def slots(self) -> int:
        return len(self.request.power_w)

    def slot_start(self, slot: int) -> datetime:
        """When a slot begins; the number of slots gives the end of the last one."""
        return self.request.interval_period.slot_start(slot)

    def slots_until(self, at: datetime) -> range:
        """The slots that have begun before an instant."""
        period = self.request.interval_period
        return range(max(0, min(self.slots, -((period.start - at) // period.duration))))

    def asks_the_same(self, request: m.Request) -> bool:
        """Whether another request is about the same slots and direction: what was decided about this one stands."""
        return slots_of(self.request) == slots_of(request)

    @property
    def decides_until(self) -> datetime | None:
        """Until when a resident's answer changes anything; None: it does not any more."""
        if self.stage is DerStage.CLOSED:
            return None
        return self.terms.decide_by if self.stage is DerStage.OPTED_OUT else self.terms.over_at

    def is_over(self, now: datetime) -> bool:
        """Whether nothing can come of it any more: its last slot is past, and it is closed, or was never offered to
        (whoever opts out hears of the event again only when it is asked anew, or cancelled)."""
        over = self.stage in (DerStage.CLOSED, DerStage.OPTED_OUT) and self.terms.over_at <= now
        return over and DerTimer.SLOT not in self.timers and DerTimer.REBOUND not in self.timers
