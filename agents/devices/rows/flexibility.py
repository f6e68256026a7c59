"""S50 and S52 of many vehicles at once: integer for integer what `Vehicle.flexibility` answers.

The code of one vehicle over plain rows (`agents/devices/rows/answers.py`) is compiled by numba (the extra `fast`). Without
numba, and for vehicles of which another event holds something, `Vehicle` itself answers, one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from agents.devices.contract import Ask, Flexibility, Segment
from agents.devices.rows.answers import RESTRICTIONS
from agents.devices.rows.arrays import MICROSECOND, NO_LIMIT, Agreed, Bools, Codes, Ints, Vehicles, at, micros
from agents.devices.rows.timelines import Event
from agents.devices.vehicle import Vehicle
from agents.settings.devices import Relaxation, VehicleSpec
from protocol.messages import IntervalPeriod, Restriction
from protocol.units import Direction

__all__ = ["COMPILED", "FEW", "MOST_W", "MOST_WH", "RESTRICTIONS", "Answers", "VehicleFleet"]

COMPILED = find_spec("numba") is not None
"""Whether numba is there: some hundred times faster."""
FEW = 200
"""A fleet of no more vehicles answers in tens of milliseconds without it, and starts at once."""
MOST_WH, MOST_W = 500_000_000, 100_000_000
"""Capacity and power of a vehicle up to which sums of uWh are sure to fit 64 bits."""


@dataclass(frozen=True, slots=True)
class Answers:
    """`Flexibility` for n vehicles: slots x n."""

    power_w: Ints
    available_w: Ints
    """Zeros where it was not asked for."""
    binding: Codes
    """Places in RESTRICTIONS."""
    schedule_w: Ints
    single: int
    """How many were computed by the single actor's code."""

    @classmethod
    def empty(cls, shape: tuple[int, ...], single: int) -> "Answers":
        """Zeros."""
        power_w, available_w, schedule_w = (np.zeros(shape, dtype=np.int64) for _ in range(3))
        return cls(power_w, available_w, np.zeros(shape, dtype=np.int8), schedule_w, single)

    def arrays(self) -> tuple[Ints, Ints, Codes, Ints]:
        """Power, available power, what binds, schedule."""
        return self.power_w, self.available_w, self.binding, self.schedule_w

    def put(self, place: int, one: Flexibility, available: bool) -> None:
        """Take the answer of one vehicle."""
        self.power_w[:, place] = one.power_w
        if available:
            self.available_w[:, place] = one.available_w
        self.binding[:, place] = [RESTRICTIONS.index(restriction) for restriction in one.binding]
        self.schedule_w[:, place] = one.schedule_w


class VehicleFleet:
    """The newest state of many vehicles, and what they can give. Compiles here if it is to, not at the first ask."""

    def __init__(self, specs: Sequence[VehicleSpec]) -> None:
        self.now = Vehicles.of(specs)
        self.declared_soc_wh, self.declared_us = self.now.soc_wh.copy(), self.now.state_us.copy()
        self.agreed = Agreed(specs)
        power_w = np.maximum(self.now.max_charge_w, self.now.max_discharge_w)
        power_w = np.maximum.reduce([power_w, self.now.standby_w, self.agreed.most_power_w()])
        self._large: Bools = (self.now.capacity_wh > MOST_WH) | (power_w > MOST_W)
        self.compiled = COMPILED and len(specs) > FEW
        if self.compiled:
            _kernel().prepare(self.now.rows())

    def __len__(self) -> int:
        return len(self.now)

    def spec(self, i: int, resource_id: str = "vehicle") -> VehicleSpec:
        """One of them, as its newest state is."""
        now = self.now
        ops = int(now.relay_ops[i])
        return VehicleSpec(
            kind="vehicle",
            resource_id=resource_id,
            capacity_wh=int(now.capacity_wh[i]),
            soc_wh=int(now.soc_wh[i]),
            state_at=at(int(now.state_us[i])),
            plugs_in_at=at(int(now.plugs_in_us[i])),
            departs_at=at(int(now.departs_us[i])),
            departure_soc_wh=int(now.departure_soc_wh[i]),
            reserve_wh=int(now.reserve_wh[i]),
            max_charge_w=int(now.max_charge_w[i]),
            max_discharge_w=int(now.max_discharge_w[i]),
            min_power_w=int(now.min_power_w[i]),
            charge_efficiency_pct=int(now.charge_pct[i]),
            discharge_efficiency_pct=int(now.discharge_pct[i]),
            standby_w=int(now.standby_w[i]),
            relay_ops_left=None if ops == NO_LIMIT else ops,
            relaxations=tuple(Relaxation.model_validate(r) for r in self.agreed.of(i)),
        )

    def flexibility(
        self,
        direction: Direction,
        period: IntervalPeriod,
        asked_w: Ints,
        relaxed: tuple[Restriction, ...] = (),
        index: Ints | None = None,
        available: bool = True,
        held: Mapping[int, tuple[Segment, ...]] | None = None,
    ) -> Answers:
        """S50; S52 takes the mildest agreed step that covers what is asked, or else the last. `asked_w`: slots x n, of
        the vehicles at `index` (all when None). `held`: what other events hold, by place in `index`. Raises ValueError
        when a vehicle has no plan, or a plan no vehicle."""
        asked_w = np.require(asked_w, np.int64, ["C", "W"])  # numba compiles anew for every other kind of array
        index = np.arange(len(self)) if index is None else np.require(index, np.int64, ["C", "W"])
        if asked_w.shape[1:] != index.shape or not ((index >= 0) & (index < len(self))).all():
            raise ValueError(f"plans of the shape {asked_w.shape} for {len(index)} of {len(self)} vehicles")
        held = held or {}
        alone = self._alone(index, held)
        answers = Answers.empty(asked_w.shape, int(alone.sum()))
        self._compiled(answers, direction, period, asked_w, relaxed, index, np.flatnonzero(~alone), available)
        for place in np.flatnonzero(alone).tolist():
            ask = Ask(direction, period, tuple(asked_w[:, place].tolist()), held.get(place, ()), relaxed)
            answers.put(place, self._vehicle(int(index[place])).flexibility(ask), available)
        return answers

    def _compiled(
        self, answers: Answers, direction: Direction, period: IntervalPeriod, asked_w: Ints,
        relaxed: tuple[Restriction, ...], index: Ints, todo: Ints, available: bool,
    ) -> None:  # fmt: skip
        """Step by step of what the owners agreed to, those whom the step before left short."""
        start_us, slot_us = micros(period.start), period.duration // MICROSECOND
        event = Event(direction is Direction.DECREASE_LOAD, start_us, slot_us, len(asked_w))
        steps = self.agreed.most(relaxed)[index]
        for step in range(-1, int(steps[todo].max(initial=0))):
            if step >= 0:
                met = (answers.power_w[:, todo] == asked_w[:, todo]).all(axis=0)
                todo = todo[~met & (steps[todo] > step)]
            if not len(todo):
                return
            loosened = self.now if step < 0 else self.agreed.loosened(self.now, relaxed, step)
            _kernel().answer_all(
                event, self.now.rows(), loosened.rows(), index, todo, asked_w, available, answers.arrays()
            )

    def _alone(self, index: Ints, held: Mapping[int, tuple[Segment, ...]]) -> Bools:
        """Whom the single actor's code answers: what other events hold has edges at any time."""
        if not self.compiled:
            return np.ones(len(index), dtype=bool)
        alone = self._large[index]
        alone[[place for place, segments in held.items() if segments]] = True
        return alone

    def _vehicle(self, i: int) -> Vehicle:
        declared = {"soc_wh": int(self.declared_soc_wh[i]), "state_at": at(int(self.declared_us[i]))}
        spec = self.spec(i)
        vehicle = Vehicle(spec.model_copy(update=declared))
        vehicle.spec = spec
        return vehicle


def _kernel() -> ModuleType:
    """Numba takes a second to import: only where it is used."""
    return import_module("agents.devices.rows.compiled")
