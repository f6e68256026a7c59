"""A stationary battery (80): idle by itself, gives and takes down to its reserve. As the aggregator's own storage it
evens out what stays missing (least maximum shortfall: a water level)."""

from collections.abc import Iterator
from functools import partial

from agents.devices.condition import limits
from agents.devices.contract import Ask, Flexibility, Ranges, Segment, held_wh, hours
from agents.devices.course import laid_out, range_w
from agents.devices.flexibility import Store, extend, fill, weighted
from agents.settings.devices import StorageSpec
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction


class Storage:
    """One battery, with its newest state of charge."""

    kind = ResourceKind.STORAGE
    relaxable: tuple[Restriction, ...] = ()

    def __init__(self, spec: StorageSpec) -> None:
        self.spec = spec
        self._rated = spec

    @property
    def resource_id(self) -> str:
        return self.spec.resource_id

    def capacity_w(self, direction: Direction) -> int:
        spec = self._rated
        return spec.max_charge_w if direction is Direction.INCREASE_LOAD else spec.max_discharge_w

    def mixes(self, direction: Direction) -> bool:
        """Always: nothing of it is counted, or runs by steps."""
        return True

    def observe(self, reading: Measured) -> None:
        if reading.soc_wh is not None and reading.at >= self.spec.state_at:
            soc_wh = min(reading.soc_wh, self.spec.capacity_wh)
            self.spec = self._rated.model_copy(
                update=limits(self._rated, reading) | {"soc_wh": soc_wh, "state_at": reading.at}
            )

    def ranges_w(self, ask: Ask, schedule_w: SignedPlan) -> Ranges:
        return tuple(range_w(ask, slot, mean_w, (0, 0)) for slot, mean_w in enumerate(schedule_w))

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        return laid_out(ask, schedule_w, power_w, 0, partial(self._reach_w, ask.direction))

    def flexibility(self, ask: Ask) -> Flexibility:
        """S50 for a battery; S26 where it is the aggregator's own."""
        spec, schedule = self.spec, tuple(ask.reserved_w(slot) for slot in range(ask.slots))
        store = self.bounds(ask)
        profile = weighted(store, ask.power_w, ask.weights) if ask.weights else fill(store, ask.power_w, water=True)
        power_w = tuple(int(power + 1e-6) for power in profile)
        limit = spec.max_charge_w if ask.direction is Direction.INCREASE_LOAD else spec.max_discharge_w
        most = tuple(max(p, limit if want else 0) for p, want in zip(power_w, ask.power_w, strict=True))
        available = tuple(int(power + 1e-6) for power in extend(store, power_w, most))
        binding = tuple(self._binding(slot, power_w[slot], ask, store) for slot in range(ask.slots))
        return Flexibility(power_w, available, binding, schedule)

    def _reach_w(self, direction: Direction, course_w: int) -> int:
        """By how much it can change its power in a direction from a course of so many signed W."""
        down = direction is Direction.DECREASE_LOAD
        return self.spec.max_discharge_w + course_w if down else self.spec.max_charge_w - course_w

    def _binding(self, slot: int, power: int, ask: Ask, store: Store) -> Restriction | None:
        if power >= ask.power_w[slot]:
            return None
        if ask.opposed(slot):
            return Restriction.COMMITTED
        if power + 1 >= store.all_w[slot]:
            return Restriction.COMMITTED if ask.reserved_w(slot) else Restriction.POWER_LIMIT
        return Restriction.RESERVE_SOC if ask.direction is Direction.DECREASE_LOAD else Restriction.CAPACITY

    def bounds(self, ask: Ask) -> Store:
        """What bounds it in the slots that are asked for."""
        spec, slot_h = self.spec, hours(ask.period.duration)
        eta_c, eta_d = spec.charge_efficiency_pct / 100, spec.discharge_efficiency_pct / 100
        down = ask.direction is Direction.DECREASE_LOAD
        reach_w = tuple(
            0.0 if ask.opposed(slot) else float(ask.mean_w(slot, partial(self._reach_w, ask.direction)))
            for slot in range(ask.slots)
        )
        room = [energy - spec.reserve_wh if down else spec.capacity_wh - energy for energy in self._energy_wh(ask)]
        if down:
            later = self._owed_after(ask, down)
            return Store((0.0,) * ask.slots, reach_w, eta_c * slot_h, slot_h / eta_d, tuple(r - later for r in room))
        later = self._owed_after(ask, down)
        return Store(reach_w, reach_w, eta_c * slot_h, eta_c * slot_h, tuple(r - later for r in room))

    def _energy_wh(self, ask: Ask) -> Iterator[float]:
        """Energy at the end of each slot with what other events hold until then."""
        ends = [ask.period.slot_start(slot + 1) for slot in range(ask.slots)]
        for held in held_wh(ask.reserved, self.spec.state_at, ends, self._held_wh):
            yield self.spec.soc_wh + sum(held)

    def _held_wh(self, segment: Segment, span_s: float) -> float:
        return self._moved(segment.power_w) * (span_s / 3600)

    def _moved(self, power_w: int) -> float:
        spec = self.spec
        return (
            power_w * spec.charge_efficiency_pct / 100
            if power_w > 0
            else power_w / (spec.discharge_efficiency_pct / 100)
        )

    def _owed_after(self, ask: Ask, down: bool) -> float:
        """Energy (or room) that later events hold: it cannot be used up before."""
        end = ask.period.slot_start(ask.slots)
        later = 0.0
        for segment in ask.reserved:
            if (segment.power_w < 0) is down and segment.end > end:
                span_h = (segment.end - max(segment.start, end)).total_seconds() / 3600
                later += abs(self._moved(segment.power_w)) * span_h
        return later
