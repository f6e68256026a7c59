"""What one event at a parent remembers, part by part, as frozen models with a version."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Generic, Literal, TypeAlias, TypeVar

from agents.negotiation.child import AwardRecord, ChildAnswer, KeptAward, RelaxRecord, RequestRecord
from agents.negotiation.children import Children
from agents.negotiation.delivery_state import DeliveryState, FirstDeliveryState, delivery_state, remember_delivery
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.stood import StoodPlan
from agents.negotiation.upward import Upward
from protocol import messages as m
from protocol.plan import Plan
from protocol.remembered import SentState, StateColumn, message_of, restore, state_of
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
    names: Sequence[str]
    requests: tuple[RequestRecord, ...]
    relaxes: tuple[RelaxRecord, ...]
    answers: tuple[ChildAnswer, ...]
    awards: tuple[AwardRecord, ...]
    request: Sequence[Place]
    relax: Sequence[Place]
    own: Sequence[Place]
    relaxed: Sequence[Place]
    award: Sequence[Place]
    accepted: Sequence[Place]
    revisions: Sequence[tuple[int, int, int]]
    opted_out: Sequence[bool]
    owed: Sequence[bool]
    confirmed: Sequence[bool | None]
    bound_before: Sequence[bool]
    version: Literal[1] = 1
    locked: Sequence[Place] = ()
    """In a table of its own; empty: of nobody."""
    locked_answers: tuple[ChildAnswer, ...] = ()
    promised: Sequence[tuple[Place, ...]] = ()
    """In the table of what is locked; empty: of nobody."""
    set_aside: Sequence[bool] = ()
    """Empty: nobody's."""
    left: tuple[str, ...] = ()
    stood: dict[str, tuple[StoodPlan, ...]] = field(default_factory=dict)
    withdrawn: tuple[str, ...] = ()
    taking_back: dict[str, Plan] = field(default_factory=dict)
    kept: dict[str, KeptAward] = field(default_factory=dict)


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
    earlier: dict[str, Plan] = field(default_factory=dict)
    earlier_most: dict[str, Plan] = field(default_factory=dict)
    earlier_until: datetime | None = None
    said_again: int = 0
    kept: SentState | None = None


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
    delivery: FirstDeliveryState | DeliveryState
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
        delivery=delivery_state(event.delivery, event.dispatches),
    )


def remember(event: Negotiation, state: NegotiationState) -> None:
    """Let a fresh event remember a state."""
    restore(event.subject, state.subject)
    event.timers.at = dict(state.timers)
    standing = event.standing
    standing.stage, standing.deal_w, standing.outcome = state.stage, state.deal_w, state.outcome
    _remember_children(event.children, state.children)
    restore(event.asking, state.asking)
    restore(event.awards, state.awards, unconfirmed=dict.fromkeys(state.awards.unconfirmed))
    remember_delivery(event.delivery, event.dispatches, state.delivery)
    if event.up is not None and state.up is not None:
        _remember_up(event.up, state.up)


def _upward(up: Upward) -> UpwardState:
    return state_of(
        UpwardState,
        up,
        parent=up.edge.parent,
        request=SentState.of(up.request),
        answer=SentState.of_some(up.answer),
        award=SentState.of_some(up.award),
        withdrawal=SentState.of_some(up.withdrawal.said),
        kept=SentState.of_some(up.kept.award),
    )


def _remember_up(up: Upward, state: UpwardState) -> None:
    up.request = state.request.message()
    up.answer, up.award = message_of(state.answer), message_of(state.award)
    up.withdrawal.said = message_of(state.withdrawal)
    up.acceptable, up.answers_sent, up.superseded = state.acceptable, state.answers_sent, state.superseded
    up.earlier, up.earlier_until, up.said_again = state.earlier, state.earlier_until, state.said_again
    up.earlier_most = state.earlier_most
    up.kept.award = message_of(state.kept)


def _children(children: Children) -> ChildrenState:
    asked = children.asked()
    requests, relaxes = StateTable(child.request for child in asked), StateTable(child.relax for child in asked)
    own, relaxed, accepted = map(attrgetter, ("own", "relaxed", "accepted"))
    answers: StateTable[ChildAnswer] = StateTable(read(child) for read in (own, relaxed, accepted) for child in asked)
    awards = StateTable(child.award for child in asked)
    locked: StateTable[ChildAnswer] = StateTable(one for child in asked for one in (child.locked, *child.promised))
    return ChildrenState(
        waiting=tuple(children.waiting),
        left=tuple(children.left),
        stood=children.stood,
        withdrawn=tuple(children.withdrawn),
        taking_back=dict(children.taking_back),
        kept=dict(children.kept),
        names=StateColumn(asked, attrgetter("name")),
        locked=StateColumn(asked, lambda child: locked.place(child.locked)) if locked.things() else (),
        promised=StateColumn(asked, lambda child: tuple(map(locked.place, child.promised)))
        if any(child.promised for child in asked)
        else (),
        requests=requests.things(),
        relaxes=relaxes.things(),
        answers=answers.things(),
        locked_answers=locked.things(),
        set_aside=StateColumn(asked, attrgetter("set_aside")) if any(child.set_aside for child in asked) else (),
        awards=awards.things(),
        request=StateColumn(asked, lambda child: requests.place(child.request)),
        relax=StateColumn(asked, lambda child: relaxes.place(child.relax)),
        own=StateColumn(asked, lambda child: answers.place(child.own)),
        relaxed=StateColumn(asked, lambda child: answers.place(child.relaxed)),
        award=StateColumn(asked, lambda child: awards.place(child.award)),
        accepted=StateColumn(asked, lambda child: answers.place(child.accepted)),
        revisions=StateColumn(asked, attrgetter("revisions")),
        opted_out=StateColumn(asked, attrgetter("opted_out")),
        owed=StateColumn(asked, attrgetter("owed")),
        confirmed=StateColumn(asked, attrgetter("confirmed")),
        bound_before=StateColumn(asked, attrgetter("bound_before")),
    )


def _remember_children(children: Children, state: ChildrenState) -> None:
    children.waiting, children.left = dict.fromkeys(state.waiting), dict.fromkeys(state.left)
    children.stood, children.withdrawn = state.stood, dict.fromkeys(state.withdrawn)
    for place, name in enumerate(state.names):
        child = children[name]
        child.request = thing(state.requests, state.request[place])
        child.relax = thing(state.relaxes, state.relax[place])
        child.revisions, child.opted_out = state.revisions[place], state.opted_out[place]
        child.owed, child.bound_before = state.owed[place], state.bound_before[place]
        child.accepted = thing(state.answers, state.accepted[place])
        children.asked_count += 1
        children.no += child.opted_out
        child.set_aside = bool(state.set_aside) and state.set_aside[place]
        if state.locked:
            children.lock(child, thing(state.locked_answers, state.locked[place]))
        places = state.promised[place] if state.promised else ()
        child.promised = tuple(thing(state.locked_answers, one) for one in places)
        children.store(child, thing(state.answers, state.own[place]), thing(state.answers, state.relaxed[place]))
        children.bind(child, thing(state.awards, state.award[place]), state.confirmed[place])
    children.taking_back, children.kept = dict(state.taking_back), dict(state.kept)


def thing(table: Sequence[T], place: Place) -> T | None:
    """What stands at a place."""
    return None if place is None else table[place]


class StateTable(Generic[T]):
    """The different things of one kind, each once."""

    def __init__(self, things: Iterable[T | None]) -> None:
        self._places: dict[T, int] = {}
        self._known: dict[int, int] = {}
        """By the object: equal things are mostly one, and to compare them costs more than all else."""
        for thing in things:
            if thing is not None and id(thing) not in self._known:
                self._known[id(thing)] = self._places.setdefault(thing, len(self._places))

    def place(self, thing: T | None) -> Place:
        """Where one of them stands."""
        return None if thing is None else self._known[id(thing)]

    def things(self) -> tuple[T, ...]:
        """All of them, in their order."""
        return tuple(self._places)
