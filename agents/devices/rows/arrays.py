"""Many vehicles as arrays: one entry a vehicle, in the order of their specs. Whole W, Wh and microseconds (UTC)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agents.devices.rows.cars import Car, car_of, micros, steps_row
from agents.settings.devices import VehicleSpec

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[Any]
"""Small numbers, int8."""


class Vehicles:
    """The newest readings of n vehicles, an array for each field of `Car`."""

    def __init__(self, specs: Sequence[VehicleSpec]) -> None:
        numbers = chain.from_iterable(car_of(spec, spec) for spec in specs)  # no list of all of them
        table = np.fromiter(numbers, np.int64, len(specs) * len(Car._fields)).reshape(len(specs), len(Car._fields))
        self._fields: dict[str, Ints] = dict(zip(Car._fields, np.ascontiguousarray(table.T), strict=True))

    def __len__(self) -> int:
        return len(self.soc_wh)

    @property
    def soc_wh(self) -> Ints:
        return self._fields["soc_wh"]

    @property
    def state_us(self) -> Ints:
        return self._fields["state_us"]

    @property
    def capacity_wh(self) -> Ints:
        return self._fields["capacity_wh"]

    def most_w(self) -> Ints:
        """The most power that ever flows at each, W."""
        most_w: Ints = np.maximum.reduce(
            [self._fields[name] for name in ("agreed_charge_w", "agreed_discharge_w", "standby_w")]
        )
        return most_w

    def car(self, i: int) -> Car:
        """One of them."""
        return Car(*(int(row[i]) for row in self._fields.values()))

    def put(self, i: int, car: Car) -> None:
        """Let one of them be another: the same vehicle in another stay."""
        for row, number in zip(self._fields.values(), car, strict=True):
            row[i] = number

    def rows(self) -> tuple[Ints, ...]:
        """The arrays in the order of `Car`."""
        return tuple(self._fields.values())

    def read(self, index: Ints, soc_wh: Ints, measured_at: datetime) -> None:
        """Take newer states of charge, as `Vehicle.observe` does."""
        newer = self.state_us[index] <= micros(measured_at)
        index, soc_wh = index[newer], soc_wh[newer]
        self.soc_wh[index] = np.minimum(soc_wh, self.capacity_wh[index])
        self.state_us[index] = micros(measured_at)


class AllSteps(NamedTuple):
    """What the owners agreed in advance to loosen, one after the other, and where each one's entries begin."""

    row: Ints
    first: Ints
    """One entry more than vehicles."""

    @classmethod
    def of(cls, specs: Sequence[VehicleSpec]) -> "AllSteps":
        """Those of some specs."""
        first = np.fromiter(accumulate((len(steps_row(spec)) for spec in specs), initial=0), np.int64, len(specs) + 1)
        row = np.fromiter(chain.from_iterable(map(steps_row, specs)), np.int64, int(first[-1]))
        return cls(row, first)

    def one(self, i: int) -> list[int]:
        """Those of one vehicle."""
        row: list[int] = self.row[self.first[i] : self.first[i + 1]].tolist()
        return row
