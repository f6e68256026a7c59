"""Part of an event: the dispatches of its slots as messages, and whether those who can have said that they have them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.negotiation.awards import Awards
from agents.negotiation.child import AwardRecord, Child
from agents.negotiation.out import Out
from agents.negotiation.stage import Timer
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.settings.members import Members
from protocol import messages as m
from protocol.plan import Plan

TRIES = 4
"""How often a dispatch is sent to a child that answers none, until nothing more is expected of the child."""
ANSWER_WITHIN = timedelta(seconds=10)
"""How long an answer is waited for each time."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A dispatch that a child has not answered."""

    slot: int
    tries: int


class Dispatches:
    """What is dispatched to the children of one event."""

    def __init__(self, out: Out, subject: Subject, timers: Timers, awards: Awards, book: Members | None) -> None:
        self.out = out
        self.subject = subject
        self.timers = timers
        self.awards = awards
        self.book = book
        self.unanswered: dict[str, Unanswered] = {}
        self.early: dict[str, int] = {}
        """Who was commanded before its award was confirmed: in which slot. It may have heard of it before its award."""

    def clear(self) -> None:
        """No answer is waited for."""
        self.unanswered, self.early = {}, {}

    def give(self, child: Child, awarded_w: Plan, slot: int, now: datetime) -> None:
        """Command a child in a slot."""
        if not child.confirmed:
            self.early[child.name] = slot
        elif self.early:
            self.early.pop(child.name, None)
        self._await(child.name, slot, now)
        self._say(child, awarded_w, slot, 0, now)

    def give_anew(self, child: Child, awarded_w: Plan, slot: int, now: datetime) -> None:
        """Command a child in a slot in which it may have been commanded before, by the same award."""
        self._await(child.name, slot, now)
        self.again(child, awarded_w, slot, now)

    def _await(self, name: str, slot: int, now: datetime) -> None:
        if self._answers(name):
            self.unanswered[name] = Unanswered(slot, 1)
            if Timer.ANSWERS not in self.timers.at:
                self.timers.set(Timer.ANSWERS, now + ANSWER_WITHIN)

    def came_before_award(self, name: str, said: str) -> bool:
        """Whether a dispatch, by what its id says behind its award's (slot, revision and number of a later one), may have come
        before its award: a refusal of it says nothing."""
        slot, _, rest = said.partition(".")
        return slot == str(self.early.get(name)) and "." not in rest

    def again(self, child: Child, awarded_w: Plan, slot: int, now: datetime) -> None:
        """Send the dispatch of a slot once more, as a message of its own: it is answered with the newest report."""
        self._say(child, awarded_w, slot, self.out.sent("dispatch") + 1, now)

    def _say(self, child: Child, awarded_w: Plan, slot: int, number: int, now: datetime) -> None:
        assert child.award is not None
        self.out.say(
            child.name, now, self.dispatch_to, child.name, child.award, slot, awarded_w[slot], now, number
        )  # fmt: skip

    def _answers(self, name: str) -> bool:
        return self.book is not None and name in self.book and self.book[name].answers_dispatch

    def telemetry_s(self, name: str) -> int | None:
        """How often a child tells what has flowed so far in a slot, by its contract, s."""
        return self.book[name].telemetry_s if self.book is not None and name in self.book else None

    def answered(self, name: str, slot: int) -> None:
        """A child has said that it has the dispatch of a slot, or what it metered in it."""
        waiting = self.unanswered.get(name)
        if waiting is not None and waiting.slot <= slot:
            del self.unanswered[name]
            if not self.unanswered:
                self.timers.drop(Timer.ANSWERS)

    def chase(self, now: datetime) -> list[tuple[str, int]]:
        """Send again what is not answered; returns who has not answered often enough, and which slot."""
        given_up: list[tuple[str, int]] = []
        for name, waiting in list(self.unanswered.items()):
            child = self.awards.children[name]
            awarded_w = child.awarded_w
            over = self.subject.period.slot_start(waiting.slot + 1) <= now
            if awarded_w is None or over or waiting.tries >= TRIES:
                del self.unanswered[name]
                if awarded_w is not None and not over:
                    given_up.append((name, waiting.slot))
            else:
                self.unanswered[name] = Unanswered(waiting.slot, waiting.tries + 1)
                self.again(child, awarded_w, waiting.slot, now)
        if self.unanswered:
            self.timers.set(Timer.ANSWERS, now + ANSWER_WITHIN)
        return given_up

    def wake(self, at: datetime | None) -> None:
        """Look at what is not answered at an instant as well."""
        before = self.timers.at.get(Timer.ANSWERS)
        if at is not None and (before is None or at < before):
            self.timers.set(Timer.ANSWERS, at)

    def dispatch_to(
        self, name: str, award: AwardRecord, slot: int, power_w: int, now: datetime, number: int = 0
    ) -> m.Dispatch:
        """The dispatch of a slot as a message; `power_w` >= 0 in the event's direction. `number`: of a later one of the
        same slot and award."""
        subject = self.subject
        award_id = self.awards.award_id(name, award)
        again = f".{number}" if number else ""
        return m.Dispatch(
            message_id=f"{self.out.name}.dispatch.{award_id}.{slot}.{award.revision}{again}",
            sent_at=now,
            event_id=subject.event_id,
            request_id=award.request_id,
            round=award.round,
            revision=award.revision,
            award_id=award_id,
            slot=slot,
            power_w=subject.direction.sign * power_w,
            valid_for_s=int(subject.period.duration.total_seconds()),
            answer=True if self._answers(name) else None,
            telemetry_s=self.telemetry_s(name),
        )
