"""One event at a parent: the frame that holds its parts and decides what follows from what they return.

The parts: `EventStanding` (how far it is), `Asking` (requests and answers), `Awards` (and their confirmation), `Repair` (what
is lost is replaced), `Upward` (the parent above, where there is one), `Settlement` (meter values). What utility,
coordinator and aggregator do differently is in their `EventRole`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from agents.negotiation import taking_back
from agents.negotiation.asking import Asking, Conditions, MissingOf
from agents.negotiation.awards import SUPERSEDED, Awards
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
from agents.negotiation.stage import ANSWERED, ASKING, OPTED_OUT, Stage, Timer
from agents.negotiation.standing import UNKNOWN, EventStanding
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.negotiation.upward import Bought, EndedAbove, Upward
from agents.settings.members import Members
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, add, least, shortfall

CONTRACT_ENDED = "its contract has ended"


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
                    self.up.withdraw_again(now)
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
            self._end_stage(now)

    def _end_stage(self, now: datetime) -> None:
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
            self._end_stage(now)

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
            self._end_stage(now)
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
        self.keep_what_stands(self.up.asks_the_same(request))
        self.timers.clear()
        if not later_round:
            self.role.stop(now)
        self.asking.supersede(later_round)
        if not self.up.take(request):
            self.asking.before_w = {}
        self.standing.begin_anew()
        self.role.begin(now)
        if later_round:
            return  # what was firm stays so, also with those who are not asked again
        left = [child for child in map(self.children.__getitem__, before) if _not_asked_again(child, request)]
        self.awards.release([(child, m.Outcome.CANCELLED, SUPERSEDED) for child in left], now)

    def keep_what_stands(self, same_slots: bool) -> None:
        """Until a change of the event is decided; where it is about other slots, nothing."""
        if not same_slots:
            self.kept.clear()
        elif self.deal_w is not None and self.stage is not Stage.CLOSED:
            self.kept.keep()

    def keeps_what_stood(self, now: datetime) -> bool:
        """Nothing comes of a change, as the parent says no more: what stood before goes on. Whether anything did."""
        stood_w = None if self.up is None else self.up.recall_kept()
        if stood_w is None or not any(stood_w):
            return False
        self._stands_again(stood_w, now)
        return True

    def _stands_again(self, power_w: Plan, now: datetime) -> None:
        """What stood before a change is given of what the children have answered since; of who has not answered what stood
        with it is counted on."""
        self._end_asking()
        self.out.tell("earlier_deal_stands", power_w=power_w)
        self.role.recount()
        silent = self.kept.of_silent(shortfall(power_w, self.role.available_w()))
        self.kept.of_others({child.name for child, _ in silent})
        self.stand_by(power_w, now, stood=True)
        self.role.bought(power_w, now)
        for child, part in silent:
            self.awards.restore(child, part, now)
        self.kept.clear()
        if now >= self.subject.end_at:
            self.close(UNKNOWN, now)
        else:
            self._repair_lost(power_w, now)

    def _repair_lost(self, power_w: Plan, now: datetime) -> None:
        if any(shortfall(power_w, self.mending.standing_w())):
            self.repair("lost before the award", WithdrawalCause.LOST, now)

    def on_relax(self, relax: m.Relax, now: datetime) -> None:
        """The parent asks to loosen. Raises RefusedMessage."""
        assert self.up is not None
        self.up.check_relax(relax)
        if self.stage in ANSWERED and self.up.acceptable and now <= relax.reply_by:
            self.role.relax_asked(relax, now)

    def on_award(self, award: m.Award, now: datetime) -> None:
        """The parent's award. Raises RefusedMessage."""
        assert self.up is not None
        match self.up.on_award(award, self.role.backs, now):
            case Bought(power_w) if self.deal_w is None and award.award_id == self.up.kept_id:
                self._stands_again(power_w, now)
            case Bought(power_w) if self.deal_w is None:
                self._end_asking()
                self.kept.decided()
                self.stand_by(power_w, now)
                self.role.bought(power_w, now)
                self._repair_lost(power_w, now)
            case Bought(power_w):
                self._changed(power_w, now)
            case EndedAbove(outcome, reason) if self.stage is not Stage.CLOSED:
                if self.stage is Stage.DELIVERING and self.up.has_withdrawn_all(reason):
                    return  # what it gave before is metered to the end, as at a home
                self.close(outcome, now, release=outcome, reason=reason)

    def _end_asking(self) -> None:
        """What was firm before was bought: nobody is waited for any more."""
        if self.stage in ASKING:
            self.children.waiting.clear()
            self.timers.drop(Timer.AGAIN)

    def stand_by(self, deal_w: Plan, now: datetime, *, stood: bool = False) -> None:
        """A deal stands, W: wait for its first slot. `stood`: it stood before, and all that it says is due."""
        self.standing.deal_w = deal_w
        self.delivery.due.begin(self.subject.period, min(now, self.subject.period.start) if stood else now)
        self.delivery.watch.clear()
        self.go(Stage.STANDBY)
        self.timers.set(Timer.START, self.subject.period.start)

    def _changed(self, deal_w: Plan, now: datetime) -> None:
        """The parent changed a standing award: less is given back, more is looked for."""
        before_w = self.deal_w
        assert before_w is not None
        self.change_deal(deal_w, now)
        if any(shortfall(deal_w, before_w)):
            self.repair("the parent raised the award", WithdrawalCause.RAISED, now)
        else:
            self.mending.reduce(deal_w, now)
            self.role.mended(now)

    def change_deal(self, deal_w: Plan, now: datetime) -> None:
        """Another deal stands from now on, W: what stood is due until now."""
        if self.deal_w is not None:
            self.delivery.due.change(self.deal_w, self.subject.period, now)
        self.standing.deal_w = deal_w

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
        if self.kept.less(name, message):
            return
        taken_back = self.awards.withdraw(name, message, now)
        self._note_taking_back(name, message)
        self.repair(*taken_back, now)

    def _note_taking_back(self, name: str, message: m.Withdraw) -> None:
        """A home that gives nothing any more says what its devices will take back by themselves: that is missing, too."""
        book, slots = self.asking.book, self.subject.slots
        if self.children[name].awarded_w is None and book is not None and self.delivery.watch.is_der(name):
            back_w = taking_back.told(message, slots, book[name].swing_w)
            if back_w:
                self.children.taking_back[name] = back_w
                self.out.tell("taking_back", child=name, power_w=back_w)

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


def _not_asked_again(child: Child, request: m.Request) -> bool:
    """Whether a child that was promised or awarded something is not part of what is asked now."""
    return child.owed or (child.request is not None and child.request.revision != request.revision)
