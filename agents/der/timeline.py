"""The own schedule of a vehicle over an event's slots, what other events hold included: power, energy, and the least
energy that still reaches the departure SoC (backward pass, `L_t = max(reserve, L_t+1 - what full charging adds)`)."""

import itertools
import math
from datetime import datetime

from agents.der.device import Ask, hours
from agents.der.flexibility import Store
from agents.der.specs import VehicleSpec
from protocol.messages import Restriction


class Timeline:
    """What the vehicle would do without the event, from its newest state to the event's end."""

    def __init__(self, spec: VehicleSpec, ask: Ask, departs_at: datetime) -> None:
        self.spec, self.ask = spec, ask
        self.departs_at = departs_at
        self.plugs_in_at = max(spec.plugs_in_at, spec.state_at)
        self.eta_c, self.eta_d = spec.charge_efficiency_pct / 100, spec.discharge_efficiency_pct / 100
        starts = [ask.period.slot_start(slot) for slot in range(ask.slots + 1)]
        energy = self._undisturbed_wh = float(spec.soc_wh)
        energy, _, _ = self._run(energy, spec.state_at, starts[0])
        self.energy_wh, self.base_w = [energy], []
        self.spared_wh: list[float] = []
        """Per slot, what the battery has less when the slot's mean power is held by set-point: what rounding the mean
        takes off, and stand-by draw for the part in which the own schedule is idle."""
        for start, end in itertools.pairwise(starts):
            after, drawn_wh, closed_h = self._run(self.energy_wh[-1], start, end)
            mean_w, slot_h = math.floor(drawn_wh / hours(end - start) + 1e-9), hours(end - start)
            idle_h = slot_h - closed_h if mean_w else 0.0
            moved = self.eta_c if mean_w >= 0 else 1 / self.eta_d
            self.spared_wh.append((drawn_wh - mean_w * slot_h) * moved + idle_h * spec.standby_w)
            self.base_w.append(mean_w)
            self.energy_wh.append(after)
        self.end = starts[-1]
        charging = energy < spec.departure_soc_wh - 1e-6
        self.closed_before = charging and self.plugs_in_at < starts[0]
        last = self.energy_wh[-1]
        self.recovers = self.departs_at > self.end
        """Whether there is time to charge again after the event."""
        self.closed_after = self.recovers and last < spec.departure_soc_wh - 1e-6

    def plugged(self, slot: int) -> bool:
        """Plugged in throughout the slot: arrival rounded up, departure rounded down."""
        start, end = self.ask.period.slot_start(slot), self.ask.period.slot_start(slot + 1)
        return self.spec.plugs_in_at <= start and self.spec.state_at <= end <= self.departs_at

    def _run(self, energy: float, start: datetime, end: datetime) -> tuple[float, float, float]:
        """Energy in the battery at `end`; between start and end, energy drawn from the grid (signed Wh) and hours with
        the relay closed."""
        edges = [start, end, self.plugs_in_at, self.spec.departs_at]
        edges += [at for segment in self.ask.held for at in (segment.start, segment.end)]
        inside = sorted({at for at in edges if start <= at <= end})
        drawn = closed_h = 0.0
        for a, b in itertools.pairwise(inside):
            energy, grid_wh, shut_h = self._piece(energy, a, b)
            drawn += grid_wh
            closed_h += shut_h
        return energy, drawn, closed_h

    def _piece(self, energy: float, start: datetime, end: datetime) -> tuple[float, float, float]:
        """One piece of time without a change of what is held. Where an event holds it, the set-point stands on the
        schedule without any event; else it charges up what is missing."""
        if start < self.plugs_in_at or start >= self.spec.departs_at:
            return energy, 0.0, 0.0
        span = hours(end - start)
        held = sum(segment.power_w for segment in self.ask.held if segment.start <= start < segment.end)
        gain_w = self.spec.max_charge_w * self.eta_c - self.spec.standby_w
        undisturbed_h = self._charging_h(self._undisturbed_wh, gain_w, span)
        self._undisturbed_wh += undisturbed_h * gain_w
        if not held:
            charging_h = self._charging_h(energy, gain_w, span)
            return energy + charging_h * gain_w, charging_h * self.spec.max_charge_w, charging_h
        power = undisturbed_h / span * self.spec.max_charge_w + held
        power = max(-float(self.spec.max_discharge_w), min(float(self.spec.max_charge_w), power))
        moved = power * self.eta_c if power > 0 else power / self.eta_d
        closed_h = span if power else 0.0
        return energy + span * moved - closed_h * self.spec.standby_w, span * power, closed_h

    def _charging_h(self, energy: float, gain_w: float, span: float) -> float:
        need = max(0.0, self.spec.departure_soc_wh - energy)
        return min(span, need / gain_w) if gain_w > 0 else 0.0

    def least_wh(self, boundary: int, spec: VehicleSpec) -> float:
        """What must be left at a slot's boundary: the reserve, and from the event's end (or the departure) on what
        can still be charged up to the departure SoC. The own schedule goes on in between."""
        at = self.ask.period.slot_start(boundary)
        if at < min(self.end, self.departs_at):
            return float(spec.reserve_wh)
        gain_w = self.spec.max_charge_w * self.eta_c - self.spec.standby_w
        recovery_h = max(0.0, hours(self.departs_at - at))
        taken = 0.0
        for segment in self.ask.held:
            start, end = max(segment.start, at), min(segment.end, self.departs_at)
            if start < end:
                recovery_h -= hours(end - start)
                taken += max(0.0, -segment.power_w) / self.eta_d * hours(end - start)
        least = spec.departure_soc_wh - max(0.0, recovery_h) * max(0.0, gain_w) + taken
        return max(float(spec.reserve_wh), least)

    def tight(self, slot: int, power_w: tuple[int, ...], store: Store, spec: VehicleSpec) -> Restriction:
        """Which bound stops a slot: the tightest of all later ones says."""
        moved, tightest = 0.0, (float("inf"), slot)
        for later, power in enumerate(power_w):
            cheap = min(power, store.cheap_w[later])
            moved += cheap * store.cheap_wh + (power - cheap) * store.dear_wh
            if later >= slot:
                tightest = min(tightest, (store.room_wh[later] - moved, later))
        boundary = tightest[1] + 1
        departure = self.least_wh(boundary, spec) > spec.reserve_wh
        return Restriction.DEPARTURE_SOC if departure else Restriction.RESERVE_SOC
