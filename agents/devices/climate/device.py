"""The device, its physics, and the kind as an entry point names it."""

from dataclasses import replace
from datetime import datetime

from agents.devices.climate.course import RoomCourse, raised
from agents.devices.climate.room import Room, stored_wh, temperature_c
from agents.devices.climate.spec import ClimateSpec
from agents.devices.contract import Ask, Flexibility, Segment
from agents.devices.course import laid_out, standing
from agents.devices.kinds import DeviceKind
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction


class Climate:
    """One device, with its newest room temperature."""

    kind = ResourceKind.LOAD

    def __init__(self, spec: ClimateSpec) -> None:
        self.spec = spec
        self.room = Room(spec)

    @property
    def resource_id(self) -> str:
        return self.spec.resource_id

    @property
    def relaxable(self) -> tuple[Restriction, ...]:
        return (Restriction.COMFORT,) if self.spec.comfort_steps_k else ()

    def capacity_w(self, direction: Direction) -> int:
        return self.spec.rated_w

    def observe(self, reading: Measured) -> None:
        if reading.soc_wh is not None and reading.at >= self.spec.state_at:
            room_c = temperature_c(self.room, reading.soc_wh)
            self.spec = self.spec.model_copy(update={"room_c": room_c, "state_at": reading.at})
            self.room = Room(self.spec)

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        return tuple(self._within_reach(ask, segment) for segment in laid_out(ask, schedule_w, power_w))

    def _within_reach(self, ask: Ask, segment: Segment) -> Segment:
        """What is left of a slot's mean, in whole W, for a short piece of it may lie beyond what the device can do."""
        if segment.own_w is None:
            return segment
        change_w = segment.power_w + sum(s.power_w for s in standing(ask.reserved, segment.start))
        least_w, most_w = max(0, -change_w), self.spec.rated_w - max(0, change_w)
        return replace(segment, own_w=min(most_w, max(least_w, segment.own_w)))

    def flexibility(self, ask: Ask) -> Flexibility:
        steps = self.spec.comfort_steps_k if Restriction.COMFORT in ask.relaxed else ()
        answer = self._within(ask, 0.0)
        for step in steps:  # the mildest that covers what is asked, or else the last
            if answer.power_w == ask.power_w:
                break
            answer = self._within(ask, step)
        return answer

    def _within(self, ask: Ask, looser_k: float) -> Flexibility:
        course = RoomCourse(self.room, ask, looser_k)
        reach = [0 if ask.opposed(slot) else course.reach_w(slot) for slot in range(ask.slots)]
        zeros = [0] * ask.slots
        asked = [min(want, most) for want, most in zip(ask.power_w, reach, strict=True)]
        power_w = raised(zeros, asked, course.broken_at)
        most = [most if want else 0 for want, most in zip(ask.power_w, reach, strict=True)]
        upper = [max(power, limit) for power, limit in zip(power_w, most, strict=True)]
        available_w = raised(power_w, upper, course.broken_at)
        binding = tuple(
            None if power >= want else self._binding(ask, slot, power, reach[slot])
            for slot, (power, want) in enumerate(zip(power_w, ask.power_w, strict=True))
        )
        return Flexibility(tuple(power_w), tuple(available_w), binding, course.schedule_w)

    def _binding(self, ask: Ask, slot: int, power: int, reach: int) -> Restriction:
        if ask.opposed(slot):
            return Restriction.COMMITTED
        if power + 1 >= reach:
            return Restriction.COMMITTED if ask.reserved_w(slot) else Restriction.POWER_LIMIT
        return Restriction.COMFORT


class ClimatePhysics:
    """The simulated device."""

    def __init__(self, spec: ClimateSpec) -> None:
        self.room, self.start_at = Room(spec), spec.state_at
        self.energy_wh = stored_wh(self.room, self.room.deviation_k(spec.room_c))

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        return self.room.edges(start, end)

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        room, spec = self.room, self.room.spec
        deviation = room.deviation_k(temperature_c(room, self.energy_wh))
        drawn_w = None if power_w is None else float(min(spec.rated_w, max(0, power_w)))
        deviation, drawn_wh = room.run(deviation, start, end, drawn_w)
        self.energy_wh = stored_wh(room, deviation)
        return drawn_wh


class ClimateKind:
    """The kind, as an entry point names it."""

    Settings = ClimateSpec
    at_start = ("state_at", "outdoor_at")

    def device(self, spec: ClimateSpec) -> Climate:
        return Climate(spec)

    def physics(self, spec: ClimateSpec) -> ClimatePhysics:
        return ClimatePhysics(spec)


climate: DeviceKind = ClimateKind()
