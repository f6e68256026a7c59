"""A flexible load with a tank (water heater, heat pump): it draws less from the grid while the tank lasts, or more
while there is room, and so shifts its consumption (S50)."""

from collections.abc import Iterator
from functools import partial

from agents.devices.contract import Ask, Flexibility, Ranges, Segment, held_wh, hours, overlap_s
from agents.devices.course import laid_out, range_w
from agents.devices.flexibility import Store, extend, fill
from agents.settings.devices import LoadSpec
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction


class Load:
    """One flexible load, with its newest level."""

    kind = ResourceKind.LOAD
    relaxable: tuple[Restriction, ...] = ()

    def __init__(self, spec: LoadSpec) -> None:
        self.spec = spec

    @property
    def resource_id(self) -> str:
        return self.spec.resource_id

    def capacity_w(self, direction: Direction) -> int:
        spec = self.spec
        return spec.rated_w - spec.schedule_w if direction is Direction.INCREASE_LOAD else spec.schedule_w

    def observe(self, reading: Measured) -> None:
        if reading.soc_wh is not None and reading.at >= self.spec.state_at:
            level_wh = min(reading.soc_wh, self.spec.store_wh)
            self.spec = self.spec.model_copy(update={"level_wh": level_wh, "state_at": reading.at})

    def ranges_w(self, ask: Ask, schedule_w: SignedPlan) -> Ranges:
        own_w = (self.spec.schedule_w, self.spec.schedule_w)
        return tuple(range_w(ask, slot, mean_w, own_w) for slot, mean_w in enumerate(schedule_w))

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        return laid_out(ask, schedule_w, power_w, self.spec.schedule_w, partial(self._reach_w, ask.direction))

    def flexibility(self, ask: Ask) -> Flexibility:
        spec, slot_h = self.spec, hours(ask.period.duration)
        down = ask.direction is Direction.DECREASE_LOAD
        schedule = tuple(spec.schedule_w + ask.reserved_w(slot) for slot in range(ask.slots))
        reach = tuple(
            0.0
            if ask.opposed(slot)
            else float(ask.mean_w(slot, lambda other_w: self._reach_w(ask.direction, spec.schedule_w + other_w)))
            for slot in range(ask.slots)
        )
        store = Store(reach, reach, slot_h, slot_h, tuple(self._room_wh(ask)))
        power_w = tuple(int(power + 1e-6) for power in fill(store, ask.power_w))
        most = tuple(max(p, int(r) if want else 0) for p, r, want in zip(power_w, reach, ask.power_w, strict=True))
        available = tuple(int(power + 1e-6) for power in extend(store, power_w, most))
        binding = tuple(
            None if power_w[slot] >= want else self._binding(slot, power_w[slot], reach[slot], ask, down)
            for slot, want in enumerate(ask.power_w)
        )
        return Flexibility(power_w, available, binding, schedule)

    def _reach_w(self, direction: Direction, course_w: int) -> int:
        """By how much it can change its power in a direction from a course of so many W."""
        return course_w if direction is Direction.DECREASE_LOAD else self.spec.rated_w - course_w

    def _room_wh(self, ask: Ask) -> Iterator[float]:
        """What the tank can give (or take up) until the end of each slot. What other events hold until then has moved its
        level; what they hold after the event in the same direction has to remain."""
        spec, sign = self.spec, ask.direction.sign
        ends = [ask.period.slot_start(slot + 1) for slot in range(ask.slots)]
        end = ends[-1]
        owed_wh = sum(max(0, sign * s.power_w) * overlap_s(s, end, max(end, s.end)) / 3600 for s in ask.reserved)
        for held in held_wh(ask.reserved, spec.state_at, ends, lambda s, span_s: s.power_w * span_s / 3600):
            level_wh = spec.level_wh + sum(held)
            down = ask.direction is Direction.DECREASE_LOAD
            yield (level_wh - spec.least_wh if down else spec.store_wh - level_wh) - owed_wh

    def _binding(self, slot: int, power: int, reach: float, ask: Ask, down: bool) -> Restriction:
        if ask.opposed(slot):
            return Restriction.COMMITTED
        if power + 1 >= reach:
            return Restriction.COMMITTED if ask.reserved_w(slot) else Restriction.POWER_LIMIT
        return Restriction.COMFORT if down else Restriction.CAPACITY
