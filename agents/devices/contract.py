"""What a device can give, and the contract that every kind of device keeps.

A device has an own schedule: the signed power (W, + = import) that it would follow without the event. What it offers
is a change of load against that schedule, a magnitude in the event's direction. What other events hold of it is part
of the schedule.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Protocol, TypeAlias, TypeGuard, runtime_checkable

from agents.settings.devices import Spec
from protocol.actor import Measured
from protocol.messages import IntervalPeriod, ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""The least and the most of each slot, signed W."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A change of load that another event holds from start to end, signed W."""

    start: datetime
    end: datetime
    power_w: int
    own_w: int | None = None
    """The schedule without any event that the change stands on, signed W; None where nobody knows it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of one device. Plans have one entry a slot of `period`."""

    direction: Direction
    period: IntervalPeriod
    power_w: Plan
    """W >= 0 in the event's direction; the offer never exceeds it."""
    reserved: tuple[Segment, ...] = ()
    """What other events hold of this device."""
    relaxed: tuple[Restriction, ...] = ()
    """S52: what is asked to be loosened. The device loosens only what its owner agreed to in advance."""
    weights: Plan = ()
    """What a watt is worth in each slot: the profile with the greatest sum of weight x power is wanted. Without them it is
    the most even one."""

    _by_slot: list[list[Segment]] | None = field(default=None, init=False, repr=False, compare=False)
    """What other events hold, by slot: of two events of 336 slots each of them would else be looked at for each slot."""

    @property
    def slots(self) -> int:
        return len(self.power_w)

    def opposed(self, slot: int) -> bool:
        """Whether another event holds the opposite direction in a slot: nothing is offered there."""
        sign = self.direction.sign
        return any(s.power_w * sign < 0 for s in self.within(slot))

    def reserved_w(self, slot: int) -> int:
        """Signed W that other events hold over a slot (their energy in it, spread)."""
        start, end = self.period.slot_start(slot), self.period.slot_start(slot + 1)
        return round(
            sum(s.power_w * overlap_s(s, start, end) for s in self.within(slot)) / (end - start).total_seconds()
        )

    def within(self, slot: int) -> list[Segment]:
        """What other events hold in some part of a slot."""
        if not self.reserved:
            return []
        if self._by_slot is None:
            object.__setattr__(self, "_by_slot", self._sorted())
        assert self._by_slot is not None
        return self._by_slot[slot]

    def _sorted(self) -> list[list[Segment]]:
        found: list[list[Segment]] = [[] for _ in range(self.slots)]
        first_at, length = self.period.start, self.period.duration
        for segment in self.reserved:
            first, end = (segment.start - first_at) // length, -((first_at - segment.end) // length)
            for slot in range(max(0, first), min(self.slots, end)):
                found[slot].append(segment)
        return found

    def mean_w(self, slot: int, reach_w: Callable[[int], int]) -> int:
        """The mean over a slot, W, rounded down, of what a device can reach where other events hold so many signed W;
        never below 0 at any instant."""
        within = self.within(slot)
        if not within:
            return max(0, reach_w(0))
        start, end = self.period.slot_start(slot), self.period.slot_start(slot + 1)
        reached = sum(
            max(0, reach_w(sum(s.power_w for s in within if s.start <= begins < s.end))) * micros(ends - begins)
            for begins, ends in pieces(within, start, end)
        )
        return reached // micros(end - start)


def pieces(segments: Iterable[Segment], start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """A span, cut at every instant at which a segment begins or ends."""
    cuts = {at for s in segments for at in (s.start, s.end) if start < at < end}
    return pairwise((start, *sorted(cuts), end))


def micros(span: timedelta) -> int:
    """Microseconds: whole numbers, so that energies sum exactly."""
    return span // timedelta(microseconds=1)


def overlap_s(segment: Segment, start: datetime, end: datetime) -> float:
    """Seconds for which a segment lies within start and end."""
    return max(0.0, (min(segment.end, end) - max(segment.start, start)).total_seconds())


def held_wh(
    segments: Sequence[Segment], since: datetime, instants: Iterable[datetime], wh: Callable[[Segment, float], float]
) -> Iterator[list[float]]:
    """What segments come to from an instant until each of others, one after the other in their order; `wh`: of one of them in
    so many seconds. Who holds many is asked for each once, and for the rest where an instant cuts it."""
    whole = [(one, wh(one, overlap_s(one, since, one.end))) for one in segments]
    for at in instants:
        yield [
            all_wh if one.end <= at else wh(one, overlap_s(one, since, at)) for one, all_wh in whole if one.start < at
        ]


@dataclass(frozen=True, slots=True)
class Flexibility:
    """One joint profile that the device can keep, and why it is not more (S50, S52)."""

    power_w: Plan
    """W, at most what was asked."""
    available_w: Plan
    """W, one joint profile that it could give at most in the asked slots; at least power_w in each."""
    binding: tuple[Restriction | None, ...]
    """Per slot: what keeps it from giving what was asked; None where the request is met."""
    schedule_w: SignedPlan
    """The schedule that the change is measured against, signed W, what other events hold included."""


class Device(Protocol):
    """One battery, vehicle, inverter or flexible load. Pure: computes, holds its last reading, does no I/O."""

    @property
    def spec(self) -> Spec:
        """What owner and maker say of it, at its newest reading."""
        ...

    @property
    def resource_id(self) -> str: ...

    @property
    def kind(self) -> ResourceKind: ...

    @property
    def relaxable(self) -> tuple[Restriction, ...]:
        """What its owner has agreed in advance to loosen."""
        ...

    def capacity_w(self, direction: Direction) -> int:
        """The most that it could ever change its load, W: for the book of members."""
        ...

    def flexibility(self, ask: Ask) -> Flexibility:
        """S50, or S52 when `ask.relaxed` names something."""
        ...

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        """The course of a change over the asked slots, W >= 0 a slot: cut wherever anything changes, each piece with the
        schedule that it stands on. `schedule_w` was computed with this ask; a slot without a change has no piece."""
        ...

    def observe(self, reading: Measured) -> None:
        """Take the newest state."""
        ...


@runtime_checkable
class Convex(Protocol):
    """A device whose profiles may be mixed."""

    def mixes(self, direction: Direction) -> bool:
        """Whether it can keep every mix of profiles that it can keep, and whatever is below one."""
        ...


@runtime_checkable
class Ranged(Protocol):
    """A device that knows more of its schedule than the mean over a slot."""

    def ranges_w(self, ask: Ask, schedule_w: SignedPlan) -> Ranges:
        """The least and the most of its power at any instant of each slot without this event, signed W. `schedule_w`: its
        means there, computed with this ask."""
        ...


@cache
def _keeps(kind: type, contract: type) -> bool:
    """Found once for each class: it takes as long as a device's whole answer to an easy question."""
    return issubclass(kind, contract)


def is_convex(device: Device) -> TypeGuard[Convex]:
    """Whether a device says which of its profiles may be mixed."""
    return _keeps(type(device), Convex)


def is_ranged(device: Device) -> TypeGuard[Ranged]:
    """Whether a device knows more of its schedule than means."""
    return _keeps(type(device), Ranged)


def hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def nothing(ask: Ask, reason: Restriction, schedule_w: Sequence[int] | None = None) -> Flexibility:
    """No change in any slot, for one reason."""
    zeros = (0,) * ask.slots
    binding = tuple(reason if wanted else None for wanted in ask.power_w)
    return Flexibility(zeros, zeros, binding, tuple(schedule_w) if schedule_w is not None else zeros)
