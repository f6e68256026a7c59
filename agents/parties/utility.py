"""The utility (power company E1): asks for a change of load, judges the answer, awards, sees what was delivered.

issued (collecting) -> judging -> awarded (standby) -> delivering -> settled (closed)
"""

from datetime import datetime, timedelta
from functools import partial

from agents.negotiation.asking import Conditions
from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.children import Children
from agents.negotiation.delivery import check_slot
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.out import Out
from agents.negotiation.parent import ParentParty
from agents.negotiation.plans.acceptance import Judged
from agents.negotiation.plans.usable import bought_of, judged_by, left_of, worth_of
from agents.negotiation.policies import Policies
from agents.negotiation.stage import Stage, Timer, Transitions
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.settings.daemon import Role
from agents.settings.parties import UtilitySettings
from protocol import messages as m
from protocol.actor import Cancel, Issue
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, covers, energy_wh, least, share_pct, shortfall, total, zero
from protocol.rules import delivered_wh
from protocol.units import step_instant

TRANSITIONS: Transitions = {
    Stage.COLLECTING: (Stage.JUDGING, Stage.CLOSED),
    Stage.JUDGING: (Stage.STANDBY, Stage.CLOSED, Stage.COLLECTING),
    Stage.STANDBY: (Stage.DELIVERING, Stage.COLLECTING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: the operator changed the event."""

DECIDE_PCT = 20
"""The utility decides within a fifth of the time between the coordinator's reply_by and the first slot."""


MOST_ASKED = 4
"""Of a meter so many missing values are asked for at once, the newest of them."""

OWN = "/"
"""Between a party and its resource, in the name of a meter that is no home's."""


class UtilityRole:
    """What the utility decides in one event."""

    def __init__(self, settings: UtilitySettings, policies: Policies, program_id: str, event: Negotiation) -> None:
        self.settings = settings
        self.policies = policies
        self.program_id = program_id
        self.event = event
        self.meters: dict[str, dict[int, int]] = {}
        """Delivered Wh per meter and slot, as the smart meters themselves say."""
        self.meter_requests: dict[str, tuple[str, int]] = {}
        """The request and its round that a home's meter reports about: of those that can be asked."""

    def begin(self, now: datetime) -> None:
        """Ask every coordinator for the whole; the first ones' answers are taken first."""
        event, subject = self.event, self.event.subject
        start = subject.period.start
        reply_by = step_instant(now, start, self.settings.reply_pct)
        decide_by = step_instant(reply_by, start, DECIDE_PCT)
        event.children.waiting.clear()
        terms = m.Terms(
            least_share_pct=self.settings.accept_share_pct,
            mandate=self.settings.mandate,
            obliged=self.settings.obliged or None,
        )
        asked = dict.fromkeys(event.children.by_name, subject.asked_w)
        event.ask(asked, Conditions(self.program_id, reply_by, decide_by, terms), now)
        event.out.tell(
            "event_issued",
            direction=subject.direction,
            requested_w=subject.asked_w,
            start=start,
            reply_by=reply_by,
            revision=subject.revision,
        )
        event.go(Stage.COLLECTING, reply_by)

    def change(self, issue: Issue, now: datetime) -> None:
        """The operator changed the event: a higher revision supersedes whatever stood."""
        event = self.event
        if self._keeps_deal(issue):
            self._reduce(issue, now)
            return
        event.timers.clear()
        _set(event.subject, issue, event.subject.revision + 1)
        self.program_id = issue.program_id
        event.deal_w, event.outcome = None, None
        event.go(Stage.COLLECTING)
        self.begin(now)

    def _keeps_deal(self, issue: Issue) -> bool:
        """Whether a change asks for no more in the same slots, while a deal stands."""
        event, subject = self.event, self.event.subject
        same = (issue.direction, _period(issue), len(issue.power_w)) == (
            subject.direction,
            subject.period,
            subject.slots,
        )
        return event.stage in (Stage.STANDBY, Stage.DELIVERING) and same and covers(subject.asked_w, issue.power_w)

    def _reduce(self, issue: Issue, now: datetime) -> None:
        """A change to less is cut from what stands: nobody is asked anew."""
        event = self.event
        assert event.deal_w is not None
        _set(event.subject, issue, event.subject.revision + 1)
        event.deal_w = least(event.deal_w, issue.power_w)
        event.out.tell("event_reduced", power_w=event.deal_w, requested_w=issue.power_w)
        event.mending.reduce(event.deal_w, now)

    def answered(self, child: Child, now: datetime) -> None:
        """Nothing is decided before all have answered."""

    def taken_back(self, child: Child, now: datetime) -> None:
        """It decides as soon as all have answered: what comes then is about an award."""

    def all_in(self, now: datetime) -> None:
        """Judge: a share of the request in every slot is bought, less is declined; under a mandate all is bought, as
        it is of reserved capacity."""
        event, asked_w = self.event, self.event.subject.asked_w
        event.children.waiting.clear()
        event.go(Stage.JUDGING)
        answers = event.children.taking_part()
        offered = total([answer.power_w for _, answer in answers], len(asked_w))
        met = bought_of(self.settings.can_use, offered, asked_w)
        judged = Judged(asked_w, met, zero(len(met)), self.settings.accept_share_pct)
        judged = judged_by(self.settings.can_use, judged)
        share = share_pct(judged.offered_w, judged.asked_w)
        bought = any(met) and (
            self.settings.mandate or self.settings.obliged or self.policies.acceptance.accepts(judged)
        )
        event.out.tell(
            "answer_judged",
            requested_w=asked_w,
            offered_w=offered,
            share_pct=share,
            least_pct=self.settings.accept_share_pct,
            bought=bought,
        )
        if self.settings.obliged and any(short := shortfall(asked_w, met)):
            event.out.tell("obliged_short", requested_w=asked_w, secured_w=met, shortfall_w=short)
        if bought:
            self._award_all(answers, now)
        else:
            reason = f"{share} % of the request in the worst slot"
            event.close("no_deal", now, release=m.Outcome.NO_DEAL, reason=reason)

    def _award_all(self, answers: list[tuple[Child, ChildAnswer]], now: datetime) -> None:
        event = self.event
        left = asked_w = event.subject.asked_w
        shares: list[tuple[Child, ChildAnswer, Plan]] = []
        for child, answer in answers:
            part = bought_of(self.settings.can_use, answer.power_w, left)
            left = left_of(self.settings.can_use, left, part)
            if any(part):
                shares.append((child, answer, part))
        deal_w = total([part for _, _, part in shares], len(asked_w))
        event.stand_by(deal_w)
        event.give(shares, now)
        event.awards.release_rest(m.Outcome.NOT_NEEDED, "covered by others", now)
        event.out.tell("event_awarded", power_w=deal_w, requested_w=asked_w)

    def bought(self, power_w: Plan, now: datetime) -> None:
        """Nobody is above it who could buy."""

    def backs(self, power_w: Plan) -> bool:
        """It answers nobody."""
        return False

    def relax_asked(self, relax: m.Relax, now: datetime) -> None:
        """Nobody is above it who could ask."""

    def rang(self, timer: Timer, now: datetime) -> None:
        """It has no timers of its own."""

    def stop(self, now: datetime) -> None:
        """It has no power of its own."""

    def on_meter(self, name: str, message: m.Report, now: datetime) -> None:
        """A smart meter's own value (meter 13): stored beside what the coordinators report, never added to it. Values of
        earlier slots that did not come are asked for. Raises RefusedMessage."""
        for reading in message.readings:
            check_slot(reading, self.event.subject.slots)
        own = message.resource_id != name
        slots = self.meters.setdefault(f"{name}{OWN}{message.resource_id}" if own else name, {})
        known = dict(slots)
        for reading in message.readings:
            slots[reading.slot] = delivered_wh(self.event.subject.direction, reading.energy_wh, reading.baseline_wh)
        if self.settings.asks_meters and not own:
            self.meter_requests[name] = (message.request_id, message.round)
            newest = max(slots, default=0)
            if newest not in known:
                self._ask_meter(name, newest, now)
            if slots != known and self.event.stage is Stage.CLOSED and self.event.outcome == m.Outcome.CONCLUDED:
                self.finished(self.event.delivery.delivered_wh, now)

    def _ask_meter(self, name: str, before: int, now: datetime) -> None:
        """Ask a home for the values of slots that it has not told."""
        event, (request_id, round_) = self.event, self.meter_requests[name]
        missing = [slot for slot in range(before) if slot not in self.meters[name]]
        for slot in missing[-MOST_ASKED:]:
            award_id = f"{request_id}.{event.out.name}.{name}"
            asking = m.Dispatch(
                message_id=f"{event.out.name}.dispatch.{award_id}.{slot}.{event.out.sent('dispatch') + 1}",
                sent_at=now,
                event_id=event.subject.event_id,
                request_id=request_id,
                round=round_,
                revision=1,
                award_id=award_id,
                slot=slot,
                power_w=0,
                valid_for_s=int(event.subject.period.duration.total_seconds()),
            )
            event.out.send(Edge(event.out.name, name), asking)

    @property
    def values_missing(self) -> int | None:
        """How many values of the meters that have told anything are missing; None where it is not asked, or none is."""
        slots = range(self.event.delivery.last_slot + 1)
        told = [self.meters[name] for name in self.meter_requests]
        return sum(slot not in values for values in told for slot in slots) or None

    @property
    def storage_wh(self) -> int | None:
        """What of it the aggregators' own storage has delivered, Wh; None where no such meter has told anything."""
        own = [sum(slots.values()) for name, slots in self.meters.items() if OWN in name]
        return sum(own) if own else None

    @property
    def meter_wh(self) -> int:
        """Delivered in all, as the smart meters themselves say, Wh."""
        return sum(sum(slots.values()) for slots in self.meters.values())

    def bound(self, child: Child, now: datetime) -> None:
        """Nothing follows: it dispatches nobody."""

    def mended(self, now: datetime) -> None:
        """It has no power of its own."""

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """Settle: what was delivered beside what was awarded, Wh."""
        event, subject = self.event, self.event.subject
        assert event.deal_w is not None
        if event.stage is not Stage.CLOSED:
            last = event.delivery.last_slot
            for name in [name for name in self.meter_requests if last not in self.meters[name]]:
                self._ask_meter(name, last + 1, now)
        event.out.tell(
            "settled",
            "meter",
            delivered_wh=delivered_wh,
            awarded_wh=event.delivery.awarded_wh(event.deal_w),
            requested_wh=energy_wh(subject.asked_w, subject.period.duration),
            metered_directly_wh=self.meter_wh,
            meters=len(self.meters),
            **({} if self.storage_wh is None else {"storage_wh": self.storage_wh}),
            **({} if self.values_missing is None else {"values_missing": self.values_missing}),
            **(
                {"sources": {name: tuple(sums) for name, sums in event.by_source().items()}}
                if event.delivery.told_by
                else {}
            ),
        )

    def available_w(self) -> Plan:
        """What its children offer, W: it has no power of its own."""
        return self.event.children.offered_w or self.event.subject.nothing_w

    def status(self) -> dict[str, object]:
        """What was delivered so far, Wh."""
        return {"delivered_wh": self.event.delivery.delivered_wh, "meter_wh": self.meter_wh}


class Utility(ParentParty):
    """The actor: its coordinators, its meters, its events; operators order it with `Issue` and `Cancel`."""

    role = Role.UTILITY

    def __init__(self, settings: UtilitySettings, policies: Policies | None = None) -> None:
        self.settings = settings
        self.policies = policies or Policies.of(settings)
        children = dict.fromkeys((*settings.children, *settings.meters))
        super().__init__(settings.name, (), children)
        self.planned = sorted(settings.events, key=lambda event: (event.issue_at, event.event_id))

    def _next_due(self) -> datetime | None:
        mine = self.planned[0].issue_at if self.planned else None
        theirs = super()._next_due()
        return min((at for at in (mine, theirs) if at is not None), default=None)

    def _due(self, now: datetime) -> None:
        while self.planned and self.planned[0].issue_at <= now:
            event = self.planned.pop(0)
            if event.event_id in self.events:
                continue  # an operator has issued an event of that id: it stands
            issue = Issue(event.event_id, event.program_id, event.direction, event.start, event.power_w, event.slot_s)
            self._ordered(issue, now)
        super()._due(now)

    def _ordered(self, item: Issue | Cancel, now: datetime) -> None:
        if isinstance(item, Cancel):
            self._cancel(item, now)
        elif item.start <= now or not any(item.power_w):
            reason = "the first slot has begun" if item.start <= now else "no power is asked"
            self.tell("order_refused", item.event_id, data={"reason": reason})
        elif item.event_id in self.events:
            _role(self.events[item.event_id]).change(item, now)
        else:
            event = self.events[item.event_id] = self.issued(item)
            event.role.begin(now)
            self._make_room()

    def _cancel(self, item: Cancel, now: datetime) -> None:
        known = self.events.get(item.event_id)
        planned = [event for event in self.planned if event.event_id == item.event_id]
        if known is None and planned:
            self.planned = [event for event in self.planned if event.event_id != item.event_id]
            self.tell("planned_event_cancelled", item.event_id, data={"reason": item.reason})
        elif known is None or known.stage is Stage.CLOSED:
            self.tell("order_refused", item.event_id, data={"reason": "no open event of that id"})
        elif now >= known.subject.end_at:
            self.tell("order_refused", item.event_id, data={"reason": "the last slot is over"})
        else:
            known.close("cancelled", now, release=m.Outcome.CANCELLED, reason=item.reason)

    def issued(self, issue: Issue) -> Negotiation:
        """A new event that an operator issues."""
        subject = Subject(issue.event_id, issue.direction, _period(issue), issue.power_w, 1)
        return Negotiation(
            Out(self, issue.event_id),
            subject,
            Timers(),
            Children(self.settings.children, {}, by=worth_of(self.settings.can_use)),
            TRANSITIONS,
            self.settings.report_grace_s,
            partial(UtilityRole, self.settings, self.policies, issue.program_id),
        )

    def _on_report(self, edge: Edge, report: m.Report, now: datetime) -> None:
        event = self.events.get(report.event_id)
        if event is None:
            raise RefusedMessage(RejectReason.UNKNOWN_EVENT, f"{self.name} knows no event {report.event_id}")
        if edge.child in event.children.by_name:
            event.on_report(edge.child, report, now)
        else:
            _role(event).on_meter(edge.child, report, now)


def _role(event: Negotiation) -> UtilityRole:
    assert isinstance(event.role, UtilityRole)
    return event.role


def _period(issue: Issue) -> m.IntervalPeriod:
    return m.IntervalPeriod(start=issue.start, duration=timedelta(seconds=issue.slot_s))


def _set(subject: Subject, issue: Issue, revision: int) -> None:
    subject.direction, subject.period = issue.direction, _period(issue)
    subject.asked_w, subject.revision = issue.power_w, revision
