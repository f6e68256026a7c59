"""A vehicle at its EVSE (S50, S52): exact under departure SoC, reserve, power limits, plug window, relay operations,
efficiencies and stand-by draw, in both directions. Computed by `rows/`, whose lines many vehicles run, too.

Own schedule: charge at full power as soon as it is plugged in (or, `charging = "late"`, so late that it is just in time;
or, "follow_pv", from its home's surplus, and what is missing just in time), until the departure SoC is reached. In the
asked slots of an event it deviates from that only in the event's direction; afterwards it charges again by itself until
it departs. It takes part in slots in which it is plugged in throughout.

A vehicle whose owner has a plan (`stays.py`) answers for the stay in which most of the event lies; in others it follows
its own schedule.

Relay (`relay/`): open only in slots in which no power flows. Of all choices of closed slots with no more operations
than are left (or than the own schedule needs anyway) the best sum wins, then the most closed slots (a fleet of like
vehicles does not leave slots empty). While it is closed the stand-by draw is paid; the room that it makes for charging
is not counted on. Without a limit the relay stays closed in all asked slots.

Least power of the charger: where the most even profile would fall below it, the slots that miss it most are given up
and their energy goes to the others. Sound always, but the one restriction under which it may not be the greatest sum.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from agents.devices.contract import Ask, Flexibility, Ranges, Segment, nothing
from agents.devices.course import laid_out, range_w, standing
from agents.devices.flexibility import Store
from agents.devices.pv_surplus import PvSurplus
from agents.devices.rows.alone import OwnSchedules, bounds_of, flexibility
from agents.devices.rows.cars import Car, asked_row, car_of, loosened, most_steps, steps_row
from agents.devices.rows.commitments import commitments_of
from agents.devices.rows.sunshine import Sunshine, usable_w
from agents.devices.rows.timelines import EventSlots, event_slots
from agents.devices.stays import Stay, Stays, limited
from agents.settings.devices import VehicleSpec
from protocol.actor import Measured, Planned
from protocol.messages import IntervalPeriod, ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Vehicle:
    """One vehicle, with its newest state of charge."""

    kind = ResourceKind.VEHICLE

    def __init__(self, spec: VehicleSpec, surplus: PvSurplus | None = None) -> None:
        self.settings = spec
        self.surplus = surplus if spec.charging == "follow_pv" else None
        self.spec = limited(spec, Measured(spec.resource_id, spec.state_at))
        """At its newest reading; of a vehicle with a plan in the present stay, or in the last one."""
        self._declared = self.spec
        self.stays = Stays(spec) if spec.lives_on else None
        self.looked_at = _LONG_AGO
        self._last: tuple[tuple[Car, EventSlots, tuple[Segment, ...]], OwnSchedules] | None = None
        """Of the last ask: a home asks more than once, for another power."""

    @property
    def resource_id(self) -> str:
        return self.settings.resource_id

    @property
    def relaxable(self) -> tuple[Restriction, ...]:
        return tuple(Restriction(relaxation.restriction) for relaxation in self.settings.relaxations)

    def capacity_w(self, direction: Direction) -> int:
        spec = self.settings
        if direction is Direction.INCREASE_LOAD:
            return spec.max_charge_w
        return spec.max_charge_w + spec.max_discharge_w

    def mixes(self, direction: Direction) -> bool:
        """Unless its relay is counted, or its charger cannot run below a power (where it charges, stand-by draw is one)."""
        spec = self.spec
        counted = spec.relay_ops_left is not None or self.settings.relay_ops_a_day is not None
        return not (counted or spec.min_power_w or (spec.standby_w and direction is Direction.INCREASE_LOAD))

    def look(self, now: datetime) -> None:
        """It is so late."""
        self.looked_at = now

    def observe(self, reading: Measured) -> None:
        if self.stays is not None:
            self.stays.observe(reading)
            self._settle(self.stays)
        elif reading.soc_wh is not None and reading.at >= self.spec.state_at:
            soc_wh = min(reading.soc_wh, self.settings.capacity_wh)
            changes = {"soc_wh": soc_wh, "state_at": reading.at}
            self.spec = limited(self.settings.model_copy(update=changes), reading)

    def plan(self, planned: Planned) -> None:
        """Take the owner's plan of the days ahead."""
        if self.stays is None:
            self.stays = Stays(self.settings)
        self.stays.plan = planned
        self._settle(self.stays)

    def _settle(self, stays: Stays) -> None:
        present = stays.present()
        if present is not None:
            self.spec, self._declared = present.spec, present.declared

    def ranges_w(self, ask: Ask, schedule_w: SignedPlan) -> Ranges:
        most_w = self.spec.max_charge_w
        return tuple(
            range_w(ask, slot, mean_w, (mean_w, mean_w) if self._is_steady(ask, slot, mean_w) else None, most_w)
            for slot, mean_w in enumerate(schedule_w)
        )

    def _is_steady(self, ask: Ask, slot: int, schedule_w: int) -> bool:
        """Whether it charges from one and the same surplus in all of a slot: at no other power, as its mean tells."""
        if self.surplus is None or ask.within(slot):
            return False
        spec, sun = self.spec, self.surplus.sunshine(ask.period.slot_start(slot), ask.period.slot_start(slot + 1))
        pct, standby_w = spec.charge_efficiency_pct, spec.standby_w
        drawn_w = {usable_w(power_w, spec.max_charge_w, spec.min_power_w, pct, standby_w) for power_w in sun.power_w}
        return drawn_w == {schedule_w}

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        """What would leave the charger between nothing and its least power is rounded to the nearer of the two, within
        what was offered (the ask's power): a parent may have cut it there."""
        course = tuple(map(self._charging, laid_out(ask, schedule_w, power_w)))
        return tuple(map(self._runnable(ask), course)) if self.spec.min_power_w else course

    def _charging(self, segment: Segment) -> Segment:
        """What is left of a slot's mean, in whole W, for a short piece of it may lie beyond what it charges with."""
        own_w = segment.own_w
        if own_w is None or 0 <= own_w <= self.spec.max_charge_w:
            return segment
        return replace(segment, own_w=min(self.spec.max_charge_w, max(0, own_w)))

    def _runnable(self, ask: Ask) -> Callable[[Segment], Segment]:
        least_w, sign = self.spec.min_power_w, ask.direction.sign

        def run(segment: Segment) -> Segment:
            below_w = (segment.own_w or 0) + sum(s.power_w for s in standing(ask.reserved, segment.start))
            net_w, slot = below_w + segment.power_w, (segment.start - ask.period.start) // ask.period.duration
            if net_w == 0 or abs(net_w) >= least_w:
                return segment
            near = [
                to_w - below_w
                for to_w in (0, least_w, -least_w)
                if 0 <= sign * (to_w - below_w) <= max(ask.power_w[slot], abs(segment.power_w))
            ]
            if not near:
                return segment
            return replace(segment, power_w=min(near, key=lambda change_w: abs(change_w - segment.power_w)))

        return run

    def bounds(self, ask: Ask) -> Store:
        """What bounds it in the slots that are asked for, as far as nothing else is reserved of it; with all that its
        owner agreed to loosen of what is asked to be."""
        owner, steps, relaxed = car_of(self.spec, self._declared), steps_row(self.spec), asked_row(ask.relaxed)
        last = most_steps(steps, 0, len(steps), relaxed) - 1
        spec = owner if last < 0 else loosened(owner, steps, 0, len(steps), relaxed, last)
        return bounds_of(owner, spec, event_slots(ask.direction, ask.period, ask.slots), ask.power_w)

    def flexibility(self, ask: Ask) -> Flexibility:
        """S50; S52 takes the mildest agreed step that covers what is asked, or else the last."""
        if self.stays is None:
            return self._answer(Stay(self.spec, self._declared), ask)
        start, end = ask.period.slot_start(0), ask.period.slot_start(ask.slots)
        there = [stay for stay in self._known(self.stays, self.looked_at) if stay.overlap(start, end)]
        if not there:
            return nothing(ask, Restriction.PLUG_WINDOW)
        chosen = max(there, key=lambda stay: stay.overlap(start, end))
        given = self._answer(chosen, _reserved_in(chosen, ask))
        for other in there:
            if other is not chosen:
                unasked = replace(_reserved_in(other, ask), power_w=(0,) * ask.slots, relaxed=())
                own = self._answer(other, unasked)
                schedule_w = tuple(a + b for a, b in zip(given.schedule_w, own.schedule_w, strict=True))
                given = replace(given, schedule_w=schedule_w)
        return given

    def _answer(self, stay: Stay, ask: Ask) -> Flexibility:
        steps, relaxed = steps_row(stay.spec), asked_row(ask.relaxed)
        return flexibility(self._own(stay, ask), steps, relaxed, ask.power_w, weights=ask.weights)

    def _own(self, stay: Stay, ask: Ask) -> OwnSchedules:
        owner, event = car_of(stay.spec, stay.declared), event_slots(ask.direction, ask.period, ask.slots)
        if self.surplus is not None:
            return OwnSchedules(owner, event, commitments_of(ask.reserved, _sunshine(stay, ask, self.surplus)))
        if self._last is None or self._last[0] != (owner, event, ask.reserved):
            found = OwnSchedules(owner, event, commitments_of(ask.reserved))
            self._last = (owner, event, ask.reserved), found
        return self._last[1]

    def car(self, stays: Stays, period: IntervalPeriod, slots: int, now: datetime) -> Car | None:
        """What alone decides its answer to an event beside which nothing is reserved, at an instant; None where no stay, or
        more than one, has a part in it."""
        start, end = period.slot_start(0), period.slot_start(slots)
        there = [stay for stay in self._known(stays, now) if stay.overlap(start, end)]
        return car_of(there[0].spec, there[0].declared) if len(there) == 1 else None

    def _known(self, stays: Stays, now: datetime) -> Iterator[Stay]:
        present = stays.present()
        if present is not None:
            yield present
        yield from stays.coming(now)


def _sunshine(stay: Stay, ask: Ask, surplus: PvSurplus) -> Sunshine:
    """From when on it may have charged, until all that is asked or reserved is over."""
    start = max(stay.spec.plugs_in_at, min(stay.spec.state_at, stay.declared.state_at))
    end = max([ask.period.slot_start(ask.slots), *(segment.end for segment in ask.reserved)])
    return surplus.sunshine(start, end)


def _reserved_in(stay: Stay, ask: Ask) -> Ask:
    """What other events reserve in other stays is nothing to this one."""
    spec = stay.spec
    reserved = tuple(one for one in ask.reserved if one.start < spec.departs_at and one.end > spec.plugs_in_at)
    return ask if reserved == ask.reserved else replace(ask, reserved=reserved)
