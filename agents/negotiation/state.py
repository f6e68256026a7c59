"""What one event at a parent remembers, part by part, as frozen models with a version."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeAlias, TypeVar

from agents.negotiation.child import AwardRecord, ChildAnswer, RelaxRecord, RequestRecord
from agents.negotiation.children import Children
from agents.negotiation.delivery import Delivery
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.upward import Upward
from protocol import messages as m
from protocol.plan import Plan
from protocol.remembered import SentState, message_of, restore, state_of
from protocol.units import Direction

T = TypeVar("T", bound=Hashable)

Place: TypeAlias = int | None
"""Of a thing in the table of its kind; None: there is none."""


@dataclass(frozen=True, slots=True)
class SubjectState:
    """Of `Subject`."""

    event_id: str
    direction: Direction
    period: m.IntervalPeriod
    asked_w: Plan
    revision: int
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class ChildrenState:
    """Of `Children`, column by column: only those that were asked; what many have in common stands once."""

    waiting: tuple[str, ...]
    names: tuple[str, ...]
    requests: tuple[RequestRecord, ...]
    relaxes: tuple[RelaxRecord, ...]
    answers: tuple[ChildAnswer, ...]
    awards: tuple[AwardRecord, ...]
    request: tuple[Place, ...]
    relax: tuple[Place, ...]
    own: tuple[Place, ...]
    relaxed: tuple[Place, ...]
    award: tuple[Place, ...]
    accepted: tuple[Place, ...]
    revisions: tuple[tuple[int, int, int], ...]
    opted_out: tuple[bool, ...]
    owed: tuple[bool, ...]
    confirmed: tuple[bool | None, ...]
    bound_before: tuple[bool, ...]
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class AskingState:
    """Of `Asking`."""

    late: int
    before_w: dict[str, Plan]
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class AwardsState:
    """Of `Awards`."""

    unconfirmed: tuple[str, ...]
    confirm_by: datetime | None
    chase_every: timedelta
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class UpwardState:
    """Of `Upward`."""

    parent: str
    request: SentState
    answer: SentState | None
    award: SentState | None
    acceptable: dict[str, Plan]
    answers_sent: int
    superseded: list[str]
    withdrawal: SentState | None
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """Of `Delivery`."""

    slot: int
    readings: dict[int, dict[str, m.Reading]]
    missing: tuple[str, ...]
    delivered_wh: int
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class NegotiationState:
    """Of `Negotiation`, but for its role."""

    subject: SubjectState
    stage: Stage
    timers: dict[Timer, datetime]
    deal_w: Plan | None
    outcome: str | None
    children: ChildrenState
    asking: AskingState
    awards: AwardsState
    up: UpwardState | None
    delivery: DeliveryState
    version: Literal[1] = 1


def negotiation_state(event: Negotiation) -> NegotiationState:
    """What an event remembers now."""
    return NegotiationState(
        subject=state_of(SubjectState, event.subject),
        stage=event.stage,
        timers=dict(event.timers.at),
        deal_w=event.deal_w,
        outcome=event.outcome,
        children=_children(event.children),
        asking=state_of(AskingState, event.asking),
        awards=state_of(AwardsState, event.awards, unconfirmed=tuple(event.awards.unconfirmed)),
        up=None if event.up is None else _upward(event.up),
        delivery=_delivery(event.delivery),
    )


def remember(event: Negotiation, state: NegotiationState) -> None:
    """Let a fresh event remember a state."""
    restore(event.subject, state.subject)
    event.timers.at = dict(state.timers)
    event.stage, event.deal_w, event.outcome = state.stage, state.deal_w, state.outcome
    _remember_children(event.children, state.children)
    restore(event.asking, state.asking)
    restore(event.awards, state.awards, unconfirmed=dict.fromkeys(state.awards.unconfirmed))
    restore(event.delivery, state.delivery, missing=dict.fromkeys(state.delivery.missing))
    if event.up is not None and state.up is not None:
        _remember_up(event.up, state.up)


def _delivery(delivery: Delivery) -> DeliveryState:
    return state_of(DeliveryState, delivery, missing=tuple(delivery.missing))


def _upward(up: Upward) -> UpwardState:
    return state_of(
        UpwardState,
        up,
        parent=up.edge.parent,
        request=SentState.of(up.request),
        answer=SentState.of_some(up.answer),
        award=SentState.of_some(up.award),
        withdrawal=SentState.of_some(up.withdrawal),
    )


def _remember_up(up: Upward, state: UpwardState) -> None:
    up.request = state.request.message()
    up.answer, up.award, up.withdrawal = message_of(state.answer), message_of(state.award), message_of(state.withdrawal)
    up.acceptable, up.answers_sent, up.superseded = state.acceptable, state.answers_sent, state.superseded


def _children(children: Children) -> ChildrenState:
    asked = children.asked()
    requests, relaxes = StateColumn[RequestRecord](), StateColumn[RelaxRecord]()
    answers, awards = StateColumn[ChildAnswer](), StateColumn[AwardRecord]()
    return ChildrenState(
        waiting=tuple(children.waiting),
        names=tuple(child.name for child in asked),
        request=tuple(requests.place(child.request) for child in asked),
        relax=tuple(relaxes.place(child.relax) for child in asked),
        own=tuple(answers.place(child.own) for child in asked),
        relaxed=tuple(answers.place(child.relaxed) for child in asked),
        award=tuple(awards.place(child.award) for child in asked),
        accepted=tuple(answers.place(child.accepted) for child in asked),
        revisions=tuple(child.revisions for child in asked),
        opted_out=tuple(child.opted_out for child in asked),
        owed=tuple(child.owed for child in asked),
        confirmed=tuple(child.confirmed for child in asked),
        bound_before=tuple(child.bound_before for child in asked),
        requests=requests.things(),
        relaxes=relaxes.things(),
        answers=answers.things(),
        awards=awards.things(),
    )


def _remember_children(children: Children, state: ChildrenState) -> None:
    children.waiting = dict.fromkeys(state.waiting)
    for place, name in enumerate(state.names):
        child = children[name]
        child.request = thing(state.requests, state.request[place])
        child.relax = thing(state.relaxes, state.relax[place])
        child.revisions, child.opted_out = state.revisions[place], state.opted_out[place]
        child.owed, child.bound_before = state.owed[place], state.bound_before[place]
        child.accepted = thing(state.answers, state.accepted[place])
        children.asked_count += 1
        children.no += child.opted_out
        children.store(child, thing(state.answers, state.own[place]), thing(state.answers, state.relaxed[place]))
        children.bind(child, thing(state.awards, state.award[place]), state.confirmed[place])


def thing(table: tuple[T, ...], place: Place) -> T | None:
    """What stands at a place."""
    return None if place is None else table[place]


class StateColumn(Generic[T]):
    """The different things of one kind, each once."""

    def __init__(self) -> None:
        self.places: dict[T, int] = {}

    def place(self, thing: T | None) -> Place:
        """Where a thing stands."""
        return None if thing is None else self.places.setdefault(thing, len(self.places))

    def things(self) -> tuple[T, ...]:
        """All of them, in their order."""
        return tuple(self.places)
