"""A vehicle at its EVSE (S50, S52): exact under departure SoC, reserve, power limits, plug window, relay operations,
efficiencies and stand-by draw, in both directions. Computed by `rows/`, whose lines many vehicles run, too.

Own schedule: charge at full power as soon as it is plugged in, until the departure SoC is reached. In the asked slots
of an event it deviates from that only in the event's direction; afterwards it charges again at full power until it
departs. It takes part in slots in which it is plugged in throughout.

Relay (`relay/`): open only in slots in which no power flows. Of all choices of closed slots with no more operations
than are left (or than the own schedule needs anyway) the best sum wins, then the most closed slots (a fleet of like
vehicles does not leave slots empty). While it is closed the stand-by draw is paid; the room that it makes for charging
is not counted on. Without a limit the relay stays closed in all asked slots.

Least power of the charger: where the most even profile would fall below it, the slots that miss it most are given up
and their energy goes to the others. Sound always, but the one restriction under which it may not be the greatest sum.
"""

from collections.abc import Callable
from dataclasses import replace

from agents.devices.contract import Ask, Flexibility, Segment
from agents.devices.course import laid_out, standing
from agents.devices.rows.alone import flexibility
from agents.devices.rows.cars import asked_row, car_of, steps_row
from agents.devices.rows.commitments import commitments_of
from agents.devices.rows.timelines import event_slots
from agents.settings.devices import VehicleSpec
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction


class Vehicle:
    """One vehicle, with its newest state of charge."""

    kind = ResourceKind.VEHICLE

    def __init__(self, spec: VehicleSpec) -> None:
        self.spec = spec
        self._declared = spec

    @property
    def resource_id(self) -> str:
        return self.spec.resource_id

    @property
    def relaxable(self) -> tuple[Restriction, ...]:
        return tuple(Restriction(relaxation.restriction) for relaxation in self.spec.relaxations)

    def capacity_w(self, direction: Direction) -> int:
        if direction is Direction.INCREASE_LOAD:
            return self.spec.max_charge_w
        return self.spec.max_charge_w + self.spec.max_discharge_w

    def observe(self, reading: Measured) -> None:
        if reading.soc_wh is not None and reading.at >= self.spec.state_at:
            soc_wh = min(reading.soc_wh, self.spec.capacity_wh)
            self.spec = self.spec.model_copy(update={"soc_wh": soc_wh, "state_at": reading.at})

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        """What would leave the charger between nothing and its least power is rounded to the nearer of the two, within
        what was offered (the ask's power): a parent may have cut it there."""
        course = laid_out(ask, schedule_w, power_w)
        return tuple(map(self._runnable(ask), course)) if self.spec.min_power_w else course

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

    def flexibility(self, ask: Ask) -> Flexibility:
        """S50; S52 takes the mildest agreed step that covers what is asked, or else the last."""
        return flexibility(
            car_of(self.spec, self._declared),
            steps_row(self.spec),
            asked_row(ask.relaxed),
            event_slots(ask.direction, ask.period, ask.slots),
            commitments_of(ask.reserved),
            ask.power_w,
        )
