"""S50 and S52 of many vehicles at once: integer for integer what `Vehicle.flexibility` answers, by the same lines.

They are compiled by numba (the extra `fast`). Without numba, for a small fleet, for vehicles of which another event
holds something, and for those whose figures may not fit 64 bits, they run in Python, one vehicle after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from agents.devices.contract import Flexibility, Segment
from agents.devices.rows.alone import OwnSchedules, flexibility
from agents.devices.rows.arrays import AllSteps, Bools, Codes, Ints, Vehicles
from agents.devices.rows.cars import RESTRICTIONS, asked_row
from agents.devices.rows.commitments import commitments_of
from agents.devices.rows.timelines import event_slots
from agents.settings.devices import VehicleSpec
from protocol.messages import IntervalPeriod, Restriction
from protocol.plan import Plan
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
    uncompiled: int
    """How many were computed in Python."""

    @classmethod
    def empty(cls, shape: tuple[int, ...], uncompiled: int) -> "Answers":
        """Zeros."""
        power_w, available_w, schedule_w = (np.zeros(shape, dtype=np.int64) for _ in range(3))
        return cls(power_w, available_w, np.zeros(shape, dtype=np.int8), schedule_w, uncompiled)

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
        self.now, self.steps = Vehicles(specs), AllSteps.of(specs)
        self._large: Bools = (self.now.capacity_wh > MOST_WH) | (self.now.most_w() > MOST_W)
        self.compiled = COMPILED and len(specs) > FEW
        if self.compiled:
            _kernel().prepare(self.now.rows())

    def __len__(self) -> int:
        return len(self.now)

    def flexibility(
        self,
        direction: Direction,
        period: IntervalPeriod,
        asked_w: Ints,
        relaxed: tuple[Restriction, ...] = (),
        index: Ints | None = None,
        available: bool = True,
        reserved: Mapping[int, tuple[Segment, ...]] | None = None,
        weights: Plan = (),
    ) -> Answers:
        """S50; S52 takes the mildest agreed step that covers what is asked, or else the last. `asked_w`: slots x n, of
        the vehicles at `index` (all when None). `held`: what other events hold, by place in `index`. `weights`: what
        a watt is worth in each slot, to all of them; without them they give as evenly as they can. Raises ValueError when a vehicle has no plan, or a plan no vehicle."""
        asked_w = np.require(asked_w, np.int64, ["C", "W"])  # numba compiles anew for every other kind of array
        index = np.arange(len(self)) if index is None else np.require(index, np.int64, ["C", "W"])
        if asked_w.shape[1:] != index.shape or not ((index >= 0) & (index < len(self))).all():
            raise ValueError(f"plans of the shape {asked_w.shape} for {len(index)} of {len(self)} vehicles")
        event, asked = event_slots(direction, period, len(asked_w)), asked_row(relaxed)
        reserved = {place: segments for place, segments in (reserved or {}).items() if segments}
        in_python = self._in_python(index, reserved)
        answers = Answers.empty(asked_w.shape, int(in_python.sum()))
        if not in_python.all():
            places = np.flatnonzero(~in_python)
            _kernel().answer_all(
                event, self.now.rows(), self.steps, asked, index, places, asked_w, weights or (0,) * event.slots,
                available, answers.arrays(),
            )  # fmt: skip
        for place in np.flatnonzero(in_python).tolist():
            i, plan = int(index[place]), tuple(asked_w[:, place].tolist())
            own = OwnSchedules(self.now.car(i), event, commitments_of(reserved.get(place, ())))
            answers.put(place, flexibility(own, self.steps.one(i), asked, plan, available, weights), available)
        return answers

    def _in_python(self, index: Ints, reserved: Mapping[int, tuple[Segment, ...]]) -> Bools:
        """Who is not computed by the compiled lines."""
        if not self.compiled:
            return np.ones(len(index), dtype=bool)
        in_python: Bools = self._large[index]
        in_python[list(reserved)] = True
        return in_python


def _kernel() -> ModuleType:
    """Numba takes a second to import: only where it is used."""
    return import_module("agents.devices.rows.compiled")
