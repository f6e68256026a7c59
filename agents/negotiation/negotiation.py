"""One event at a parent: the frame that holds its parts and decides what follows from what they return.

The parts: `Asking` (requests and answers), `Awards` (and their confirmation), `Repair` (what is lost is replaced),
`Upward` (the parent above, where there is one), `Delivery` (meter values). What utility, coordinator and aggregator do
differently is in their `EventRole`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from agents.negotiation.asking import Asking, Conditions, MissingOf
from agents.negotiation.awards import SUPERSEDED, Awards
from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.child import Child, ChildAnswer, RelaxRecord
from agents.negotiation.children import Children
from agents.negotiation.delivery import UNKNOWN, Delivery, SlotSum, check_slot
from agents.negotiation.dispatches import Dispatches
from agents.negotiation.grace import ReportGrace
from agents.negotiation.out import Out
from agents.negotiation.own import NoOwnPower, OwnPower
from agents.negotiation.plans.baseline import BaselinePolicy, DeclaredBaseline
from agents.negotiation.repair import Repair
from agents.negotiation.role import EventRole
from agents.negotiation.sources import SourceSum, extension, told
from agents.negotiation.stage import ASKING, Stage, Timer, Transitions
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.negotiation.upward import Bought, EndedAbove, Upward
from agents.settings.members import Members
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, shortfall

CONTRACT_ENDED = "its contract has ended"


class Negotiation:
    """The state of one event at a parent."""

    def __init__(
        self,
        out: Out,
        subject: Subject,
        timers: Timers,
        children: Children,
        transitions: Transitions,
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
        self.transitions = transitions
        self.stage = Stage.COLLECTING
        self.deal_w: Plan | None = None
        """What was sold to the parent (at the utility: bought), W."""
        self.outcome: str | None = None
        self.up = up
        self.tells_sources = tells_sources
        self.own = own or NoOwnPower(subject)
        self.asking = Asking(out, subject, timers, children, book)
        self.awards = Awards(out, subject, timers, children)
        self.dispatches = Dispatches(out, subject, timers, self.awards, book)
        grace, baseline_policy = ReportGrace.of(grace_s, book), baseline or DeclaredBaseline()
        self.delivery = Delivery(out, subject, timers, children, grace, book, baseline_policy)
        self.mending = Repair(out, subject, children, self.awards, self.own, self.delivery.watch, book)
        self.role = role(self)

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
                    self._start_delivering()
                case Timer.REPORT:
                    self._summed(self.delivery.sum_up(self.deal_w, self.settling), now)
                case Timer.ASK:
                    self._ask_reports(now)
                case Timer.CORRECT:
                    self._correct(now)
                case Timer.ANSWERS:
                    self._chase_dispatches(now)
                case Timer.WITHDRAW if self.up is not None:
                    self.up.withdraw_again(now)
                case _:
                    self.role.rang(timer, now)

    def go(self, stage: Stage, ends_at: datetime | None = None) -> None:
        """Change the stage as the table allows; anything else is our own fault and crashes."""
        if stage is not self.stage and stage not in self.transitions[self.stage]:
            raise RuntimeError(f"{self.out.name}/{self.subject.event_id}: {self.stage} -> {stage} is not in the table")
        self.stage = stage
        self.timers.drop(Timer.STAGE)
        if ends_at is not None:
            self.timers.set(Timer.STAGE, ends_at)

    def resumed(self, now: datetime) -> None:
        """The process was started again: what nobody has answered is sent again. An event that ended meanwhile is
        closed as unknown until reports settle it."""
        if self.stage in ASKING:
            self.asking.again(self.stage, now)
        self.awards.resumed(now)
        if self.up is not None:
            self.up.resumed(self.stage)
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
        child = self.children.check(name, message)
        if self.up is not None and self.asking.is_void(child):
            text = f"{message.request_id} is of an event that has changed since; {name} is not asked in it"
            raise RefusedMessage(RejectReason.STALE, text)
        child.bound_before = False
        if not self.asking.in_time(child, message, self.stage, now):
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
        if not self.children.waiting and self.stage in ASKING:
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
            self.timers.drop(Timer.STAGE)
            self.role.all_in(now)

    def leave(self, name: str, now: datetime) -> None:
        """The contract of a child has ended: it takes back what it answered and was awarded, and hears so."""
        child = self.children.by_name.get(name)
        if child is None or self.stage is Stage.CLOSED or name in self.children.left:
            return
        was_waited_for, awarded_w = name in self.children.waiting, child.awarded_w
        concerned = child.request is not None and not child.opted_out
        self.children.leave(child)
        if not concerned:
            return
        self.out.tell("member_left", child=name, power_w=awarded_w or self.subject.nothing_w)
        self.awards.release([(child, m.Outcome.CANCELLED, CONTRACT_ENDED)], now)
        self.out.clear(name, now)
        if self.stage not in ASKING:
            self.role.taken_back(child, now)
        elif was_waited_for and self.asking.complete:
            self.timers.drop(Timer.STAGE)
            self.role.all_in(now)
        if awarded_w is not None:
            self.repair(CONTRACT_ENDED, WithdrawalCause.LEFT, now)

    # -- the request from above

    def on_request(self, request: m.Request, now: datetime) -> None:
        """A later request for this event: a re-request, or a change from above. Raises RefusedMessage."""
        assert self.up is not None
        self.up.check(request)
        open_still = self.stage is not Stage.CLOSED and self.deal_w is None and not self.children.awarded_count
        later_round = open_still and self.up.is_later_round(request)
        before = [child.name for child in self.children.asked() if child.is_owed or child.awarded_w is not None]
        self.timers.clear()
        if not later_round:
            self.role.stop(now)
        self.asking.supersede(later_round)
        if not self.up.take(request):
            self.asking.before_w = {}
        self.deal_w, self.outcome = None, None
        self.go(Stage.COLLECTING)
        self.role.begin(now)
        if later_round:
            return  # what was firm stays so, also with those who are not asked again
        left = [child for child in map(self.children.__getitem__, before) if _not_asked_again(child, request)]
        self.awards.release([(child, m.Outcome.CANCELLED, SUPERSEDED) for child in left], now)

    def on_relax(self, relax: m.Relax, now: datetime) -> None:
        """The parent asks to loosen. Raises RefusedMessage."""
        assert self.up is not None
        self.up.check_relax(relax)
        if self.stage in (Stage.OFFERED, Stage.PROPOSED) and self.up.acceptable and now <= relax.reply_by:
            self.role.relax_asked(relax, now)

    def offer_up(
        self,
        power_w: Plan,
        available_w: Plan,
        now: datetime,
        basis: m.Basis = m.Basis.OWN,
        resources: tuple[m.Resource, ...] = (),
    ) -> None:
        """S36: tell the parent that so much can be met, W; an offer of nothing opts out."""
        assert self.up is not None
        self.go(Stage.OFFERED, self.up.offer(power_w, available_w, basis, resources, now))

    def propose_up(self, options: tuple[m.Option, ...], now: datetime) -> None:
        """S33: propose the plans that can be met instead."""
        assert self.up is not None
        self.go(Stage.PROPOSED, self.up.propose(options, now))

    def repeat_relaxed(self, resources: tuple[m.Resource, ...], now: datetime) -> None:
        """Nothing can be loosened: what stands is sent again, an offer as a relaxed one."""
        assert self.up is not None
        if self.stage is Stage.PROPOSED:
            self.up.send_again()
            return
        power_w = self.up.first_w()
        self.offer_up(power_w, power_w, now, m.Basis.RELAXED, resources)

    def on_award(self, award: m.Award, now: datetime) -> None:
        """The parent's award. Raises RefusedMessage."""
        assert self.up is not None
        match self.up.on_award(award, self.stage, self.outcome, self.deal_w, self.role.backs, now):
            case Bought(power_w) if self.deal_w is None:
                self._end_asking()
                self.stand_by(power_w)
                self.role.bought(power_w, now)
                if any(shortfall(power_w, self.standing_w())):
                    self.repair("lost before the award", WithdrawalCause.LOST, now)
            case Bought(power_w):
                self._changed(power_w, now)
            case EndedAbove(outcome, reason) if self.stage is not Stage.CLOSED:
                self.close(outcome, now, release=outcome, reason=reason)

    def _end_asking(self) -> None:
        """What was firm before was bought: nobody is waited for any more."""
        if self.stage in ASKING:
            self.children.waiting.clear()
            self.timers.drop(Timer.AGAIN)

    def stand_by(self, deal_w: Plan) -> None:
        """A deal stands, W: wait for its first slot."""
        self.deal_w = deal_w
        self.delivery.watch.clear()
        self.go(Stage.STANDBY)
        self.timers.set(Timer.START, self.subject.period.start)

    def _changed(self, deal_w: Plan, now: datetime) -> None:
        """The parent changed a standing award: less is given back, more is looked for."""
        before_w, self.deal_w = self.deal_w, deal_w
        assert before_w is not None
        if any(shortfall(deal_w, before_w)):
            self.repair("the parent raised the award", WithdrawalCause.RAISED, now)
        else:
            self.mending.reduce(deal_w, now)
            self.role.mended(now)

    # -- what the children keep of their awards

    def on_confirm(self, name: str, message: m.Confirm, now: datetime) -> None:
        """A child's confirm. Raises RefusedMessage."""
        bound = self.awards.confirm(name, message, now)
        if bound is None:
            return
        if bound.refused:
            self.repair(bound.refused, WithdrawalCause.REFUSED, now)
        else:
            self.role.bound(self.children.by_name[name], now)
        self.awards.end_chase()

    def on_withdraw(self, name: str, message: m.Withdraw, now: datetime) -> None:
        """A child can give less than its award: the rest is replaced or stated. Raises RefusedMessage."""
        self.repair(*self.awards.withdraw(name, message, now), now)

    def give(self, parts: Iterable[tuple[Child, ChildAnswer, Plan]], now: datetime) -> None:
        """Award each child so much of its answer, W."""
        self.awards.give(parts, now)

    def standing_w(self) -> Plan:
        """What stands with the children, and own power, W."""
        return self.mending.standing_w()

    def repair(self, text: str, cause: WithdrawalCause, now: datetime) -> None:
        """Replace what was lost in the slots that are not over; state what cannot be replaced (above in a word), but for
        what an aggregator may still give that tells nothing at present."""
        if self.deal_w is None or self.stage is Stage.CLOSED:
            return
        missing = self.subject.to_come(shortfall(self.deal_w, self.standing_w()), now)
        missing = self.mending.replace(missing, text, now)
        missing = shortfall(missing, self.delivery.watch.unheard_w())
        if any(missing):
            self.out.tell("shortfall_stated", shortfall_w=missing, cause=text)
            self.deal_w = shortfall(self.deal_w, missing)
            if self.up is not None:
                self.up.withdraw(missing, self.deal_w, cause, now)
        self.role.mended(now)

    # -- delivery

    @property
    def settling(self) -> bool:
        """The event ended while nobody was there: reports may still complete it."""
        return self.outcome == UNKNOWN

    def _start_delivering(self) -> None:
        self.go(Stage.DELIVERING)
        if self.up is not None:
            self.out.tell("delivering", power_w=self.deal_w)
        self.delivery.start()

    def on_report(self, name: str, message: m.Report, now: datetime) -> None:
        """Meter values of a child. Raises RefusedMessage."""
        child = self.awards.reports(name)
        assert child.award is not None
        if child.award.outcome is not m.Outcome.CONCLUDED and not self._metered_still(child, message, now):
            return
        for reading in message.readings:
            check_slot(reading, self.subject.slots)
        if not self.delivery.watch.is_der(name) and (sources := told(message.extensions)):
            self.delivery.told_by[name] = sources
        if message.slot is not None:
            self.dispatches.answered(name, message.slot)
        for reading in message.readings:
            self.dispatches.answered(name, reading.slot)
            self.metered(child.name, reading, message.revision, now)

    def _metered_still(self, child: Child, message: m.Report, now: datetime) -> bool:
        """Whether the meter of a child with no award is of the settlement: of one that has taken its award back, or was
        told that it is cancelled. Who may not know is told again."""
        assert child.award is not None
        cancelled = child.award.outcome is m.Outcome.CANCELLED
        if not cancelled or child.name in self.awards.unconfirmed:
            self.awards.send_again(child, now)
        return cancelled and message.request_id == child.award.request_id

    def metered(self, name: str, reading: m.Reading, revision: int, now: datetime) -> None:
        """A meter value of a child or an own device; every slot that is complete by it is summed up."""
        open_still = self.delivery.take(name, reading, revision, now)
        while open_still and self._delivers() and self.delivery.complete(self.own.resource_ids, now):
            self._summed(self.delivery.sum_up(self.deal_w, self.settling), now)

    def _delivers(self) -> bool:
        stopped = self.stage is Stage.CLOSED and self.delivery.stopped_at is not None
        return self.stage is Stage.DELIVERING or self.settling or stopped

    def _ask_reports(self, now: datetime) -> None:
        """Meter values of the slot are missing: its dispatch is said again to those who owe them."""
        asked = self.delivery.ask_again(now)
        for child, awarded_w in asked:
            self.dispatches.again(child, awarded_w, self.delivery.slot, now)
        if asked:
            self.out.tell("reports_asked", "meter", slot=self.delivery.slot, asked=len(asked))

    def _chase_dispatches(self, now: datetime) -> None:
        """Who does not answer its dispatch is not counted on, and replaced."""
        given_up = self.dispatches.chase(now)
        for name, slot in given_up:
            self.delivery.watch.unanswered(name, slot)
        if given_up:
            self.repair("unanswered dispatch", WithdrawalCause.UNANSWERED, now)

    def dispatch_refused(self, name: str, slot: int, reason: str, now: datetime) -> None:
        """A child has refused the dispatch of a slot: it is not counted on, and replaced at once."""
        if slot >= self.subject.slots or now >= self.subject.period.slot_start(slot + 1):
            return
        self.dispatches.answered(name, slot)
        if self.delivery.watch.refused(name, slot, reason):
            self.repair("refused dispatch", WithdrawalCause.DEVICE, now)

    def _summed(self, slot: SlotSum, now: datetime) -> None:
        if self.up is not None:
            self.up.report(slot.reading, now, self._sources(slot.reading.slot))
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
            self.mending.lower(self.deal_w, now)
            self.role.mended(now)

    def _correct(self, now: datetime) -> None:
        """Slots whose meter values came late are told again, as corrected."""
        newest = self.delivery.slot - 1 in self.delivery.corrected
        sums = self.delivery.correct(self.deal_w)
        for reading in sums if self.up is not None else ():
            assert self.up is not None
            self.up.report_again(reading, now, self._sources(reading.slot))
        if newest and self.delivery.judge_late():
            self._mend(now)
        if sums and self.stage is Stage.CLOSED and self.delivery.slot > self.delivery.last_slot:
            self.role.finished(self.delivery.delivered_wh, now)

    def on_dispatch(self, dispatch: m.Dispatch, now: datetime) -> None:
        """A parent that misses the report of a slot says its dispatch again: it is answered with the newest one."""
        assert self.up is not None
        known = self.delivery.summed(dispatch.slot)
        if known is not None and dispatch.request_id == self.up.request.request_id:
            self.up.report_again(known, now, self._sources(dispatch.slot))

    def by_source(self) -> dict[str, SourceSum]:
        """Where what was delivered is known from, by aggregator."""
        return self.delivery.by_source(self.out.name, self.own.resource_ids)

    def _sources(self, slot: int) -> dict[str, Any]:
        """With the last sum it is told where all of them are known from, where that is wanted here or was told below."""
        wanted = self.tells_sources or self.delivery.told_by
        return extension(self.by_source()) if wanted and slot == self.delivery.last_slot else {}

    def note_delivered(self, delivered_wh: int) -> None:
        """Note what was delivered in all beside what was awarded, Wh."""
        assert self.deal_w is not None
        awarded_wh = self.delivery.awarded_wh(self.deal_w)
        changed_wh = self.delivery.change_wh
        other = {} if changed_wh == delivered_wh else {"change_wh": changed_wh}
        self.out.tell("delivered", "meter", delivered_wh=delivered_wh, awarded_wh=awarded_wh, **other)

    # -- the end

    def close(self, outcome: str, now: datetime, release: m.Outcome | None = None, reason: str = "") -> None:
        """End with an outcome; `release` is what those hear who are still owed an answer or were awarded. Of an event
        that is cancelled while it is delivered the rest of the meter values is waited for."""
        stops = self.stage is Stage.DELIVERING and release is m.Outcome.CANCELLED
        self.outcome = outcome
        self.role.stop(now)
        if release is not None:
            self.awards.release_all(release, reason or outcome, now)
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
        return {
            "event_id": self.subject.event_id,
            "stage": self.stage,
            "outcome": self.outcome,
            "direction": self.subject.direction,
            "requested_w": list(self.subject.asked_w),
            "deal_w": list(self.deal_w) if self.deal_w else None,
            "late": self.asking.late,
            **self.children.count(),
        }


def _not_asked_again(child: Child, request: m.Request) -> bool:
    """Whether a child that was promised or awarded something is not part of what is asked now."""
    return child.owed or (child.request is not None and child.request.revision != request.revision)
