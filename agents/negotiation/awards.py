"""Part of an event: what each child was awarded, who has confirmed, and what is sent again until it is confirmed
(S7, S35)."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from operator import gt
from typing import TypeAlias

from agents.negotiation.child import AwardRecord, Child, ChildAnswer, in_full
from agents.negotiation.children import Children
from agents.negotiation.out import Out
from agents.negotiation.stage import Timer
from agents.negotiation.subject import Subject
from agents.negotiation.template import Template
from agents.negotiation.timers import Timers
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan
from protocol.units import step_instant

REPEATS = 4
"""How often an unconfirmed award is sent again until `confirm_by`, and a cancellation at most."""
SECOND = timedelta(seconds=1)
"""Behind `confirm_by` nothing is sent again sooner, unless slots are shorter than that, and each time later than the time
before, up to a quarter of a slot: an award that was made just before the event's start had a moment to be confirmed in, and
who is silent would be told its cancellation a million times."""

SUPERSEDED = "superseded by a later request"

Released: TypeAlias = tuple[Child, m.Outcome, str]
"""Of whom nothing (more) is asked, how it ended for it, and why."""


class Awards:
    """The awards of one event."""

    def __init__(self, out: Out, subject: Subject, timers: Timers, children: Children) -> None:
        self.out = out
        self.subject = subject
        self.timers = timers
        self.children = children
        self.unconfirmed: dict[str, None] = {}
        self.confirm_by: datetime | None = None
        self.chase_every = timedelta()
        self.messages: Template[m.Award] = Template()

    # -- giving and releasing

    def give(self, parts: Iterable[tuple[Child, ChildAnswer, Plan]], now: datetime) -> None:
        """Award each child so much of its answer, W; a higher revision replaces an earlier award."""
        confirm_by, concluded, some = self._confirm_by(now), m.Outcome.CONCLUDED, False
        for child, answer, power_w in parts:
            if len(power_w) != len(answer.power_w) or any(map(gt, power_w, answer.power_w)):
                raise RuntimeError(f"award above the offer of {child.name}")
            child.accepted = answer
            still_bound = True if child.is_bound_to(power_w) else None
            self._award(child, concluded, power_w, answer.ref, "", confirm_by, now, still_bound)
            self.unconfirmed[child.name] = None
            some = True
        if some:
            self._start_chase(confirm_by, now)

    def restore(self, child: Child, power_w: Plan, now: datetime) -> None:
        """Nothing came of a change: the award that stood with a child before it stands again, for so much of it, W. Who had
        confirmed it is bound to it, as long as it does not say that it has dropped it."""
        request, award, accepted, confirmed = self.children.kept[child.name]
        confirm_by = self._confirm_by(now)
        self.children.put(child, None, None, None)
        self.children.opt(child, m.Opt.IN)
        child.request, child.accepted, child.bound_before = request, accepted, False
        self.children.bind(child, award, confirmed)
        self._award(child, m.Outcome.CONCLUDED, power_w, award.accepts, "", confirm_by, now, confirmed)
        self.unconfirmed[child.name] = None
        self._start_chase(confirm_by, now)

    def release(self, parts: Iterable[Released], now: datetime) -> None:
        """Tell each child that nothing (more) is asked of it."""
        confirm_by, nothing, some = self._confirm_by(now), self.subject.nothing_w, False
        for child, outcome, reason in parts:
            stood = child.bound_before or child.awarded_w is not None or self._is_cancelled(child)
            stood = stood or child.name in self.unconfirmed  # it may not have heard of its cancellation
            child.bound_before = False
            self.unconfirmed.pop(child.name, None)
            self._award(child, outcome, nothing, None, reason, confirm_by, now)
            if stood:
                self.unconfirmed[child.name] = None
                some = True
        if some:
            self._start_chase(confirm_by, now)

    def release_rest(self, outcome: m.Outcome, reason: str, now: datetime) -> None:
        """Every offer gets an answer: those that are still owed one hear the outcome; who may still believe in a
        superseded award hears that it is cancelled."""
        self.release(self._rest(outcome, reason), now)

    def _rest(self, outcome: m.Outcome, reason: str) -> Iterator[Released]:
        for child in self.children.asked():
            if child.name in self.children.kept:
                continue  # what stood with it before a change may stand again
            if child.is_owed:
                yield child, outcome, reason
            elif child.bound_before and child.award is None:
                yield child, m.Outcome.CANCELLED, SUPERSEDED

    def release_all(self, outcome: m.Outcome, reason: str, now: datetime, *, metered: bool = False) -> None:
        """Those who are still owed an answer or were awarded; of a cancellation hear all who may take part. `metered`: also
        who has withdrawn, as its meter would go on to the end."""
        self.release(self._concerned(outcome, reason, metered), now)

    def _is_cancelled(self, child: Child) -> bool:
        """Whether a child that has withdrawn all has been answered with a cancellation."""
        cancelled = child.award is not None and child.award.outcome is m.Outcome.CANCELLED
        return cancelled and child.name in self.children.withdrawn

    def _concerned(self, outcome: m.Outcome, reason: str, metered: bool) -> Iterator[Released]:
        for child in self.children.asked():
            noted = child.award is not None and child.award.outcome is outcome
            noted = noted and not (metered and self._is_cancelled(child))
            cancels = outcome is m.Outcome.CANCELLED and not child.opted_out and not noted
            if child.bound_before and child.award is None:
                yield child, m.Outcome.CANCELLED, reason
            elif child.is_owed or child.awarded_w is not None or cancels:
                yield child, outcome, reason

    def supersede(self, names: Iterable[str]) -> None:
        """A new request supersedes the award of these children that was still to be confirmed."""
        if self.unconfirmed:
            for name in names:
                self.unconfirmed.pop(name, None)

    def _award(
        self,
        child: Child,
        outcome: m.Outcome,
        power_w: Plan,
        accepts: str | None,
        reason: str,
        confirm_by: datetime,
        now: datetime,
        confirmed: bool | None = None,
    ) -> None:
        asked = child.request
        assert asked is not None
        revision = child.award.revision + 1 if child.award is not None else 1
        award = self.children.award(
            AwardRecord(asked.request_id, asked.round, revision, outcome, power_w, accepts, reason, now, confirm_by)
        )
        if now > self.subject.period.start:
            self.children.changes(child, now)
        self.children.bind(child, award, confirmed)
        child.owed = False
        self.send_again(child, now)

    def _cancel(self, child: Child, cause: str, now: datetime) -> None:
        """Cancel an award of a child that will not keep it."""
        nothing, confirm_by = self.subject.nothing_w, self._confirm_by(now)
        self._award(child, m.Outcome.CANCELLED, nothing, None, cause, confirm_by, now, confirmed=False)

    def cut(self, child: Child, left_w: Plan, cause: str, now: datetime) -> None:
        """A child gives no more than this of its award, W: so much stands with it; where that is nothing, it is cancelled."""
        award, confirm_by = child.award, self._confirm_by(now)
        assert award is not None
        if any(left_w):
            concluded, accepts = m.Outcome.CONCLUDED, award.accepts
            self._award(child, concluded, left_w, accepts, cause, confirm_by, now, child.confirmed)
        else:
            self._award(child, m.Outcome.CANCELLED, left_w, None, cause, confirm_by, now, confirmed=False)

    def forgotten(self, child: Child, cause: str, now: datetime) -> None:
        """A child does not know its award any more: it is cancelled, and the child is not asked for more."""
        self.out.tell("award_lost", child=child.name, cause=cause, power_w=child.awarded_w)
        self.unconfirmed.pop(child.name, None)
        child.accepted = None
        self._cancel(child, cause, now)
        self.end_chase()

    def renumber(self, child: Child, revision: int, now: datetime) -> None:
        """Say the award of a child under a revision above all that an earlier life of ours has used."""
        award, confirm_by = child.award, self._confirm_by(now)
        assert award is not None
        self.children.bind(
            child, award._replace(revision=revision, sent_at=now, confirm_by=confirm_by), child.confirmed
        )
        self.unconfirmed[child.name] = None
        self.send_again(child, now)
        self._start_chase(confirm_by, now)

    # -- as messages

    def award_id(self, name: str, award: AwardRecord) -> str:
        """Of the award that stands with a child; its revisions have the same."""
        return f"{award.request_id}.{self.out.name}.{name}"

    def message_id(self, name: str, award: AwardRecord) -> str:
        """Of the message that tells a child this award."""
        return f"{self.out.name}.award.{self.award_id(name, award)}.{award.revision}"

    def award_to(self, name: str, award: AwardRecord) -> m.Award:
        """An award as a message."""
        award_id, message_id = self.award_id(name, award), self.message_id(name, award)
        accepts = None if award.accepts is None else in_full(award.accepts, name)
        if award.outcome is m.Outcome.CONCLUDED and accepts is not None:
            of: tuple[object, ...] = (*award[:4], *award[6:])
            made = self.messages.made(of, message_id, award.power_w, award_id=award_id, accepts=accepts)
        else:
            of = award
            made = self.messages.made(of, message_id, award_id=award_id)
        return made or self.messages.keep(
            of,
            m.Award(
                message_id=message_id,
                sent_at=award.sent_at,
                event_id=self.subject.event_id,
                request_id=award.request_id,
                round=award.round,
                revision=award.revision,
                award_id=award_id,
                accepts=accepts,
                outcome=award.outcome,
                power_w=award.power_w,
                reason=award.reason,
                confirm_by=award.confirm_by,
            ),
        )

    def send_again(self, child: Child, now: datetime) -> None:
        """The latest revision is the truth on an edge."""
        assert child.award is not None
        self.out.say(child.name, now, self.award_to, child.name, child.award)

    # -- confirmations

    def _confirm_by(self, now: datetime) -> datetime:
        start = self.subject.period.start
        return step_instant(now, start, 40) if now < start else now + self.subject.period.duration / 4

    def _start_chase(self, confirm_by: datetime, now: datetime) -> None:
        self.confirm_by = confirm_by
        self.chase_every = max((confirm_by - now) / REPEATS, timedelta(milliseconds=1))
        self.timers.set(Timer.CHASE, now + self.chase_every)

    def chase(self, now: datetime) -> bool:
        """Send again what is unconfirmed; whether an award was lost by that. At `confirm_by` an award counts as lost
        and its cancellation is chased in its stead, less and less often, until the event is over. What was cut is not lost:
        who has confirmed more is bound to that until it hears of it."""
        if not self.unconfirmed or self.confirm_by is None:
            return False
        children = [self.children[name] for name in self.unconfirmed]
        over = now >= self.confirm_by
        lost = [child for child in children if over and child.awarded_w is not None and not child.confirmed]
        for child in children:
            if not over or child.awarded_w is None or child.confirmed:
                self.send_again(child, now)
        for child in lost:
            cause = "unconfirmed until confirm_by"
            self.out.tell("award_lost", child=child.name, cause=cause, power_w=child.awarded_w)
            self._cancel(child, cause, now)
        if now < self.confirm_by:
            self.timers.set(Timer.CHASE, min(now + self.chase_every, self.confirm_by))
            return bool(lost)
        slot = self.subject.period.duration
        every = max(self.chase_every, min(SECOND, slot / 4 / REPEATS))
        following, self.chase_every = now + every, max(every, min(2 * every, slot / REPEATS))
        if following < self.subject.end_at:
            self.timers.set(Timer.CHASE, following)
        return bool(lost)

    def end_chase(self) -> None:
        """Nothing is sent again where all have confirmed."""
        if not self.unconfirmed:
            self.unconfirmed.clear()  # its table is as large as it ever was
            self.timers.drop(Timer.CHASE)

    def reports(self, name: str) -> Child:
        """The child that meter values come from. Raises RefusedMessage where it never was awarded anything."""
        child = self.children.by_name.get(name)
        if child is None or child.award is None:
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award stands with {name}")
        return child

    def resumed(self, now: datetime) -> None:
        """The process was started again: send what is unconfirmed again. It may never have left, or nobody was there to
        hear the confirm: there is time for an answer before it counts as lost."""
        for name in self.unconfirmed:
            self.send_again(self.children[name], now)
        until = min(now + self.chase_every, self._confirm_by(now))
        if self.unconfirmed and self.out.counts_waited and self.confirm_by is not None and self.confirm_by < until:
            self.confirm_by = until
            self.timers.set(Timer.CHASE, until)
