"""One event at a parent: the frame that holds its parts and decides what follows from what they return.

The parts: `EventStanding` (how far it is), `Asking` (requests and answers), `Awards` and `AwardAnswers` (their confirmation), `Repair` (what
is lost is replaced), `Upward` (the parent above, where there is one), `Settlement` (meter values). What utility,
coordinator and aggregator do differently is in their `EventRole`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from agents.negotiation.asking import Asking, Conditions, MissingOf
from agents.negotiation.award_answers import AwardAnswers
from agents.negotiation.awards import Awards
from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.child import Child, RelaxRecord
from agents.negotiation.children import Children
from agents.negotiation.delivery import Delivery, SlotSum
from agents.negotiation.dispatches import Dispatches
from agents.negotiation.grace import ReportGrace
from agents.negotiation.kept import KeptAwards
from agents.negotiation.out import Out
from agents.negotiation.own import NoOwnPower, OwnPower
from agents.negotiation.plans.baseline import BaselinePolicy, DeclaredBaseline
from agents.negotiation.rebound import summed
from agents.negotiation.repair import Repair
from agents.negotiation.role import EventRole
from agents.negotiation.settlement import Settlement
from agents.negotiation.stage import ASKING, OPTED_OUT, Stage, Timer
from agents.negotiation.standing import UNKNOWN, EventStanding
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.negotiation.upward import Upward
from agents.settings.members import Members
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, add, least, shortfall


class Negotiation:
    """The state of one event at a parent."""

    def __init__(
        self,
        out: Out,
        subject: Subject,
        timers: Timers,
        children: Children,
        standing: EventStanding,
        grace_s: int,
        role: Callable[["Negotiation"], EventRole],
        *,
        book: Members | None = None,
        up: Upward | None = None,
        own: OwnPower | None = None,
        baseline: BaselinePolicy | None = None,
        tells_sources: bool = False,
    ) -> None:
        """`role` makes the role of this event; `grace_s`: how long a slot's meter values are waited for at least; `book`:
        the contracts with the children, where there are any."""
        self.out, self.subject, self.timers, self.children = out, subject, timers, children
        self.standing, self.up, self.own = standing, up, own or NoOwnPower(subject)
        self.asking = Asking(out, subject, timers, children, book)
        self.awards = Awards(out, subject, timers, children)
        self.award_answers = AwardAnswers(out, subject, children, self.awards)
        self.dispatches = Dispatches(out, subject, timers, self.awards, book)
        grace, baseline_policy = ReportGrace.of(grace_s, book), baseline or DeclaredBaseline()
        self.delivery = Delivery(out, subject, timers, children, grace, book, baseline_policy)
        self.mending = Repair(out, subject, children, self.awards, self.own, self.delivery.watch, book)
        self.kept = KeptAwards(out, subject, children, self.awards, self.delivery.watch)
        self.settlement = Settlement(
            out, subject, standing, self.awards, self.dispatches, self.delivery, self.own, up, tells_sources
        )
        self.role = role(self)

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        return self.standing.stage

    @property
    def told_stage(self) -> str:
        """The same for who asks: an answer of nothing takes no part."""
        out = self.stage is Stage.OFFERED and self.up is not None and self.up.opted_out
        return OPTED_OUT if out else self.stage.value

    @property
    def deal_w(self) -> Plan | None:
        """What was sold to the parent (at the utility: bought), W."""
        return self.standing.deal_w

    @property
    def outcome(self) -> str | None:
        """How it ended; None while it is open."""
        return self.standing.outcome

    # -- time

    def due(self, now: datetime) -> None:
        """Do what each timer that is due stands for: the one place where they are named."""
        for timer in self.timers.due(now):
            match timer:
                case Timer.STAGE:
                    self.role.all_in(now)
                case Timer.AGAIN:
                    self.asking.again(self.stage, now)
                case Timer.CHASE:
                    if self.awards.chase(now):
                        self.repair("unconfirmed award", WithdrawalCause.UNCONFIRMED, now)
                case Timer.START:
                    self.settlement.start()
                case Timer.REPORT:
                    self._summed(self.settlement.sum_up(now), now)
                case Timer.ASK:
                    self.settlement.ask_reports(now)
                case Timer.CORRECT:
                    self._correct(now)
                case Timer.REBOUND:
                    self.settlement.sum_rebounds(now)
                case Timer.ANSWERS:
                    if self.settlement.chase(now):
                        self.repair("unanswered dispatch", WithdrawalCause.UNANSWERED, now)
                case Timer.WITHDRAW if self.up is not None:
                    self.up.withdrawal.again(now)
                case _:
                    self.role.rang(timer, now)

    def go(self, stage: Stage, ends_at: datetime | None = None) -> None:
        """Change the stage, until an instant where there is one."""
        self.standing.go(stage, ends_at)

    def resumed(self, now: datetime) -> None:
        """The process was started again: what nobody has answered is sent again. An event that ended meanwhile is
        closed as unknown until reports settle it."""
        if self.stage in ASKING:
            self.asking.again(self.stage, now)
            if self.up is None and self.out.counts_waited:
                self.asking.doubt(now)
        self.awards.resumed(now)
        if self.up is not None:
            self.up.resumed()
        if self.stage in (Stage.STANDBY, Stage.DELIVERING) and now >= self.subject.end_at:
            self.close(UNKNOWN, now)
        elif self.stage is Stage.DELIVERING:
            self.delivery.give_grace(now)

    # -- questions and answers

    def ask(self, plans: Mapping[str, Plan], conditions: Conditions, now: datetime) -> None:
        """Send these children a request; an award that stood with one of them is superseded."""
        if self.children.left:
            plans = {name: power_w for name, power_w in plans.items() if name not in self.children.left}
        self.awards.supersede(plans)
        self.asking.ask(plans, conditions, now)

    def relax(
        self, targets: Iterable[Child], record: RelaxRecord, now: datetime, missing_of: MissingOf | None = None
    ) -> None:
        """Ask these children to loosen what their owners agreed to, until `record.reply_by`. `missing_of`: what each is
        told is missing of it; None: the same to all."""
        self.go(Stage.RELAXING, record.reply_by)
        self.asking.relax(targets, record, now, missing_of)

    def on_answer(self, name: str, message: m.Offer | m.Alternative, now: datetime) -> None:
        """An offer or an alternative of a child. Raises RefusedMessage."""
        child = self.asking.answers.check(name, message)
        if self.up is not None and self.asking.is_void(child):
            text = f"{message.request_id} is of an event that has changed since; {name} is not asked in it"
            raise RefusedMessage(RejectReason.STALE, text)
        child.bound_before = False
        if not self.asking.in_time(child, message, self.standing.stage, now):
            if self.asking.takes_back(child, message):
                self._taken_back(child, message, now)
                return
            self.asking.check_correction(child, message, now)
            owed = self.asking.take_late(child, message)
            if owed and (self.stage is Stage.CLOSED or self.deal_w is not None):
                self.awards.release([(child, m.Outcome.NOT_NEEDED, "too late to be counted")], now)
            return
        self.asking.take(child, message)
        self.role.answered(child, now)
        if not self.children.waiting and self.standing.stage in ASKING and not self.asking.still_hears(now):
            self.end_stage(now)

    def end_stage(self, now: datetime) -> None:
        """All have answered."""
        self.timers.drop(Timer.STAGE)
        self.role.all_in(now)

    def _taken_back(self, child: Child, message: m.Offer | m.Alternative, now: datetime) -> None:
        """A child gives less than it has answered, before it was awarded anything: nobody is sold what is not there."""
        self.asking.take(child, message)
        left_w = self.subject.nothing_w if child.best is None else child.best.power_w
        self.out.tell("offer_taken_back", child=child.name, left_w=left_w)
        if self.stage not in ASKING:
            self.role.taken_back(child, now)
        elif self.asking.complete:
            self.end_stage(now)

    # -- what stands

    def keep_what_stands(self, same_slots: bool) -> None:
        """Until a change of the event is decided; where it is about other slots, nothing."""
        if not same_slots:
            self.kept.clear()
        elif self.deal_w is not None and self.stage is not Stage.CLOSED:
            self.kept.keep()

    def stand_by(self, deal_w: Plan, now: datetime, *, stood: bool = False) -> None:
        """A deal stands, W: wait for its first slot. `stood`: it stood before, and all that it says is due."""
        self.standing.deal_w = deal_w
        self.delivery.due.begin(self.subject.period, min(now, self.subject.period.start) if stood else now)
        self.delivery.watch.clear()
        self.go(Stage.STANDBY)
        self.timers.set(Timer.START, self.subject.period.start)

    def change_deal(self, deal_w: Plan, now: datetime) -> None:
        """Another deal stands from now on, W: what stood is due until now."""
        if self.deal_w is not None:
            self.delivery.due.change(self.deal_w, self.subject.period, now)
        self.standing.deal_w = deal_w

    # -- what the children keep of their awards

    def on_confirm(self, name: str, message: m.Confirm, now: datetime) -> None:
        """A child's confirm. Raises RefusedMessage."""
        bound = self.award_answers.confirm(name, message, now)
        if bound is None:
            return
        if bound.refused:
            self.repair(bound.refused, WithdrawalCause.REFUSED, now)
        else:
            self.role.bound(self.children.by_name[name], now)
        self.awards.end_chase()

    def on_withdraw(self, name: str, message: m.Withdraw, now: datetime) -> None:
        """A child can give less than its award: the rest is replaced or stated. Raises RefusedMessage."""
        if self.kept.less(name, message):
            return
        taken_back = self.award_answers.withdraw(name, message, now)
        self.mending.note_taking_back(name, message)
        self.repair(*taken_back, now)

    def repair(self, text: str, cause: WithdrawalCause, now: datetime) -> None:
        """Replace what was lost in the slots that are not over; state what cannot be replaced (above in a word), but for
        what an aggregator may still give that tells nothing at present."""
        if self.deal_w is None or self.stage is Stage.CLOSED:
            return
        missing = self.subject.to_come(self.mending.missing_w(self.deal_w), now)
        missing = self.mending.replace(missing, text, now)
        unknown = add(self.delivery.watch.unheard_w(), self.delivery.watch.awaited_w(now))
        missing = least(shortfall(missing, unknown), self.deal_w)
        if any(missing):
            self.out.tell("shortfall_stated", shortfall_w=missing, cause=text)
            self.delivery.watch.shortfall_stated()
            left_w = shortfall(self.deal_w, missing)
            self.change_deal(left_w, now)
            if self.up is not None:
                self.up.withdraw(missing, left_w, cause, now)
        self.role.mended(now)

    # -- delivery

    def on_report(self, name: str, message: m.Report, now: datetime) -> None:
        """Meter values of a child. Raises RefusedMessage."""
        if self.deal_w is None and self.stage is not Stage.CLOSED and self.kept.is_given(name, message, now):
            self.role.given_before(now)
        was_silent = name in self.delivery.watch.silent
        if message.so_far:
            if self.settlement.so_far(name, message, now):
                self._mend(now)
        else:
            for slot in self.settlement.on_report(name, message, now):
                self._summed(slot, now)
        if was_silent and name not in self.delivery.watch.silent and self.mending.lower(self.deal_w, now):
            self.role.mended(now)

    def metered(self, name: str, reading: m.Reading, revision: int, now: datetime) -> None:
        """A meter value of an own device."""
        for slot in self.settlement.take(name, reading, revision, now):
            self._summed(slot, now)

    def dispatch_refused(self, name: str, slot: int, reason: str, now: datetime) -> None:
        """A child has refused the dispatch of a slot: it is not counted on, and replaced at once."""
        if self.settlement.refused(name, slot, reason, now):
            self.repair("refused dispatch", WithdrawalCause.DEVICE, now)

    def _summed(self, slot: SlotSum, now: datetime) -> None:
        if slot.last:
            self.timers.drop(Timer.REPORT)
            if self.delivery.corrected:
                self._correct(now)
            self.role.finished(self.delivery.delivered_wh, now)
            if self.delivery.stopped_at is None:
                self.close("concluded", now)
        elif slot.doubt:
            self._mend(now)

    def _mend(self, now: datetime) -> None:
        """By the meters something else is expected of the children than before."""
        if self.stage is Stage.DELIVERING:
            self.repair("less metered than due", WithdrawalCause.LESS, now)
            if self.mending.lower(self.deal_w, now):
                self.role.mended(now)

    def _correct(self, now: datetime) -> None:
        correction = self.settlement.correct(now)
        if correction.doubt:
            self._mend(now)
        if correction.final:
            self.role.finished(self.delivery.delivered_wh, now)

    # -- the end

    def close(self, outcome: str, now: datetime, release: m.Outcome | None = None, reason: str = "") -> None:
        """End with an outcome; `release` is what those hear who are still owed an answer or were awarded. Of an event
        that is cancelled while it is delivered the rest of the meter values is waited for."""
        stops = self.stage is Stage.DELIVERING and release is m.Outcome.CANCELLED
        self.standing.outcome = outcome
        self.kept.decided()
        self.role.stop(now)
        if release is not None:
            self.awards.release_all(release, reason or outcome, now, metered=stops)
        for child in self.children.asked():
            self.out.clear(child.name, now)
        self.timers.clear(keep=Timer.CHASE if self.awards.unconfirmed else None)
        self.go(Stage.CLOSED)
        if stops:
            self.delivery.stop(now)
        self.out.tell("closed", outcome=outcome, reason=reason)
        self.out.ended(now)

    def status(self) -> dict[str, object]:
        """Its state in words and figures; JSON types only."""
        rebounds = self.delivery.rebounds
        return {
            "event_id": self.subject.event_id,
            "stage": self.told_stage,
            "outcome": self.outcome,
            "direction": self.subject.direction,
            "requested_w": list(self.subject.asked_w),
            "deal_w": list(self.deal_w) if self.deal_w else None,
            "late": self.asking.late,
            **self.children.count(),
            **({"taken_back_wh": summed(rebounds.values()).taken_back_wh} if rebounds else {}),
        }
