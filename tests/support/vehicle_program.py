"""The restrictions of a vehicle as a linear or mixed-integer program (HiGHS), stated on their own."""

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import highspy
from device_cases import DOWN
from worlds import T0

from agents.devices.contract import Ask
from agents.settings.devices import VehicleSpec

HALF_H = 0.5


@dataclass(frozen=True)
class Case:
    spec: VehicleSpec
    ask: Ask


def own_wh(spec: VehicleSpec, minutes: int) -> float:
    """Energy in the battery so long after T0 by the own schedule: full power from plugging in until the departure
    SoC or the departure."""
    plugged = (min(T0 + timedelta(minutes=minutes), spec.departs_at) - spec.plugs_in_at).total_seconds() / 3600
    gain_w = spec.max_charge_w * spec.charge_efficiency_pct / 100 - spec.standby_w
    need = max(0.0, spec.departure_soc_wh - spec.soc_wh)
    return spec.soc_wh + min(need, max(0.0, plugged) * gain_w)


class Program:
    """Greatest sum of changes, W, of one vehicle whose relay is closed as given, or free within its operations."""

    def __init__(self, case: Case, schedule_w: tuple[int, ...]) -> None:
        self.spec, self.ask, self.base_w = case.spec, case.ask, schedule_w
        self.model = highspy.Highs()
        self.model.setOptionValue("output_flag", False)
        self.model.setOptionValue("mip_rel_gap", 0.0)
        self.model.setOptionValue("mip_feasibility_tolerance", 1e-9)
        self.slots = range(case.ask.slots)
        eta_c, eta_d = case.spec.charge_efficiency_pct / 100, case.spec.discharge_efficiency_pct / 100
        start = round((case.ask.period.start - T0).total_seconds() / 60)
        self.own = [own_wh(case.spec, start + 30 * t) for t in range(case.ask.slots + 1)]
        self.closed = [self.model.addBinary() for _ in self.slots]
        self.changes: list[Any] = []
        energy: Any = None
        for t in self.slots:
            base, usable = schedule_w[t], self.plugged(t)
            change = self.model.addVariable(0, self.ask.power_w[t] if usable else 0)
            charge = self.model.addVariable(0, self.spec.max_charge_w)
            discharge = self.model.addVariable(0, self.spec.max_discharge_w if self.ask.direction is DOWN else 0)
            after = self.model.addVariable(0, self.spec.capacity_wh + 1e-6)
            self.model.addConstr(charge - discharge - self.ask.direction.sign * change == base)
            self.model.addConstr(charge <= self.spec.max_charge_w * self.closed[t])
            self.model.addConstr(discharge <= max(1, self.spec.max_discharge_w) * self.closed[t])
            if usable:
                moved = eta_c * HALF_H * charge - HALF_H / eta_d * discharge
                if self.ask.direction is DOWN:
                    moved = moved - HALF_H * self.spec.standby_w * self.closed[t]
                else:  # no counting on the room that stand-by draw makes, beyond what the own schedule draws
                    moved = moved + self.own[t + 1] - self.own[t] - eta_c * HALF_H * self.base_w[t]
            else:
                moved = self.own[t + 1] - self.own[t] + 0.0 * charge
            self.model.addConstr(after == (self.own[0] if energy is None else energy) + moved)
            if self.ask.direction is DOWN:
                self.model.addConstr(after >= min(self.floor(t + 1), self.own[t + 1]) - self.drift(t + 1))
            self.changes.append(change)
            energy = after
        self.last = energy

    def plugged(self, t: int) -> bool:
        start, end = self.ask.period.slot_start(t), self.ask.period.slot_start(t + 1)
        return self.spec.plugs_in_at <= start and end <= self.spec.departs_at

    def drift(self, boundary: int) -> float:
        """What rounding the schedule to whole watts and holding a slot's mean may take off, Wh."""
        partial = sum(
            HALF_H * self.spec.standby_w for t in range(boundary) if 0 < self.base_w[t] < self.spec.max_charge_w
        )
        return boundary * HALF_H + partial

    def floor(self, boundary: int) -> float:
        """Least energy that must be left at a boundary."""
        at, end = self.ask.period.slot_start(boundary), self.ask.period.slot_start(self.ask.slots)
        if at < min(end, self.spec.departs_at):
            return self.spec.reserve_wh
        left_h = max(0.0, (self.spec.departs_at - at).total_seconds() / 3600)
        gain_w = self.spec.max_charge_w * self.spec.charge_efficiency_pct / 100 - self.spec.standby_w
        return max(self.spec.reserve_wh, self.spec.departure_soc_wh - left_h * gain_w)

    def always_closed(self) -> None:
        for t in self.slots:
            wanted = self.plugged(t) and self.ask.power_w[t] > 0
            self.model.addConstr(self.closed[t] == float(self.base_w[t] != 0 or wanted))

    def few_operations(self) -> None:
        """Operations from the event's start to the departure, those for charging up after the event included."""
        spec, end = self.spec, self.ask.period.slot_start(self.ask.slots)
        before = self.own[0] < spec.departure_soc_wh - 1e-6 and spec.plugs_in_at < self.ask.period.start
        short = self.own[-1] < spec.departure_soc_wh - 1e-6
        time_left = spec.departs_at > end
        base = [before, *(power != 0 for power in self.base_w), short and time_left, False]
        own = sum(a is not b for a, b in itertools.pairwise(base))
        recovery = self.model.addBinary()
        states: list[Any] = [float(before), *self.closed, recovery, 0.0]
        flips = []
        for a, b in itertools.pairwise(states):
            flip = self.model.addVariable(0, 1)
            self.model.addConstr(flip + a - b >= 0)
            self.model.addConstr(flip + b - a >= 0)
            flips.append(flip)
        self.model.addConstr(sum(flips) <= max(spec.relay_ops_left or 0, own))
        if time_left and self.ask.direction is DOWN:
            self.model.addConstr(self.last + spec.capacity_wh * recovery >= spec.departure_soc_wh)
        elif short and time_left:
            self.model.addConstr(recovery == 1.0)
        for t in self.slots:
            if not self.plugged(t):
                self.model.addConstr(self.closed[t] == float(self.base_w[t] != 0))

    def greatest_w(self) -> float | None:
        return self.worth_most((1,) * len(self.changes))

    def worth_most(self, weights: tuple[int, ...]) -> float | None:
        """The greatest sum of weight x change, W."""
        worth = [weight * change for weight, change in zip(weights, self.changes, strict=True)]
        self.model.maximize(sum(worth[1:], worth[0]))
        if self.model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return float(self.model.getObjectiveValue())


def tolerance_w(case: Case) -> float:
    """Whole watts, and the energy that the program may use up by rounding (`drift`), dear or cheap."""
    spec = case.spec
    worst = 100 / spec.charge_efficiency_pct
    slots_with_standby = 2 if case.ask.direction is DOWN else case.ask.slots
    return case.ask.slots * (1 + worst) + slots_with_standby * spec.standby_w * worst
