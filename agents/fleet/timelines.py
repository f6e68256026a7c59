"""`agents/der/timeline.py` for many vehicles that no other event holds: own schedule and what must be left."""

from datetime import timedelta

import numpy as np

from agents.fleet.arrays import Bools, Floats, Ints, Vehicles, hours_of, micros
from agents.fleet.stores import Stores, sums
from protocol.messages import IntervalPeriod
from protocol.units import Direction


class Timelines:
    """What the vehicles would do without the event: slots x n."""

    def __init__(self, owners: Vehicles, loosened: Vehicles, period: IntervalPeriod, slots: int) -> None:
        """`owners` as they have set it, `loosened` as they agreed for this computation."""
        self.owners, self.loosened, self.slots = owners, loosened, slots
        self.slot_h: float = period.duration.total_seconds() / 3600
        start, duration = micros(period.start), period.duration // timedelta(microseconds=1)
        self.starts_us = [start + slot * duration for slot in range(slots + 1)]
        self.plugs_in_us = np.maximum(owners.plugs_in_us, owners.state_us)
        self.eta_c = owners.charge_pct / 100
        self.gain_w = np.maximum(0.0, owners.max_charge_w * self.eta_c - owners.standby_w)
        n = len(owners)
        self.energy_wh: Floats = np.empty((slots + 1, n))
        self.base_w: Ints = np.zeros((slots, n), dtype=np.int64)
        self.spared_wh: Floats = np.zeros((slots, n))
        energy = owners.soc_wh.astype(np.float64)
        energy += self._charging_h(energy, owners.state_us, self.starts_us[0]) * self.gain_w
        short = energy < owners.departure_soc_wh - 1e-6
        self.closed_before: Bools = short & (self.plugs_in_us < self.starts_us[0])
        self.energy_wh[0] = energy
        for slot in range(slots):
            self._run(slot)
        self.recovers: Bools = loosened.departs_us > self.starts_us[-1]
        self.closed_after: Bools = self.recovers & (self.energy_wh[-1] < owners.departure_soc_wh - 1e-6)
        self.least_wh = self._least_wh()
        self.plugged: Bools = np.array(
            [
                (owners.plugs_in_us <= a) & (owners.state_us <= b) & (b <= loosened.departs_us)
                for a, b in zip(self.starts_us, self.starts_us[1:], strict=False)
            ]
        ).reshape(slots, n)

    def _charging_h(self, energy: Floats, start_us: Ints | int, end_us: int) -> Floats:
        """Hours of charging at full power between two instants."""
        begins = np.maximum(self.plugs_in_us, start_us)
        span = hours_of(np.maximum(np.minimum(self.owners.departs_us, end_us) - begins, 0))
        need = np.maximum(0.0, self.owners.departure_soc_wh - energy)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.gain_w > 0, np.minimum(span, need / self.gain_w), 0.0)

    def _run(self, slot: int) -> None:
        energy = self.energy_wh[slot]
        charging_h = self._charging_h(energy, self.starts_us[slot], self.starts_us[slot + 1])
        self.energy_wh[slot + 1] = energy + charging_h * self.gain_w
        if not charging_h.any():
            return
        drawn_wh = charging_h * self.owners.max_charge_w
        mean_w = np.floor(drawn_wh / self.slot_h + 1e-9)
        idle_h = np.where(mean_w != 0, self.slot_h - charging_h, 0.0)
        rounded = (drawn_wh - mean_w * self.slot_h) * self.eta_c
        self.spared_wh[slot] = rounded + idle_h * self.owners.standby_w
        self.base_w[slot] = mean_w.astype(np.int64)

    def _least_wh(self) -> Floats:
        """What must be left at each boundary but the first."""
        spec = self.loosened
        reserve, span = spec.reserve_wh.astype(np.float64), np.zeros(len(spec))
        least = np.maximum(reserve, spec.departure_soc_wh)
        span = hours_of(np.maximum(spec.departs_us - np.maximum(self.starts_us[-1], self.plugs_in_us), 0))
        least = least - np.where(least <= self.owners.departure_soc_wh, span * self.gain_w, 0.0)
        least = np.maximum(reserve, least)
        ends_us = np.minimum(self.starts_us[-1], spec.departs_us)
        return np.array([np.where(at < ends_us, reserve, least) for at in self.starts_us[1:]]).reshape(self.slots, -1)

    def stores(self, direction: Direction, usable: Bools, closed: Bools, ends_full: Bools | None = None) -> Stores:
        """The bounds of the vehicles for one choice of closed slots each."""
        spec, down = self.loosened, direction is Direction.DECREASE_LOAD
        charging = self.base_w.astype(np.float64)
        eta_c, eta_d = spec.charge_pct / 100, spec.discharge_pct / 100
        energy, own = self.energy_wh[1:], self.base_w != 0
        if down:
            extra = spec.standby_w * self.slot_h * (closed.astype(np.int64) - own)
            drawn = sums(np.where(~own | usable, self.spared_wh + extra, 0.0))
            cheap = np.where(usable, charging, 0.0)
            reach = np.where(closed, charging + spec.max_discharge_w, charging)
            most = np.where(usable, reach, 0.0)
            room = energy - drawn - self.least_wh
            if ends_full is not None:
                full = energy[-1] - drawn[-1] - spec.departure_soc_wh
                room[-1] = np.where(ends_full, np.minimum(room[-1], full), room[-1])
        else:
            cheap = most = np.where(usable & closed, np.maximum(0.0, spec.max_charge_w - charging), 0.0)
            room = self.owners.capacity_wh - energy
        return Stores(cheap, most, eta_c * self.slot_h, self.slot_h / eta_d, room)

    def take(self, index: Ints) -> "Timelines":
        """Those of some vehicles."""
        some = object.__new__(Timelines)
        some.owners, some.loosened = self.owners.take(index), self.loosened.take(index)
        some.slots, some.slot_h, some.starts_us = self.slots, self.slot_h, self.starts_us
        for name in ("plugs_in_us", "eta_c", "gain_w", "closed_before", "recovers", "closed_after"):
            setattr(some, name, getattr(self, name)[index])
        for name in ("energy_wh", "base_w", "spared_wh", "least_wh", "plugged"):
            setattr(some, name, getattr(self, name)[:, index])
        return some
