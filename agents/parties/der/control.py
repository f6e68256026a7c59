"""What a DER does when the deal stands: follow dispatches that run out, meter every slot, report, withdraw, let go."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from agents.devices.catalogue import build_home_devices
from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.afterwards import Afterwards
from agents.parties.der.event import DerEvent, DerStage, DerTimer
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.parties.der.meter import HomeMeter
from agents.parties.der.mishaps import is_under_way, mishap
from agents.parties.der.second_look import SecondLook
from agents.parties.der.telemetry import Telemetry, is_so_far
from agents.parties.der.withdrawals import Withdrawals
from agents.parties.der.without_event import WithoutEvent
from agents.settings.daemon import Role
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Limited, Measured, Planned
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason


class Controlled(Party):
    """A home with its devices and events; `Der` adds the negotiation."""

    role = Role.DER
    MAX_EVENTS = 64
    MOST_OPEN = 256
    """Events that are not over: more are refused."""

    def __init__(self, settings: DerSettings, home: Home | None = None) -> None:
        """`home`: that of the settings, where it computes in another way."""
        super().__init__(settings.name, (settings.parent,), {})
        self.settings = settings
        """Of today."""
        self.owners: dict[str, Any] = {}
        """What the owner has agreed to otherwise since."""
        self.home = home or Home(build_home_devices(settings), settings.relax_others, settings.connection)
        self.ledger = Ledger()
        self.meter = HomeMeter(self, self.home, settings.meter_to)
        self.withdrawals = Withdrawals(self)
        self.second_look = SecondLook(self.withdrawals)
        self.afterwards = Afterwards(self, self.home)
        self.telemetry = Telemetry(self, self.home)
        self.events: dict[str, DerEvent] = {}
        self.outage = False
        """Whether the home runs without the grid."""
        self._handlers |= {m.Dispatch: self._on_dispatch}
        self._takers |= {Measured: self._measured, Planned: self._planned, Limited: self._limited}
        self._timers: dict[DerTimer, Callable[[DerEvent, datetime], None]] = {
            DerTimer.SLOT: self.meter.slot_over,
            DerTimer.WITHDRAW: self.withdrawals.say_again,
            DerTimer.REBOUND: self._rebound_over,
            DerTimer.TELEMETRY: self.telemetry.due,
        }
        """What each timer calls."""

    # -- time

    def _next_due(self) -> datetime | None:
        return min((at for event in self.events.values() for at in event.timers.values()), default=None)

    def _due(self, now: datetime) -> None:
        for event in list(self.events.values()):
            for name, at in list(event.timers.items()):
                if at <= now and event.timers.get(name) == at:
                    del event.timers[name]
                    self._timers[name](event, now)

    def at_rest(self, now: datetime) -> bool:
        return not self.outage and all(event.is_over(now) for event in self.events.values())

    def _event(self, message: m.EventMessage) -> DerEvent:
        event = self.events.get(message.event_id)
        if event is None:
            raise RefusedMessage(RejectReason.UNKNOWN_EVENT, f"{self.name} knows no event {message.event_id}")
        awarded = event.award is not None and message.request_id == event.award.request_id
        if message.request_id != event.request.request_id and not awarded:
            text = f"{message.request_id} is superseded by {event.request.request_id}"
            raise RefusedMessage(RejectReason.STALE, text)
        return event

    # -- control (claim 1) and metering

    def _belongs(self, edge: Edge, message: m.EventMessage) -> None:
        if isinstance(message, m.Dispatch) and edge.child == self.name and edge.parent in self.settings.meter_to:
            return  # it asks for a meter value
        super()._belongs(edge, message)

    def _on_dispatch(self, edge: Edge, dispatch: m.Dispatch, now: datetime) -> None:
        event = self._event(dispatch)
        award = event.award
        if self.meter.again(edge, event, dispatch.slot, now):
            return
        if edge != event.edge:
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"slot {dispatch.slot} is not metered yet")
        if (
            award is None
            or award.award_id != dispatch.award_id
            or event.stage not in (DerStage.AWARDED, DerStage.ACTIVE)
        ):
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award {dispatch.award_id} stands")
        sign = event.request.direction.sign
        if dispatch.slot >= event.slots:
            raise RefusedMessage(RejectReason.WRONG_SLOTS, f"slot {dispatch.slot} of {event.slots}")
        if not 0 <= sign * dispatch.power_w <= award.power_w[dispatch.slot]:
            raise RefusedMessage(RejectReason.ABOVE_REQUEST, "the dispatch is above the award")
        if event.slot_start(dispatch.slot + 1) <= now:
            raise RefusedMessage(RejectReason.EXPIRED, f"slot {dispatch.slot} is over")
        assert event.accepted is not None
        if event.stage is DerStage.AWARDED:
            self.afterwards.look_ahead(event, self.settings.rebound_s)
        self.second_look.when_dispatched(event, now)
        event.go(DerStage.ACTIVE)
        if dispatch.power_w and self.settings.release_s:
            self.afterwards.let_go(self.events.values(), max(now, event.slot_start(dispatch.slot)))
        for setpoint in event.accepted.follow(dispatch.slot, abs(dispatch.power_w), now):
            self.effect(self.home.runnable(setpoint))
        data = {"slot": dispatch.slot, "power_w": dispatch.power_w}
        self.tell("controlling", event.request.event_id, "control", data)
        self.meter.has_dispatch(event, dispatch, now)
        self.telemetry.asked(event, dispatch, now)

    def _planned(self, item: Planned, now: datetime) -> None:
        self.home.plan(item)

    def _limited(self, item: Limited, now: datetime) -> None:
        """Answers from now on go by them; what was offered or agreed stands."""
        if self.home.limit(item.resource_id, item.limits):
            self.tell("limits_changed", data={"resource_id": item.resource_id, "changed": list(item.limits)})

    def _measured(self, item: Measured, now: datetime) -> None:
        self.meter.find_schedules(item, self.events.values())
        self.home.observe(item)
        self._mind_mishap(item, now)
        event = self.events.get(item.event_id or "")
        if event is None or event.accepted is None or item.slot is None or item.energy_wh is None:
            return  # of a deal that does not stand any more
        if is_so_far(event, item):
            self.telemetry.take(event, item, now)
        elif item.slot >= event.slots:
            self.afterwards.take(event, item, self.settings.rebound_s, now)
        elif self.meter.take(event, item, item.slot, now):
            if event.stage is not DerStage.CLOSED:
                self._close(event, "completed", now)
                self.afterwards.hold_on(event, self.settings.release_s, now)
            self.afterwards.await_rebound(event, self.settings.rebound_s)

    def _rebound_over(self, event: DerEvent, now: datetime) -> None:
        self.afterwards.measure(event, self.settings.rebound_s)

    def _mind_mishap(self, item: Measured, now: datetime) -> None:
        """A device that fails in mid-event is a withdrawal by itself; what it could not measure ends the event all the
        same."""
        if cause := mishap(item):
            for event_id in [key for key, one in self.events.items() if is_under_way(one, item.resource_id, now)]:
                self.withdraw(event_id, cause, now)
        event = self.events.get(item.event_id or "")
        if event is None or event.accepted is None or item.slot is None or item.energy_wh is not None:
            return
        if is_so_far(event, item):
            return  # nothing is told of it
        self.effect(messages.not_metered(event.request.event_id, item.slot, item.resource_id))
        if item.slot + 1 == event.slots and event.stage in (DerStage.AWARDED, DerStage.ACTIVE):
            self._close(event, "completed", now)

    # -- the end

    def withdraw(self, event_id: str, cause: str, now: datetime) -> None:
        """The resident's override or a fault: nothing more of this event from now on (only the child withdraws)."""
        event = self.events[event_id]
        award = event.award
        if award is None or event.stage not in (DerStage.AWARDED, DerStage.ACTIVE):
            return
        from_slot = min(event.slot_at(now), event.slots - 1)
        back_w = () if event.accepted is None or self.outage else WithoutEvent(event.accepted).takes_back_w(now)
        self._release(event, now)
        self._close(event, "withdrawn", now)
        event.meter_on()
        withdrawal = messages.withdrawal(self.name, award, from_slot, cause, now, takes_back_w=back_w)
        self.withdrawals.say(event, withdrawal, now)

    def _recall(self, said: m.EventMessage) -> None:
        event = self.events.get(said.event_id)
        known = None if event is None else event.withdrawal
        if (
            event is not None
            and known is not None
            and isinstance(said, m.Withdraw)
            and known.message_id == said.message_id
        ):
            event.withdrawal = said

    def _release(self, event: DerEvent, now: datetime) -> None:
        """Free what is held; devices under control return to their own schedule, or to what other events hold."""
        for setpoint in self.ledger.free(event.request.event_id, now):
            self.effect(self.home.runnable(setpoint))

    def _close(self, event: DerEvent, outcome: str, now: datetime) -> None:
        event.timers.clear()
        self.ledger.free(event.request.event_id, now)
        if event.stage is not DerStage.CLOSED:
            event.go(DerStage.CLOSED)
        event.outcome = outcome
        self.effect(messages.closed(event.request.event_id, outcome))
        self.second_look.without(event, self.events, now)

    def _make_room(self, now: datetime) -> None:
        closed = [key for key, event in self.events.items() if event.stage is DerStage.CLOSED or event.is_over(now)]
        for event_id in closed[: max(0, len(self.events) - self.MAX_EVENTS)]:
            del self.events[event_id]
            self._forget(event_id)

    def status(self) -> Mapping[str, object]:
        return {
            "name": self.name,
            "role": self.role.value,
            "counts": dict(self.counts),
            "limits": {name: dict(limits) for name, limits in self.home.limits.items()},
            "events": [
                {
                    "event_id": event.request.event_id,
                    "stage": event.stage,
                    "outcome": event.outcome,
                    "reply_by": event.request.reply_by,
                    "decides_until": event.decides_until,
                    "requested_w": list(event.request.power_w),
                    "awarded_w": list(event.award.power_w) if event.award is not None else None,
                }
                for event in self.events.values()
            ],
        }
