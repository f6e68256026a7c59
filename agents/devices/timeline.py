"""The own schedule of a vehicle over an event's slots, what other events hold included: power, energy, and the least
energy that still reaches the departure SoC (backward pass, `L_t = max(reserve, L_t+1 - what full charging adds)`)."""

import itertools
import math
from datetime import datetime

from agents.devices.contract import Ask, hours
from agents.devices.flexibility import Store
from agents.settings.devices import VehicleSpec
from protocol.messages import Restriction


class Timeline:
    """What the vehicle would do without the event, from its newest state to the event's end."""

    def __init__(self, spec: VehicleSpec, ask: Ask, loosened: VehicleSpec, declared: VehicleSpec) -> None:
        """`spec` at its newest reading, `declared` as it was before any event touched it."""
        self.spec, self.ask, self.loosened = spec, ask, loosened
        self.departs_at = loosened.departs_at
        agreed_w = spec.agreed("power_limit")
        self._charge_w = max([spec.max_charge_w, *agreed_w])
        self._discharge_w = max([spec.max_discharge_w, *agreed_w]) if spec.max_discharge_w else 0
        self.plugs_in_at = max(spec.plugs_in_at, spec.state_at)
        self.eta_c, self.eta_d = spec.charge_efficiency_pct / 100, spec.discharge_efficiency_pct / 100
        self.gain_w = max(0.0, spec.max_charge_w * self.eta_c - spec.standby_w)
        starts = [ask.period.slot_start(slot) for slot in range(ask.slots + 1)]
        touched = any(segment.start < spec.state_at for segment in ask.held)
        self._undisturbed_wh = self._own_wh(declared, spec.state_at) if touched else float(spec.soc_wh)
        energy = float(spec.soc_wh)
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
        self._least_end_wh, self._most_end_wh = self._after_event()

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
        held, away = self._held_w(start), start < self.plugs_in_at or start >= self.spec.departs_at
        if away and not held:
            return energy, 0.0, 0.0
        span = hours(end - start)
        undisturbed_h = 0.0 if away else self._charging_h(self._undisturbed_wh, span)
        self._undisturbed_wh += undisturbed_h * self.gain_w
        if not held:
            charging_h = self._charging_h(energy, span)
            return energy + charging_h * self.gain_w, charging_h * self.spec.max_charge_w, charging_h
        power = undisturbed_h / span * self.spec.max_charge_w + held
        power = max(-float(self._discharge_w), min(float(self._charge_w), power))
        moved = power * self.eta_c if power > 0 else power / self.eta_d
        closed_h = span if power else 0.0
        return energy + span * moved - closed_h * self.spec.standby_w, span * power, closed_h

    def _held_w(self, at: datetime) -> int:
        return sum(segment.power_w for segment in self.ask.held if segment.start <= at < segment.end)

    def _charging_h(self, energy: float, span: float) -> float:
        need = max(0.0, self.spec.departure_soc_wh - energy)
        return min(span, need / self.gain_w) if self.gain_w else 0.0

    def _own_wh(self, declared: VehicleSpec, at: datetime) -> float:
        plugged = min(at, declared.departs_at) - max(declared.plugs_in_at, declared.state_at)
        charged = self._charging_h(declared.soc_wh, max(0.0, hours(plugged))) * self.gain_w
        return declared.soc_wh + charged

    def least_wh(self, boundary: int) -> float:
        """What must be left at a slot's boundary: the reserve, and from the event's end (or the departure) on what
        other events hold and what can no longer be charged. The own schedule goes on in between."""
        at = self.ask.period.slot_start(boundary)
        if at < min(self.end, self.departs_at):
            return float(self.loosened.reserve_wh)
        return self._least_end_wh

    def most_wh(self, boundary: int) -> float:
        """What fits at a slot's boundary: the capacity, at the event's end less what other events will charge."""
        return self._most_end_wh if boundary == self.ask.slots else float(self.spec.capacity_wh)

    def _after_event(self) -> tuple[float, float]:
        """Least and most energy at the event's end, backward from the departure. Where nothing is held, the own schedule
        charges up to the departure SoC and no further; where something is, its change of energy is fixed."""
        start = max(self.end, self.plugs_in_at)
        cuts = {at for segment in self.ask.held for at in (segment.start, segment.end)} | {start, self.departs_at}
        pieces = []
        for a, b in itertools.pairwise(sorted(at for at in cuts if start <= at <= self.departs_at)):
            after, _, _ = self._piece(0.0, a, b)
            pieces.append((hours(b - a), after if self._held_w(a) else None))
        reserve, full, own = float(self.loosened.reserve_wh), float(self.spec.capacity_wh), self.spec.departure_soc_wh
        least, most = max(reserve, float(self.loosened.departure_soc_wh)), full
        for span, moved in reversed(pieces):
            if moved is not None:
                least, most = least - moved, most - moved
            else:
                least -= span * self.gain_w if least <= own else 0.0
                most -= span * self.gain_w if most < own else 0.0
            least, most = max(reserve, least), min(full, most)
        return least, most

    def tight(self, slot: int, power_w: tuple[int, ...], store: Store) -> Restriction:
        """Which bound stops a slot: the tightest of all later ones says."""
        moved, tightest = 0.0, (float("inf"), slot)
        for later, power in enumerate(power_w):
            cheap = min(power, store.cheap_w[later])
            moved += cheap * store.cheap_wh + (power - cheap) * store.dear_wh
            if later >= slot:
                tightest = min(tightest, (store.room_wh[later] - moved, later))
        if self.least_wh(tightest[1] + 1) <= self.loosened.reserve_wh:
            return Restriction.RESERVE_SOC
        owed = any(segment.power_w < 0 and segment.end > self.end for segment in self.ask.held)
        return Restriction.COMMITTED if owed else Restriction.DEPARTURE_SOC
