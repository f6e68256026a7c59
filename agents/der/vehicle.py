"""A vehicle at its EVSE (S50, S52): exact under departure SoC, reserve, power limits, plug window, relay operations,
efficiencies and stand-by draw, in both directions.

Own schedule: charge at full power as soon as it is plugged in, until the departure SoC is reached. In the asked slots
of an event it deviates from that only in the event's direction; afterwards it charges again at full power until it
departs. It takes part in slots in which it is plugged in throughout.

Relay: closed in a slot when power flows; opening and closing between slots is an operation each, counted from the
slot before the event to the recovery after it. Every choice of closed slots with no more operations than are left
(or than the own schedule needs anyway) is tried, the best sum wins, ties go to the fewer operations. While it is
closed the stand-by draw is paid. Without a limit the relay stays closed in all asked slots.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from agents.der.device import Ask, Flexibility, hours
from agents.der.flexibility import Store, extend, fill
from agents.der.specs import VehicleSpec
from agents.der.timeline import Timeline
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.units import Direction

MAX_PATTERNS = 4000
"""Bound on the relay patterns tried: all of them up to 16 slots at 4 operations; beyond, the fewest operations first."""


@dataclass(frozen=True, slots=True)
class _Best:
    power_w: list[float]
    store: Store
    closed: tuple[bool, ...]


class Vehicle:
    """One vehicle, with its newest state of charge."""

    kind = ResourceKind.VEHICLE

    def __init__(self, spec: VehicleSpec) -> None:
        self.spec = spec

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

    def flexibility(self, ask: Ask) -> Flexibility:
        """S50; S52 takes the mildest agreed step that covers what is asked, or else the last."""
        steps = [len(r.steps) for r in self.spec.relaxations if r.restriction in ask.relaxed]
        answer = _flexibility(self.spec, self.spec, ask)
        for step in range(max(steps, default=0)):
            if answer.power_w == ask.power_w:
                break
            answer = _flexibility(self.spec, self.spec.loosened(ask.relaxed, step), ask)
        return answer


def _flexibility(owner: VehicleSpec, spec: VehicleSpec, ask: Ask) -> Flexibility:
    """What the vehicle can give under `spec`, against the own schedule of its owner's settings."""
    line = Timeline(owner, ask, departs_at=spec.departs_at)
    slots = range(ask.slots)
    plugged = [line.plugged(slot) for slot in slots]
    usable = [plugged[slot] and not ask.opposed(slot) for slot in slots]
    best = _best(spec, ask, line, usable)
    power_w = _runnable([int(power + 1e-6) for power in best.power_w], line, spec, ask)
    most = tuple(
        spec.max_charge_w + spec.max_discharge_w if want and usable[s] else 0 for s, want in enumerate(ask.power_w)
    )
    most = tuple(max(p, m) for p, m in zip(power_w, most, strict=True))
    available = [int(power + 1e-6) for power in extend(best.store, power_w, most)]
    binding = tuple(_binding(slot, power_w, ask, line, spec, best, plugged[slot]) for slot in slots)
    return Flexibility(
        power_w, tuple(max(p, a) for p, a in zip(power_w, available, strict=True)), binding, tuple(line.base_w)
    )


def _best(spec: VehicleSpec, ask: Ask, line: Timeline, usable: list[bool]) -> _Best:
    best: _Best | None = None
    for closed in _patterns(spec, ask, line, usable):
        store = _store(spec, ask, line, usable, closed)
        asked = tuple(w if u else 0 for w, u in zip(ask.power_w, usable, strict=True))
        power = fill(store, asked)
        if not _open_slots_idle(power, closed, line, ask):
            continue
        if best is None or sum(power) > sum(best.power_w) + 1e-3:
            best = _Best(power, store, closed)
    if best is None:
        zeros = (0.0,) * ask.slots
        best = _Best(list(zeros), Store(zeros, zeros, 1.0, 1.0, zeros), (False,) * ask.slots)
    return best


def _open_slots_idle(power: list[float], closed: tuple[bool, ...], line: Timeline, ask: Ask) -> bool:
    """Whether in every slot with an open relay all of the own schedule is given up."""
    return all(
        shut or abs(line.base_w[slot] + ask.direction.sign * power[slot]) < 0.5 for slot, shut in enumerate(closed)
    )


def _patterns(spec: VehicleSpec, ask: Ask, line: Timeline, usable: list[bool]) -> Iterator[tuple[bool, ...]]:
    """Which slots have a closed relay: all that can be used, or every choice within the operations left."""
    base = tuple(power != 0 for power in line.base_w)
    if spec.relay_ops_left is None:
        yield tuple(base[s] or (usable[s] and ask.power_w[s] > 0) for s in range(ask.slots))
        return
    allowed = max(spec.relay_ops_left, _operations(line.closed_before, base, line.closed_after))
    tried = 0
    boundaries = range(ask.slots + 1)
    for operations in range(allowed + 1):
        for changes in combinations(boundaries, operations):
            state, pattern = line.closed_before, []
            for slot in range(ask.slots):
                state = not state if slot in changes else state
                pattern.append(state)
            state = not state if ask.slots in changes else state
            moved = any(p != b for p, b in zip(pattern, base, strict=True)) or line.closed_after
            if state is not (line.closed_after or (moved and line.recovers)):
                continue
            if all(shut or not b or usable[s] for s, (shut, b) in enumerate(zip(pattern, base, strict=True))):
                yield tuple(pattern)
            tried += 1
            if tried >= MAX_PATTERNS:
                return


def _operations(before: bool, closed: tuple[bool, ...], after: bool) -> int:
    states = (before, *closed, after)
    return sum(a is not b for a, b in zip(states, states[1:], strict=False))


def _store(spec: VehicleSpec, ask: Ask, line: Timeline, usable: list[bool], closed: tuple[bool, ...]) -> Store:
    """The bounds of this vehicle for one choice of closed slots."""
    slot_h = hours(ask.period.duration)
    eta_c, eta_d = spec.charge_efficiency_pct / 100, spec.discharge_efficiency_pct / 100
    standby = 0.0
    cheap, most, room = [], [], []
    for slot in range(ask.slots):
        base = line.base_w[slot]
        standby += spec.standby_w * slot_h * (closed[slot] - (base != 0))
        if ask.direction is Direction.DECREASE_LOAD:
            cheap.append(float(max(0, base)) if usable[slot] else 0.0)
            reach = max(0, base) if not closed[slot] else max(0, base + spec.max_discharge_w)
            room.append(line.energy_wh[slot + 1] - line.least_wh(slot + 1, spec) - standby)
        else:
            reach = max(0, spec.max_charge_w - max(0, base)) if closed[slot] and base >= 0 else 0
            cheap.append(float(reach) if usable[slot] else 0.0)
            room.append(spec.capacity_wh - line.energy_wh[slot + 1] + standby)
        most.append(float(reach) if usable[slot] else 0.0)
    return Store(tuple(cheap), tuple(most), eta_c * slot_h, slot_h / eta_d, tuple(room))


def _runnable(power_w: list[int], line: Timeline, spec: VehicleSpec, ask: Ask) -> tuple[int, ...]:
    """Cut what would leave the charger between nothing and its least power."""
    result = []
    for slot, power in enumerate(power_w):
        net = line.base_w[slot] + ask.direction.sign * power
        if 0 < abs(net) < spec.min_power_w and power:
            toward_zero = line.base_w[slot] if ask.direction is Direction.DECREASE_LOAD else 0
            down = max(0, toward_zero - (spec.min_power_w if net > 0 else 0))
            power = min(power, down)
        result.append(power)
    return tuple(result)


def _binding(
    slot: int, power_w: tuple[int, ...], ask: Ask, line: Timeline, spec: VehicleSpec, best: _Best, plugged: bool
) -> Restriction | None:
    if power_w[slot] >= ask.power_w[slot]:
        return None
    if not plugged:
        return Restriction.PLUG_WINDOW
    if ask.opposed(slot):
        return Restriction.COMMITTED
    if power_w[slot] < int(best.power_w[slot] + 1e-6):
        return Restriction.MIN_POWER
    if not best.closed[slot] and spec.relay_ops_left is not None:
        return Restriction.RELAY_OPS
    if power_w[slot] + 1 >= best.store.all_w[slot]:
        held = any(power for power in (ask.held_w(slot),))
        return Restriction.COMMITTED if held else Restriction.POWER_LIMIT
    if ask.direction is Direction.INCREASE_LOAD:
        return Restriction.CAPACITY
    return line.tight(slot, power_w, best.store, spec)


def departs_before(spec: VehicleSpec, at: datetime) -> bool:
    return spec.departs_at <= at
