"""What a DER remembers, as frozen models with a version."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from agents.negotiation.cause import OVERRIDE
from agents.negotiation.party_state import MemoryState, memory_state, remember_memory
from agents.parties.der.actor import Der
from agents.parties.der.event import DerEvent, DerStage, DerTimer, EarlierOffer
from agents.parties.der.reserved_state import (
    HomeState,
    ReservedState,
    home_state,
    remember_home,
    reserved,
    reserved_state,
)
from agents.settings.parties import Consent
from protocol import messages as m
from protocol.actor import Measured
from protocol.edges import Edge
from protocol.messages import Basis, Offer, Reading, Restriction
from protocol.plan import Plan
from protocol.remembered import SentState, StateForm, message_of, restore, state_of


@dataclass(frozen=True, slots=True)
class EarlierOfferState:
    """Of `EarlierOffer`."""

    offer: SentState
    reservation: ReservedState


@dataclass(frozen=True, slots=True)
class DerEventState:
    """Of `DerEvent`."""

    parent: str
    request: SentState
    stage: DerStage
    superseded: tuple[str, ...]
    outcome: str
    answers: dict[Basis, ReservedState]
    offers: dict[Basis, SentState]
    award: SentState | None
    accepted: Basis | None
    """Which of the answers the award stands on."""
    withdrawal: SentState | None
    timers: dict[DerTimer, datetime]
    slot: int
    measured: dict[int, dict[str, Measured]]
    rest_wus: int = 0
    readings: dict[int, Reading] | None = None
    """None: of a state of before, in which they were not stored."""
    version: Literal[1] = 1
    consent: bool | None = None
    answers_sent: int | None = None
    """None: of a version that gave one own answer to a request."""
    earlier: tuple[EarlierOfferState, ...] = ()
    found_wus: dict[int, dict[str, int]] = field(default_factory=dict)
    loosened: tuple[Restriction, ...] = ()
    raisable_w: Plan = ()
    said_again: int = 0
    alone_wus: dict[str, int] = field(default_factory=dict)
    telemetry_s: int | None = None
    so_far: dict[str, Measured] = field(default_factory=dict)
    is_kept: bool = False
    """As it was awarded before a change that is not decided; the event as it is asked now stands before it."""


@dataclass(frozen=True, slots=True)
class DerState:
    """Of `Der`."""

    memory: MemoryState
    home: HomeState
    events: tuple[DerEventState, ...]
    outage: bool = False
    role: Literal["der"] = "der"
    version: Literal[1] = 1
    owners: dict[str, Any] = field(default_factory=dict)
    """What the owner has agreed to otherwise than the settings say."""


DER = StateForm(DerState)


def der_state(actor: Der) -> DerState:
    """What a DER remembers now."""
    return DerState(
        memory_state(actor),
        home_state(actor.home, actor.ledger),
        tuple(map(_event_state, actor.events.values())) + tuple(_kept_states(actor)),
        actor.outage,
        owners=actor.owners,
    )


def remember_der(actor: Der, state: DerState) -> None:
    """Let a fresh DER remember a state."""
    remember_memory(actor, state.memory)
    remember_home(actor.home, actor.ledger, state.home)
    actor.outage = state.outage
    actor.owner_agrees_to(state.owners)
    for one in state.events:
        event = _remembered(actor, one)
        if one.is_kept:
            actor.events[event.request.event_id].kept = event
            continue
        if one.answers_sent is None:
            event.answers_sent = 0 if event.stage is DerStage.CONSIDERING else 1
            event.consent = _decided_before(actor, event)
        actor.events[event.request.event_id] = event
        if state.home.followed is None:
            _lay_out(event)
    for one in state.events:
        if one.readings is None and not one.is_kept:
            actor.meter.know_again(actor.events[one.request.message().event_id])


def _remembered(actor: Der, one: DerEventState) -> DerEvent:
    """An event of its state."""
    event = DerEvent(Edge(one.parent, actor.name), one.request.message())
    answers = {basis: reserved(held, actor.home, actor.ledger) for basis, held in one.answers.items()}
    restore(
        event,
        one,
        but=("parent", "request", "is_kept"),
        answers=answers,
        earlier={
            offer.message_id: EarlierOffer(offer, reserved(stored.reservation, actor.home, actor.ledger))
            for stored in one.earlier
            if isinstance(offer := stored.offer.message(), Offer)
        },
        offers={basis: stored.message() for basis, stored in one.offers.items()},
        award=message_of(one.award),
        accepted=None if one.accepted is None else answers[one.accepted],
        withdrawal=message_of(one.withdrawal),
        readings=one.readings or {},
    )
    return event


def _lay_out(event: DerEvent) -> None:
    """Of an event that was written before courses were known: its course follows from what stands."""
    if event.accepted is not None and event.stage in (DerStage.AWARDED, DerStage.ACTIVE):
        event.accepted.lay_out(event.accepted.parts)
        if event.stage is DerStage.ACTIVE and event.award is not None:
            for slot, power_w in enumerate(event.award.power_w[: event.slot + 1]):
                event.accepted.follow(slot, power_w, event.slot_start(slot))
    elif event.stage is DerStage.OFFERED:
        next(reversed(event.answers.values())).lay_out(event.offered_parts())


def _decided_before(actor: Der, event: DerEvent) -> bool | None:
    """What a version that stored no decision has decided: its last answer, and who withdrew, tell."""
    if event.withdrawal is not None and event.withdrawal.cause == OVERRIDE:
        return False
    sent = actor.sent_upward.last(event.edge, event.request.event_id, m.Offer.kind)
    if actor.settings.consent is not Consent.ASK or not isinstance(sent, m.Offer):
        return None
    return sent.opt is m.Opt.IN or sent.opt_reason is not m.OptReason.OVERRIDE_STATUS


def _kept_states(actor: Der) -> Iterator[DerEventState]:
    """Of what stood before changes that are not decided."""
    for event in actor.events.values():
        if event.kept is not None:
            yield _event_state(event.kept, is_kept=True)


def _event_state(event: DerEvent, *, is_kept: bool = False) -> DerEventState:
    accepted = [basis for basis, held in event.answers.items() if held is event.accepted]
    return state_of(
        DerEventState,
        event,
        parent=event.edge.parent,
        request=SentState.of(event.request),
        answers={basis: reserved_state(held) for basis, held in event.answers.items()},
        earlier=tuple(
            EarlierOfferState(SentState.of(one.offer), reserved_state(one.reservation))
            for one in event.earlier.values()
        ),
        offers={basis: SentState.of(offer) for basis, offer in event.offers.items()},
        award=SentState.of_some(event.award),
        accepted=accepted[0] if accepted else None,
        withdrawal=SentState.of_some(event.withdrawal),
        is_kept=is_kept,
    )
