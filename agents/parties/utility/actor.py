"""The utility (power company E1): asks for a change of load, judges the answer, awards, sees what was delivered.

issued (collecting) -> judging -> awarded (standby) -> delivering -> settled (closed)
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from agents.negotiation.children import Children
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.out import Out
from agents.negotiation.parent import ParentParty
from agents.negotiation.plans.usable import worth_of
from agents.negotiation.policies import Policies, PoliciesInForce
from agents.negotiation.stage import Stage, Transitions
from agents.negotiation.standing import EventStanding
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.parties.utility.role import UtilityRole, period_of
from agents.settings.at_once import with_utility_settings
from agents.settings.daemon import Role
from agents.settings.parties import EventSettings, PartySettings, UtilitySettings
from protocol import messages as m
from protocol.actor import Cancel, Issue, Reconfigured
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason

TRANSITIONS: Transitions = {
    Stage.COLLECTING: (Stage.JUDGING, Stage.STANDBY, Stage.CLOSED),
    Stage.JUDGING: (Stage.STANDBY, Stage.CLOSED, Stage.COLLECTING),
    Stage.STANDBY: (Stage.DELIVERING, Stage.COLLECTING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: the operator changed the event. From collecting to standby: what stood
before a change stands again."""


class Utility(ParentParty):
    """The actor: its coordinators, its meters, its events; operators order it with `Issue` and `Cancel`."""

    role = Role.UTILITY

    def __init__(
        self,
        settings: UtilitySettings,
        policies: Policies | None = None,
        choose: Callable[[PartySettings], Policies] | None = None,
    ) -> None:
        """`choose` finds the policies of settings that name others later."""
        self.first_settings = self.settings = settings
        """Of its journal; of today."""
        self.other_settings: dict[str, Any] = {}
        """What of them is others today."""
        self.began_with: dict[str, dict[str, Any]] = {}
        """By event, the same when it began."""
        self.policies = PoliciesInForce(settings, policies, choose)
        super().__init__(settings.name, (), _below(settings))
        self._takers |= {Issue: self._ordered, Cancel: self._ordered, Reconfigured: self._reconfigured}
        self.planned = _in_order(settings.events)

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
        elif item.event_id in self.events and _role(self.events[item.event_id]).may_reduce(item, now):
            _role(self.events[item.event_id]).change(item, now)
        elif item.start <= now or not any(item.power_w):
            reason = "the first slot has begun" if item.start <= now else "no power is asked"
            self.tell("order_refused", item.event_id, data={"reason": reason})
        elif item.event_id in self.events:
            _role(self.events[item.event_id]).change(item, now)
        else:
            self.began_with[item.event_id] = {key: one for key, one in self.other_settings.items() if key != "events"}
            event = self.events[item.event_id] = self.issued(item, self.settings)
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

    def _reconfigured(self, item: Reconfigured, now: datetime) -> None:
        """Other settings hold for the events that are issued from now on."""
        self.change(item.settings or {})
        self.tell("settings_changed", data={"changed": list(item.settings or ())})

    def change(self, settings: Mapping[str, object]) -> None:
        """Let these settings hold from now on. Of the events that they plan those are left out that were issued, or
        cancelled, before."""
        waiting = {event.event_id for event in self.planned}
        over = {event.event_id for event in self.settings.events if event.event_id not in waiting}
        self.other_settings |= settings
        self.settings = with_utility_settings(self.settings, dict(settings))
        self._children = _below(self.settings)
        if "events" in settings:
            self.planned = [one for one in _in_order(self.settings.events) if one.event_id not in over]

    def _forget(self, event_id: str) -> None:
        super()._forget(event_id)
        self.began_with.pop(event_id, None)

    def issued(self, issue: Issue, settings: UtilitySettings) -> Negotiation:
        """A new event that an operator issues, by these settings."""
        subject = Subject(issue.event_id, issue.direction, period_of(issue), issue.power_w, 1)
        out, timers = Out(self, issue.event_id), Timers()
        return Negotiation(
            out,
            subject,
            timers,
            Children(settings.children, {}, by=worth_of(settings.can_use)),
            EventStanding(out, timers, TRANSITIONS),
            settings.report_grace_s,
            partial(UtilityRole, settings, self.policies.of(settings), issue.program_id),
        )

    def _on_report(self, edge: Edge, report: m.Report, now: datetime) -> None:
        event = self.events.get(report.event_id)
        if event is None:
            raise RefusedMessage(RejectReason.UNKNOWN_EVENT, f"{self.name} knows no event {report.event_id}")
        if edge.child in event.children.by_name:
            event.on_report(edge.child, report, now)
        else:
            _role(event).on_meter(edge.child, report, now)


def _below(settings: UtilitySettings) -> dict[str, None]:
    """Who is below it: those that it asks, and meters."""
    return dict.fromkeys((*settings.children, *settings.meters))


def _in_order(events: Iterable[EventSettings]) -> list[EventSettings]:
    """By when they are issued."""
    return sorted(events, key=lambda event: (event.issue_at, event.event_id))


def _role(event: Negotiation) -> UtilityRole:
    assert isinstance(event.role, UtilityRole)
    return event.role
