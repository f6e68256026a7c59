"""Simulated devices with the physics of a battery or tank: they follow set-points, or else their own schedule, and
are metered at the grid side."""

import itertools
import math
from bisect import bisect_left
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Protocol

from agents.devices.contract import hours
from agents.devices.pv_surplus import PvSurplus
from agents.devices.rows.sunshine import charging_h, usable_w
from agents.devices.solar import Solar
from agents.settings.devices import DeviceSpec, LoadSpec, SolarSpec, StorageSpec, VehicleSpec
from agents.settings.kinds import kind_of
from protocol.actor import Driver, Measured
from protocol.units import SLOT

_TINY_WH = 1e-6
"""Above what sums of floats are off."""


class Physics(Protocol):
    """One kind of device: what it would do by itself, and what a power does to its store."""

    start_at: datetime

    @property
    def energy_wh(self) -> float:
        """What is in the store now."""
        ...

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        """Instants between start and end at which the own schedule may change."""
        ...

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        """Follow a set-point (None: the own schedule) and return the grid energy, signed Wh. No edge lies within."""
        ...


class SimulatedDriver:
    """Follows set-points, each until the next one takes over or it runs out, and remembers what flowed."""

    def __init__(self, resource_id: str, physics: Physics, stores: bool) -> None:
        self.resource_id = resource_id
        self.physics = physics
        self.stores = stores
        self.now = physics.start_at
        self.orders: list[tuple[datetime, datetime, int]] = []
        self.flows: list[tuple[datetime, datetime, float]] = []
        self.before_wh = 0.0
        """What flowed before the first of the flows: with them, the register of its meter."""
        self.levels = [(self.now, physics.energy_wh)]
        """What was in the store, and when: it may be asked of an instant that is past."""

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        kept = [(start, min(end, at), power) for start, end, power in self.orders if start < at]
        self.orders = [order for order in kept if order[0] < order[1]]
        if power_w is not None:
            self.orders.append((at, until, power_w))

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        self.advance(from_at)  # what flowed before is not spread over the slot
        self.advance(until)
        energy_wh = self._register_wh(until) - self._register_wh(from_at)
        self._forget(from_at - 96 * SLOT)
        self.orders = [order for order in self.orders if order[1] > from_at - 96 * SLOT]
        soc_wh = max(0, round(self._level_wh(until))) if self.stores else None
        return Measured(self.resource_id, until, soc_wh, energy_wh)

    def _register_wh(self, at: datetime) -> int:
        """What its meter shows at an instant, whole Wh: the energies of spans that follow each other add up."""
        flowed_wh = self.before_wh + sum(
            wh * min(1.0, hours(at - start) / hours(end - start)) for start, end, wh in self.flows if start < at
        )
        return math.floor(flowed_wh + 0.5 + _TINY_WH)

    def _level_wh(self, at: datetime) -> float:
        """What was in its store at an instant; of one before all that it remembers, the first that it knows."""
        index = bisect_left(self.levels, at, key=itemgetter(0))
        if index in (0, len(self.levels)):
            return self.physics.energy_wh if index else self.levels[0][1]
        (before, before_wh), (behind, behind_wh) = self.levels[index - 1 : index + 1]
        return before_wh + (behind_wh - before_wh) * hours(at - before) / hours(behind - before)

    def _forget(self, before: datetime) -> None:
        self.before_wh += sum(wh for _, end, wh in self.flows if end <= before)
        self.flows = [flow for flow in self.flows if flow[1] > before]
        self.levels = [level for level in self.levels if level[0] > before] or self.levels[-1:]

    def advance(self, to: datetime) -> None:
        """Let time pass until `to`."""
        if to <= self.now:
            return
        turns = {at for start, end, _ in self.orders for at in (start, end) if self.now < at < to}
        for turn in sorted({*turns, to}):
            power = next((power for a, b, power in reversed(self.orders) if a <= self.now < b), None)
            for start, end in itertools.pairwise(sorted({self.now, turn, *self.physics.edges(self.now, turn)})):
                self.flows.append((start, end, self.physics.run(power, start, end)))
                self.levels.append((end, self.physics.energy_wh))
            self.now = turn
        self.orders = [order for order in self.orders if order[1] > to]


class VehiclePhysics:
    """Charges as soon as it is plugged in (or late, or from its home's surplus), until the departure SoC; takes no power
    while it is away."""

    def __init__(self, spec: VehicleSpec, surplus: PvSurplus | None = None) -> None:
        self.settings = self.spec = spec
        self.surplus = surplus if spec.charging == "follow_pv" else None
        self.energy_wh = float(spec.soc_wh)
        self.start_at = spec.state_at
        putting_off = max(spec.agreed("plug_window"), default=0)
        limits = spec.agreed("power_limit")
        self.latest_at = spec.departs_at + timedelta(seconds=putting_off)
        """A departure that its owner puts off, as agreed, once the device has been under control."""
        self.least_wh = min([spec.reserve_wh, *spec.agreed("reserve_soc")])
        self.departs_at = spec.departs_at
        self.charge_w = max([spec.max_charge_w, *limits])
        self.discharge_w = max([spec.max_discharge_w, *limits]) if spec.max_discharge_w else 0

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        turns = (self.spec.plugs_in_at, self.spec.departs_at, self.latest_at, self.turns_at(start))
        return [at for at in turns if start < at < end] + self.sun_edges(start, end)

    def turns_at(self, now: datetime) -> datetime:
        """When it will stop charging by itself, or begin to: its meter runs before that, or after it, not evenly."""
        spec = self.spec
        gain = spec.max_charge_w * spec.charge_efficiency_pct / 100 - spec.standby_w
        if gain <= 0:
            return now
        charging = timedelta(hours=max(0.0, spec.departure_soc_wh - self.energy_wh) / gain)
        return max(now, spec.plugs_in_at) + charging if spec.charging == "at_once" else self.departs_at - charging

    def sun_edges(self, start: datetime, end: datetime) -> list[datetime]:
        """Instants at which the surplus that it follows may change."""
        return self.surplus.edges(start, end) if self.surplus is not None else []

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        spec, span = self.spec, hours(end - start)
        if power_w is not None and spec.plugs_in_at <= start < self.departs_at:
            self.departs_at = self.latest_at
        if start < spec.plugs_in_at or start >= self.departs_at:
            return 0.0
        eta_c, eta_d = spec.charge_efficiency_pct / 100, spec.discharge_efficiency_pct / 100
        if power_w is None:
            return self._by_itself(start, end)
        power, standby_wh = float(max(-self.discharge_w, min(self.charge_w, power_w))), spec.standby_w * span
        if abs(power) < spec.min_power_w:
            power = 0.0  # a charger pauses below its least power
        if power > 0:
            power = min(power, max(0.0, spec.capacity_wh - self.energy_wh + standby_wh) / eta_c / span)
        elif power < 0:
            above_wh = self.energy_wh - self.least_wh - standby_wh
            power = -min(-power, max(0.0, above_wh) * eta_d / span)
        moved = power * eta_c if power > 0 else power / eta_d
        self.energy_wh = max(0.0, self.energy_wh + span * moved - standby_wh * (power != 0))
        return power * span

    def _by_itself(self, start: datetime, end: datetime) -> float:
        spec, span, eta = self.spec, hours(end - start), self.spec.charge_efficiency_pct / 100
        gain = spec.max_charge_w * eta - spec.standby_w
        need = max(0.0, spec.departure_soc_wh - self.energy_wh)
        if self.surplus is not None:
            surplus_w, pct = self.surplus.power_w(start), spec.charge_efficiency_pct
            sun_w = usable_w(surplus_w, spec.max_charge_w, spec.min_power_w, pct, spec.standby_w)
            sun_gain = sun_w * eta - spec.standby_w if sun_w else 0.0
            on_sun, full = charging_h(gain, sun_gain, need, hours(self.departs_at - start), span)
            self.energy_wh += on_sun * sun_gain + full * gain
            return on_sun * sun_w + full * spec.max_charge_w
        if spec.charging != "at_once" and gain > 0:  # so that it is just in time
            left = hours(self.departs_at - end)
            span = min(span, max(0.0, need / gain - left))
        charging = min(span, need / gain) if gain > 0 else 0.0
        self.energy_wh += charging * gain
        return charging * spec.max_charge_w


class StoragePhysics:
    """Idle without a set-point."""

    def __init__(self, spec: StorageSpec) -> None:
        self.spec = spec
        self.energy_wh = float(spec.soc_wh)
        self.start_at = spec.state_at

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        return []

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        spec, span = self.spec, hours(end - start)
        eta_c, eta_d = spec.charge_efficiency_pct / 100, spec.discharge_efficiency_pct / 100
        power = float(max(-spec.max_discharge_w, min(spec.max_charge_w, power_w or 0)))
        if power > 0:
            power = min(power, max(0.0, spec.capacity_wh - self.energy_wh) / eta_c / span)
        else:
            power = -min(-power, max(0.0, self.energy_wh - spec.reserve_wh) * eta_d / span)
        self.energy_wh += span * (power * eta_c if power > 0 else power / eta_d)
        return power * span


class LoadPhysics:
    """Draws its schedule; after a deviation it stays at the level that it reached until the owner's control refills it."""

    def __init__(self, spec: LoadSpec) -> None:
        self.spec = spec
        self.energy_wh = float(spec.level_wh)
        self.start_at = spec.state_at

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        return []

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        spec, span = self.spec, hours(end - start)
        power = float(spec.schedule_w if power_w is None else max(0, min(spec.rated_w, power_w)))
        change = (power - spec.schedule_w) * span
        change = max(-self.energy_wh, min(spec.store_wh - self.energy_wh, change))
        self.energy_wh += change
        return spec.schedule_w * span + change


class SolarPhysics:
    """Generates up to its export limit by itself; a set-point asks for more, less, or the battery's help."""

    def __init__(self, spec: SolarSpec) -> None:
        self.spec = spec
        self.panel = Solar(spec)
        self.battery = StoragePhysics(spec.battery) if spec.battery is not None else None
        self.start_at = spec.forecast_at if spec.battery is None else min(spec.forecast_at, spec.battery.state_at)

    @property
    def energy_wh(self) -> float:
        return self.battery.energy_wh if self.battery is not None else 0.0

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        first = -((self.spec.forecast_at - start) // SLOT)
        count = int((end - start) / SLOT) + 3
        if not self.spec.forecast_repeats:
            count = min(len(self.spec.forecast_w) + 2, count)
        slots = [self.spec.forecast_at + SLOT * (first + index) for index in range(-1, count)]
        return [at for at in slots if start < at < end]

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        possible = self.panel.possible_w(start)
        own = min(possible, self.spec.export_limit_w)
        generation = own if power_w is None else max(0, min(possible, -power_w))
        rest = 0 if power_w is None else power_w + generation
        from_battery = self.battery.run(rest, start, end) if self.battery is not None else 0.0
        return from_battery - generation * hours(end - start)


def build_driver(spec: DeviceSpec, surplus: PvSurplus | None = None) -> Driver:
    """A simulated driver for a device of one evening; `surplus`: of its home, for a vehicle that follows it."""
    match spec:
        case VehicleSpec():
            return SimulatedDriver(spec.resource_id, VehiclePhysics(spec, surplus), stores=True)
        case StorageSpec():
            return SimulatedDriver(spec.resource_id, StoragePhysics(spec), stores=True)
        case LoadSpec():
            return SimulatedDriver(spec.resource_id, LoadPhysics(spec), stores=True)
        case SolarSpec():
            return SimulatedDriver(spec.resource_id, SolarPhysics(spec), stores=spec.battery is not None)
    return SimulatedDriver(spec.resource_id, kind_of(spec.kind).physics(spec), stores=True)
