"""What one event is about at a parent at present."""

from dataclasses import dataclass
from datetime import datetime

from protocol import messages as m
from protocol.plan import Plan
from protocol.units import Direction


@dataclass(slots=True)
class Subject:
    """Direction, slots and power of an event; all parts of the event read this one object, a change replaces its
    fields."""

    event_id: str
    direction: Direction
    period: m.IntervalPeriod
    asked_w: Plan
    """The power that is asked for, W >= 0 in the event's direction."""
    revision: int
    """Of the event, as its issuer changed it."""

    @property
    def slots(self) -> int:
        """How many slots it has."""
        return len(self.asked_w)

    @property
    def nothing_w(self) -> Plan:
        """0 W in each slot."""
        return (0,) * len(self.asked_w)

    @property
    def end_at(self) -> datetime:
        """When the last slot is over."""
        return self.period.slot_start(len(self.asked_w))

    def to_come(self, plan: Plan, now: datetime) -> Plan:
        """A plan with 0 W in the slots that are over."""
        return tuple(w if self.period.slot_start(slot + 1) > now else 0 for slot, w in enumerate(plan))

    def and_past(self, plan: Plan, past: Plan, now: datetime) -> Plan:
        """A plan, with what was in the slots that are over."""
        over = (self.period.slot_start(slot + 1) <= now for slot in range(self.slots))
        return tuple(was if is_over else w for w, was, is_over in zip(plan, past, over, strict=True))
