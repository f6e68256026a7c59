"""The utility (power company E1): asks for a change of load, judges the answer, awards, sees what was delivered.

issued (collecting) -> judging -> awarded (standby) -> delivering -> settled (closed)
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.negotiation.asking import Stage
from agents.negotiation.child import Answer, Child
from agents.negotiation.delivery import Delivery
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.parent import ParentParty
from agents.settings.parties import UtilitySettings
from protocol import messages as m
from protocol.actor import Cancel, Issue
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, energy_wh, least, share_pct, shortfall, total
from protocol.units import step_instant

TRANSITIONS: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.COLLECTING: (Stage.JUDGING, Stage.CLOSED),
    Stage.JUDGING: (Stage.STANDBY, Stage.CLOSED, Stage.COLLECTING),
    Stage.STANDBY: (Stage.DELIVERING, Stage.COLLECTING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: the operator changed the event."""

DECIDE_PCT = 20
"""The utility decides within a fifth of the time between the coordinator's reply_by and the first slot."""


class UtilityEvent(Negotiation):
    """One event at the utility."""

    transitions = TRANSITIONS

    def __init__(self, party: "Utility", issue: Issue, revision: int) -> None:
        super().__init__(party, issue.event_id, party.settings.children, {})
        self.settings = party.settings
        self.delivery = Delivery(self, timedelta(seconds=party.settings.report_grace_s))
        self.on_timer |= {"report": self.delivery.due, "start": self._start_delivering}
        self.meters: dict[str, dict[int, int]] = {}
        """Delivered Wh per meter and slot, as the smart meters themselves say."""
        self._set(issue, revision)

    def _set(self, issue: Issue, revision: int) -> None:
        self.issue, self.revision = issue, revision
        self.direction, self.asked_w = issue.direction, issue.power_w
        self.period = m.IntervalPeriod(start=issue.start, duration=timedelta(seconds=issue.slot_s))

    def begin(self, now: datetime) -> None:
        """Ask every coordinator for the whole; the first ones' answers are taken first."""
        start = self.period.start
        reply_by = step_instant(now, start, self.settings.reply_pct)
        decide_by = step_instant(reply_by, start, DECIDE_PCT)
        self.children.waiting.clear()
        terms = m.Terms(least_share_pct=self.settings.accept_share_pct, mandate=self.settings.mandate)
        asked = dict.fromkeys(self.children.by_name, self.asked_w)
        self.ask(asked, reply_by, decide_by, terms, self.issue.program_id, now)
        self.tell(
            "event_issued",
            direction=self.direction,
            requested_w=self.asked_w,
            start=start,
            reply_by=reply_by,
            revision=self.revision,
        )
        self.go(Stage.COLLECTING, reply_by)

    def change(self, issue: Issue, now: datetime) -> None:
        """The operator changed the event: a higher revision supersedes whatever stood."""
        self.timers.clear()
        self._set(issue, self.revision + 1)
        self.deal_w, self.outcome = None, None
        self.go(Stage.COLLECTING)
        self.begin(now)

    def stage_over(self, now: datetime) -> None:
        """Judge: a share of the request in every slot is bought, less is declined; under a mandate all is bought."""
        self.children.waiting.clear()
        self.go(Stage.JUDGING)
        answers = self.children.answered()
        offered = total([answer.power_w for _, answer in answers], len(self.asked_w))
        met = least(offered, self.asked_w)
        share = share_pct(met, self.asked_w)
        bought = any(met) and (self.settings.mandate or share >= self.settings.accept_share_pct)
        self.tell(
            "answer_judged",
            requested_w=self.asked_w,
            offered_w=offered,
            share_pct=share,
            least_pct=self.settings.accept_share_pct,
            bought=bought,
        )
        if not bought:
            self.close("no_deal", now, release=m.Outcome.NO_DEAL, reason=f"{share} % of the request in the worst slot")
            return
        self.go(Stage.STANDBY)
        self.timers["start"] = self.period.start
        self._award_all(answers, now)

    def _award_all(self, answers: list[tuple[Child, Answer]], now: datetime) -> None:
        left = self.asked_w
        shares = []
        for child, answer in answers:
            part = least(answer.power_w, left)
            left = shortfall(left, part)
            if any(part):
                shares.append((child, answer, part))
        self.deal_w = total([part for _, _, part in shares], len(self.asked_w))
        self.give(shares, now)
        self.release_rest(m.Outcome.NOT_NEEDED, "covered by others", now)
        self.tell("event_awarded", power_w=self.deal_w, requested_w=self.asked_w)

    def state_shortfall(self, missing_w: Plan, cause: str, now: datetime) -> None:
        """At the top a shortfall is only told: there is nobody above to ask."""

    def resumed(self, now: datetime) -> None:
        super().resumed(now)
        self.delivery.resumed(now)

    def _start_delivering(self, now: datetime) -> None:
        self.go(Stage.DELIVERING)
        self.delivery.start()

    def on_meter(self, edge: Edge, message: m.Report, now: datetime) -> None:
        """A smart meter's own value (meter 13): kept beside what the coordinators report, never added to it."""
        slots = self.meters.setdefault(edge.child, {})
        for reading in message.readings:
            slots[reading.slot] = self.direction.sign * (reading.energy_wh - reading.baseline_wh)

    @property
    def meter_wh(self) -> int:
        return sum(sum(slots.values()) for slots in self.meters.values())

    def metered(self, reading: m.Reading, now: datetime) -> None:
        pass

    def finished(self, delivered_wh: int, now: datetime) -> None:
        assert self.deal_w is not None
        self.tell(
            "settled",
            "meter",
            delivered_wh=delivered_wh,
            awarded_wh=energy_wh(self.deal_w, self.period.duration),
            requested_wh=energy_wh(self.asked_w, self.period.duration),
            metered_directly_wh=self.meter_wh,
            meters=len(self.meters),
        )
        self.close("concluded", now)

    def status(self) -> dict[str, object]:
        return {**super().status(), "delivered_wh": self.delivery.delivered_wh, "meter_wh": self.meter_wh}


class Utility(ParentParty):
    """The actor: its coordinators, its meters, its events; operators order it with `Issue` and `Cancel`."""

    def __init__(self, settings: UtilitySettings) -> None:
        self.settings = settings
        children = dict.fromkeys((*settings.children, *settings.meters))
        super().__init__(settings.name, (), children)
        self.planned = sorted(settings.events, key=lambda event: (event.issue_at, event.event_id))
        self._handlers[m.Report] = self._on_report

    def _next_due(self) -> datetime | None:
        mine = self.planned[0].issue_at if self.planned else None
        theirs = super()._next_due()
        return min((at for at in (mine, theirs) if at is not None), default=None)

    def _due(self, now: datetime) -> None:
        while self.planned and self.planned[0].issue_at <= now:
            event = self.planned.pop(0)
            issue = Issue(event.event_id, event.program_id, event.direction, event.start, event.power_w, event.slot_s)
            self._ordered(issue, now)
        super()._due(now)

    def _ordered(self, item: Issue | Cancel, now: datetime) -> None:
        known = self.events.get(item.event_id)
        if isinstance(item, Cancel):
            if known is None or known.stage is Stage.CLOSED:
                self._tell("order_refused", item.event_id, data={"reason": "no open event of that id"})
            elif now >= known.end_at:
                self._tell("order_refused", item.event_id, data={"reason": "the last slot is over"})
            else:
                known.close("cancelled", now, release=m.Outcome.CANCELLED, reason=item.reason)
            return
        if item.start <= now or not any(item.power_w):
            reason = "the first slot has begun" if item.start <= now else "no power is asked"
            self._tell("order_refused", item.event_id, data={"reason": reason})
        elif isinstance(known, UtilityEvent):
            known.change(item, now)
        else:
            event = self.events[item.event_id] = UtilityEvent(self, item, 1)
            event.begin(now)
            self._make_room()

    def _on_report(self, edge: Edge, report: m.Report, now: datetime) -> None:
        event = self.events.get(report.event_id)
        if not isinstance(event, UtilityEvent):
            raise RefusedMessage(RejectReason.UNKNOWN_EVENT, f"{self.name} knows no event {report.event_id}")
        if edge.child in event.children.by_name:
            event.delivery.on_report(edge, report, now)
        else:
            event.on_meter(edge, report, now)
