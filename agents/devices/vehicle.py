"""A vehicle at its EVSE (S50, S52): exact under departure SoC, reserve, power limits, plug window, relay operations,
efficiencies and stand-by draw, in both directions.

Own schedule: charge at full power as soon as it is plugged in, until the departure SoC is reached. In the asked slots
of an event it deviates from that only in the event's direction; afterwards it charges again at full power until it
departs. It takes part in slots in which it is plugged in throughout.

Relay (`relay.py`): open only in slots in which no power flows. Of all choices of closed slots with no more operations
than are left (or than the own schedule needs anyway) the best sum wins, then the most closed slots (a fleet of like
vehicles does not leave slots empty). While it is closed the stand-by draw is paid; the room that it makes for charging
is not counted on. Without a limit the relay stays closed in all asked slots.

Least power of the charger: where the most even profile would fall below it, the slots that miss it most are given up
and their energy goes to the others. Sound always, but the one restriction under which it may not be the greatest sum.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agents.devices.contract import Ask, Flexibility, hours
from agents.devices.flexibility import Store, extend
from agents.devices.relay.choice import MOST_OPERATIONS, Choice, operations, uwh
from agents.devices.relay.labels import AGAIN, NOTHING, settle, work_space
from agents.devices.timeline import Timeline
from agents.settings.devices import VehicleSpec
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan
from protocol.units import Direction


@dataclass(frozen=True, slots=True)
class _Best:
    """The choice of closed slots that gives most."""

    closed: tuple[bool, ...]
    store: Store
    firm_w: tuple[float, ...]
    """What has to be given so that the relay can be open where it is."""


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

    def flexibility(self, ask: Ask) -> Flexibility:
        """S50; S52 takes the mildest agreed step that covers what is asked, or else the last."""
        steps = [len(r.steps) for r in self.spec.relaxations if r.restriction in ask.relaxed]
        answer = _flexibility(self.spec, self._declared, self.spec, ask)
        for step in range(max(steps, default=0)):
            if answer.power_w == ask.power_w:
                break
            answer = _flexibility(self.spec, self._declared, self.spec.loosened(ask.relaxed, step), ask)
        return answer


def _flexibility(owner: VehicleSpec, declared: VehicleSpec, spec: VehicleSpec, ask: Ask) -> Flexibility:
    """What the vehicle can give under `spec`, against the own schedule of its owner's settings. `declared`: before any
    event touched it."""
    line = Timeline(owner, ask, spec, declared)
    slots = range(ask.slots)
    plugged = [line.plugged(slot) for slot in slots]
    usable = [plugged[slot] and not ask.opposed(slot) for slot in slots]
    asked = tuple(w if u else 0 for w, u in zip(ask.power_w, usable, strict=True))
    best = _best(spec, ask, line, usable, asked)
    power_w, given_up = _runnable(best, line, spec, ask, asked)
    limit = spec.max_charge_w + spec.max_discharge_w
    most = tuple(max(p, limit if want else 0) for p, want in zip(power_w, asked, strict=True))
    available = tuple(max(p, _whole(a)) for p, a in zip(power_w, extend(best.store, power_w, most), strict=True))
    binding = tuple(
        None
        if power_w[slot] >= ask.power_w[slot]
        else Restriction.PLUG_WINDOW
        if not plugged[slot]
        else Restriction.MIN_POWER
        if slot in given_up
        else _binding(slot, power_w, ask, line, spec, best)
        for slot in slots
    )
    return Flexibility(power_w, available, binding, tuple(line.base_w))


def _whole(power_w: float) -> int:
    return int(power_w + 1e-6)


def _best(spec: VehicleSpec, ask: Ask, line: Timeline, usable: list[bool], asked: Plan) -> _Best:
    nothing = (0.0,) * ask.slots
    closed: list[bool] = [base != 0 or want > 0 for base, want in zip(line.base_w, asked, strict=True)]
    ends_full = 0 if any(asked) else NOTHING
    if spec.relay_ops_left is not None:
        ends_full = _settled(_choice(spec, ask, line, usable, asked), closed)
    if ends_full == NOTHING:
        return _Best((False,) * ask.slots, Store(nothing, nothing, 1.0, 1.0, nothing), nothing)
    firm = tuple(0.0 if shut else float(base) for shut, base in zip(closed, line.base_w, strict=True))
    return _Best(tuple(closed), _store(spec, ask, line, usable, closed, ends_full == 1), firm)


def _settled(choice: Choice, closed: list[bool]) -> int:
    """Settle it with as much work space as it takes."""
    each = 2
    while (found := settle(choice, work_space(choice, each), each, closed)) == AGAIN:
        each *= 2
    return found


def _choice(spec: VehicleSpec, ask: Ask, line: Timeline, usable: list[bool], asked: Plan) -> Choice:
    """Choices of closed slots: open only where all of the own schedule can be given up, closed only where plugged in."""
    slots, down, base = range(ask.slots), ask.direction is Direction.DECREASE_LOAD, line.base_w
    shut = _store(spec, ask, line, usable, [True] * ask.slots, False)
    free = _store(spec, ask, line, usable, [False] * ask.slots, False)
    full = _store(spec, ask, line, usable, [False] * ask.slots, True)
    most = [min(w, want) for w, want in zip(shut.all_w, asked, strict=True)]
    cheap = [min(c, w) if down else 0.0 for c, w in zip(shut.cheap_w, most, strict=True)]
    saved = [uwh(c * shut.cheap_wh) for c in cheap]
    wh_per_w = shut.dear_wh if down else shut.cheap_wh
    own = operations(ask.slots, line.closed_before, [power != 0 for power in base], line.closed_after)
    return Choice(
        slots=ask.slots,
        cheap_uwh=saved,
        total_uwh=[s + uwh((w - c) * wh_per_w) for s, w, c in zip(saved, most, cheap, strict=True)],
        room_uwh=[uwh(room) for room in (*free.room_wh, full.room_wh[-1])],
        draws=[down and (base[s] == 0 or usable[s]) for s in slots],
        may_open=[not base[s] or (down and usable[s] and 0 < base[s] <= asked[s]) for s in slots],
        may_close=[base[s] != 0 or line.plugged(s) for s in slots],
        wanted=[want > 0 for want in asked],
        draw_uwh=uwh(spec.standby_w * hours(ask.period.duration)) if down else 0,
        worth=spec.charge_efficiency_pct * spec.discharge_efficiency_pct,
        before=line.closed_before,
        recovery=line.recovers if down else line.closed_after,
        most=max(min(spec.relay_ops_left or 0, MOST_OPERATIONS), own),
    )


def _store(
    spec: VehicleSpec, ask: Ask, line: Timeline, usable: list[bool], closed: Sequence[bool], ends_full: bool
) -> Store:
    """The bounds of this vehicle for one choice of closed slots."""
    slot_h, down = hours(ask.period.duration), ask.direction is Direction.DECREASE_LOAD
    eta_c, eta_d = spec.charge_efficiency_pct / 100, spec.discharge_efficiency_pct / 100
    drawn = 0.0
    cheap, most, room = [], [], []
    for slot, base in enumerate(line.base_w):
        if down and (base == 0 or usable[slot]):
            drawn += line.spared_wh[slot] + spec.standby_w * slot_h * (closed[slot] - (base != 0))
        charging = float(max(0, base))
        if not usable[slot]:
            save, reach = 0.0, 0.0
        elif not down:
            save = reach = max(0.0, spec.max_charge_w - charging) if closed[slot] else 0.0
        else:
            save, reach = charging, float(max(0, base + spec.max_discharge_w)) if closed[slot] else charging
        cheap.append(save)
        most.append(reach)
        energy = line.energy_wh[slot + 1] - drawn
        room.append(energy - line.least_wh(slot + 1) if down else line.most_wh(slot + 1) - energy)
    if ends_full and down:
        room[-1] = min(room[-1], line.energy_wh[-1] - drawn - line.spec.departure_soc_wh)
    return Store(tuple(cheap), tuple(most), eta_c * slot_h, slot_h / eta_d, tuple(room))


def _runnable(best: _Best, line: Timeline, spec: VehicleSpec, ask: Ask, asked: Plan) -> tuple[Plan, frozenset[int]]:
    """The profile, and the slots given up so that the charger never runs between nothing and its least power, nor
    charges more by less than the stand-by draw takes."""
    least_w = spec.min_power_w
    if ask.direction is Direction.INCREASE_LOAD:
        least_w = max(least_w, math.ceil(spec.standby_w * 100 / spec.charge_efficiency_pct))
    most = list(asked)
    given_up: set[int] = set()
    while True:
        power_w = tuple(_whole(power) for power in extend(best.store, best.firm_w, tuple(most)))
        nets = [base + ask.direction.sign * power for base, power in zip(line.base_w, power_w, strict=True)]
        missing = {s: least_w - abs(net) for s, net in enumerate(nets) if power_w[s] and 0 < abs(net) < least_w}
        if not missing:
            return power_w, frozenset(given_up)
        slot = max(missing, key=lambda s: (missing[s], s))
        most[slot] = _below(line.base_w[slot], least_w, nets[slot], ask.direction)
        given_up.add(slot)


def _below(base_w: int, min_power_w: int, net_w: int, direction: Direction) -> int:
    """The next smaller change that the charger can run with, W."""
    if direction is Direction.INCREASE_LOAD:
        return 0
    return max(0, base_w - min_power_w) if net_w > 0 else max(0, base_w)


def _binding(slot: int, power_w: Plan, ask: Ask, line: Timeline, spec: VehicleSpec, best: _Best) -> Restriction:
    if ask.opposed(slot):
        return Restriction.COMMITTED
    if not best.closed[slot] and spec.relay_ops_left is not None:
        return Restriction.RELAY_OPS
    if power_w[slot] + 1 > best.store.all_w[slot]:
        return Restriction.COMMITTED if ask.held_w(slot) else Restriction.POWER_LIMIT
    if ask.direction is Direction.INCREASE_LOAD:
        return Restriction.CAPACITY
    return line.tight(slot, power_w, best.store)
