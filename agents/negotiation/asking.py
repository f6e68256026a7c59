"""The first half of an event at a parent: whom it asks, until when, and which answers count.

Shared by all who have children; what to ask and when enough is enough is in the roles.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from sys import intern
from typing import TypeAlias

from agents.negotiation.announcer import Announcer
from agents.negotiation.child import Asked, Child, Relaxing
from agents.negotiation.children import Children
from agents.negotiation.template import Alike
from protocol import messages as m
from protocol.edges import Edge
from protocol.plan import Plan
from protocol.units import Direction, step_instant

Released: TypeAlias = tuple[Child, m.Outcome, str]
"""Of whom nothing (more) is asked, how it ended for it, and why."""


class Stage(StrEnum):
    COLLECTING = "collecting"
    RELAXING = "relaxing"
    JUDGING = "judging"
    OFFERED = "offered"
    PROPOSED = "proposed"
    STANDBY = "standby"
    DELIVERING = "delivering"
    CLOSED = "closed"


class Asking:
    """The state of one event at a parent. `transitions` of the role says which stage may follow which."""

    transitions: Mapping[Stage, tuple[Stage, ...]]

    def __init__(self, party: Announcer, event_id: str, names: tuple[str, ...], claims: Mapping[str, str]) -> None:
        self.party = party
        self.event_id = event_id
        self.stage = Stage.COLLECTING
        self.children = Children(names, claims)
        self.timers: dict[str, datetime] = {}
        self.on_timer: dict[str, Callable[[datetime], None]] = {
            "stage": self.stage_over,
            "again": self._ask_again,
        }
        self.deal_w: Plan | None = None
        self.outcome: str | None = None
        self.late: int = 0
        self.requests: Alike[m.Request] = Alike()
        self.relaxes: Alike[m.Relax] = Alike()

    # -- what the roles say

    direction: Direction
    period: m.IntervalPeriod
    asked_w: Plan
    revision: int

    def stage_over(self, now: datetime) -> None:
        """The stage's deadline has come, or all have answered."""
        raise NotImplementedError

    def answered(self, child: Child, now: datetime) -> None:
        """A child has answered in time."""

    def release(self, parts: Iterable[Released], now: datetime) -> None:
        """Tell each child that nothing (more) is asked of it."""
        raise NotImplementedError

    # -- time

    @property
    def deadline(self) -> datetime | None:
        return min(self.timers.values(), default=None)

    def due(self, now: datetime) -> None:
        for name, at in list(self.timers.items()):
            if at <= now and self.timers.get(name) == at:
                del self.timers[name]
                self.on_timer[name](now)

    def go(self, stage: Stage, ends_at: datetime | None = None) -> None:
        """Change the stage as the table allows; anything else is our own fault and crashes."""
        if stage is not self.stage and stage not in self.transitions[self.stage]:
            raise RuntimeError(f"{self.party.name}/{self.event_id}: {self.stage} -> {stage} is not in the table")
        self.stage = stage
        self.timers.pop("stage", None)
        if ends_at is not None:
            self.timers["stage"] = ends_at

    @property
    def end_at(self) -> datetime:
        return self.period.slot_start(len(self.asked_w))

    def tell(self, name: str, step: str = "", **data: object) -> None:
        self.party._tell(name, self.event_id, step, data)

    def edge(self, child: str) -> Edge:
        return Edge(self.party.name, child)

    # -- asking (S1, S6, S22)

    def ask(
        self,
        plans: Mapping[str, Plan],
        reply_by: datetime,
        decide_by: datetime,
        terms: m.Terms,
        program_id: str,
        now: datetime,
    ) -> None:
        """Send each of these children its request; a later one supersedes what stood before."""
        children, say, parent, build = self.children, self.party.say, self.party.name, self.request_to
        asked: Asked | None = None
        for name, power_w in plans.items():
            before = children[name].request
            number = before.round + 1 if before is not None and before.revision == self.revision else 1
            if asked is None or asked.power_w is not power_w or asked.round != number:  # neighbours are often alike
                request_id = intern(f"{self.event_id}.{self.revision}.{number}")
                asked = children.shared.one(
                    Asked(request_id, number, self.revision, program_id, power_w, now, reply_by, decide_by, terms)
                )
            children.renew(name, asked)
            say(Edge(parent, name), now, build, name, asked)
        if plans:
            self.timers["again"] = step_instant(now, reply_by, 50)

    def request_to(self, name: str, asked: Asked) -> m.Request:
        """The request as a message."""
        message_id = f"{self.party.name}.request.{name}.{asked.request_id}"
        of = (self.direction, self.period, *asked[:4], *asked[5:])
        return self.requests.made(of, message_id, asked.power_w) or self.requests.keep(
            of,
            m.Request(
                message_id=message_id,
                sent_at=asked.sent_at,
                event_id=self.event_id,
                request_id=asked.request_id,
                round=asked.round,
                revision=asked.revision,
                program_id=asked.program_id,
                direction=self.direction,
                interval_period=self.period,
                power_w=asked.power_w,
                reply_by=asked.reply_by,
                decide_by=asked.decide_by,
                terms=asked.terms,
            ),
        )

    def relax_to(self, name: str, asked: Asked, relax: Relaxing) -> m.Relax:
        """The relax as a message."""
        message_id = f"{self.party.name}.relax.{name}.{asked.request_id}"
        of = (relax, asked.request_id, asked.round)
        return self.relaxes.made(of, message_id) or self.relaxes.keep(
            of,
            m.Relax(
                message_id=message_id,
                sent_at=relax.sent_at,
                event_id=self.event_id,
                request_id=asked.request_id,
                round=asked.round,
                revision=1,
                shortfall_w=relax.shortfall_w,
                restrictions=relax.restrictions,
                reply_by=relax.reply_by,
            ),
        )

    def _ask_again(self, now: datetime) -> None:
        """Half of the time is over: the wire may have lost the question or the answer of those who are silent."""
        for name in self.children.waiting:
            child = self.children[name]
            asked, relax = child.request, child.relax
            if asked is None:
                continue
            if self.stage is not Stage.RELAXING and now <= asked.reply_by:
                self.party.say(self.edge(name), now, self.request_to, name, asked)
            elif self.stage is Stage.RELAXING and relax is not None and now <= relax.reply_by:
                self.party.say(self.edge(name), now, self.relax_to, name, asked, relax)

    # -- answers (S23, S29, S2, S3)

    def on_answer(self, edge: Edge, message: m.Offer | m.Alternative, now: datetime) -> None:
        child = self.children.check(edge.child, message)
        child.bound_before = False
        if not self._in_time(child, message, now):
            self._take_late(child, message, now)
            return
        if isinstance(message, m.Offer):
            self.children.take_offer(child, message)
        else:
            self.children.take_alternative(child, message)
        waiting = self.children.waiting
        waiting.pop(child.name, None)
        self.answered(child, now)
        if not waiting and self.stage in (Stage.COLLECTING, Stage.RELAXING):
            self.timers.pop("stage", None)
            self.stage_over(now)

    def _in_time(self, child: Child, message: m.Offer | m.Alternative, now: datetime) -> bool:
        if isinstance(message, m.Offer) and message.basis is m.Basis.RELAXED:
            relax = child.relax
            return relax is not None and self.stage is Stage.RELAXING and now <= relax.reply_by
        asked = child.request
        return asked is not None and self.stage is Stage.COLLECTING and now <= asked.reply_by

    def _take_late(self, child: Child, message: m.Offer | m.Alternative, now: datetime) -> None:
        self.late += 1
        self.party.counts["late"] += 1
        self.tell("late_answer_recorded", child=child.name, kind=message.kind)
        if isinstance(message, m.Offer) and message.opt is m.Opt.OUT:
            return
        if child.award is not None and child.award.outcome is m.Outcome.CONCLUDED:
            return
        child.owed = True
        if self.stage is Stage.CLOSED or self.deal_w is not None:
            self.release([(child, m.Outcome.NOT_NEEDED, "too late to be counted")], now)
