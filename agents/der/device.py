"""What a device can give, and the contract that every kind of device keeps.

A device has an own schedule: the signed power (W, + = import) that it would follow without any event. What it offers
is a change of load against that schedule, a magnitude in the event's direction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from protocol.actor import Measured
from protocol.messages import IntervalPeriod, ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of one device. All plans have one entry a slot of `period`."""

    direction: Direction
    period: IntervalPeriod
    power_w: Plan
    """W >= 0 in the event's direction; the offer never exceeds it."""
    committed_w: SignedPlan
    """Signed change of load, W, already on offer or promised to other events; it is part of the schedule now."""
    relaxed: tuple[Restriction, ...] = ()
    """S52: what is asked to be loosened. The device loosens only what its owner agreed to in advance."""


@dataclass(frozen=True, slots=True)
class Flexibility:
    """One joint profile that the device can keep, and why it is not more (S50, S52)."""

    power_w: Plan
    """W, at most what was asked."""
    available_w: Plan
    """W, one joint profile that it could give at most, were it asked for any amount; at least power_w a slot."""
    binding: tuple[Restriction | None, ...]
    """Per slot: what keeps it from giving what was asked; None where the request is met."""


class Device(Protocol):
    """One battery, vehicle, inverter or flexible load. Pure: computes, holds its last reading, does no I/O."""

    @property
    def resource_id(self) -> str: ...

    @property
    def kind(self) -> ResourceKind: ...

    @property
    def relaxable(self) -> tuple[Restriction, ...]:
        """What its owner has agreed in advance to loosen."""
        ...

    def flexibility(self, ask: Ask) -> Flexibility:
        """S50, or S52 when `ask.relaxed` names something."""
        ...

    def schedule_w(self, period: IntervalPeriod, slots: int) -> SignedPlan:
        """The own schedule in those slots, signed W, without any event."""
        ...

    def observe(self, reading: Measured) -> None:
        """Take the newest state."""
        ...


class Driver(Protocol):
    """The border to the physical (or simulated) device: follows set-points and measures."""

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        """Signed W, + = import, from `at` until `until`; None returns to the own schedule."""
        ...

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        """State at `until`, energy and baseline of the span, signed Wh. `event_id` and `slot` are left None."""
        ...
