"""Many vehicles as arrays: one entry a vehicle, in the order of their specs. Whole W, Wh and microseconds (UTC)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agents.settings.devices import VehicleSpec
from protocol.messages import Restriction

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[Any]
"""Small numbers, int8."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NO_LIMIT = -1
"""`relay_ops_left` of a vehicle without a limit."""


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def at(instant_us: int) -> datetime:
    """The instant so many microseconds after 1970."""
    return EPOCH + instant_us * MICROSECOND


@dataclass(frozen=True, slots=True)
class Vehicles:
    """The specs of n vehicles, an array a field."""

    capacity_wh: Ints
    soc_wh: Ints
    state_us: Ints
    plugs_in_us: Ints
    departs_us: Ints
    departure_soc_wh: Ints
    reserve_wh: Ints
    max_charge_w: Ints
    max_discharge_w: Ints
    min_power_w: Ints
    charge_pct: Ints
    discharge_pct: Ints
    standby_w: Ints
    relay_ops: Ints

    def __len__(self) -> int:
        return len(self.soc_wh)

    @classmethod
    def of(cls, specs: Sequence[VehicleSpec]) -> "Vehicles":
        """The arrays of some specs."""
        rows = [
            (
                spec.capacity_wh,
                spec.soc_wh,
                micros(spec.state_at),
                micros(spec.plugs_in_at),
                micros(spec.departs_at),
                spec.departure_soc_wh,
                spec.reserve_wh,
                spec.max_charge_w,
                spec.max_discharge_w,
                spec.min_power_w,
                spec.charge_efficiency_pct,
                spec.discharge_efficiency_pct,
                spec.standby_w,
                NO_LIMIT if spec.relay_ops_left is None else spec.relay_ops_left,
            )
            for spec in specs
        ]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), len(fields(cls)))
        return cls(*np.ascontiguousarray(table.T))

    def rows(self) -> tuple[Ints, ...]:
        """The arrays in the order of the fields."""
        return tuple(getattr(self, f.name) for f in fields(self))

    def read(self, index: Ints, soc_wh: Ints, measured_at: datetime) -> None:
        """Take newer states of charge, as `Vehicle.observe` does."""
        newer = self.state_us[index] <= micros(measured_at)
        index, soc_wh = index[newer], soc_wh[newer]
        self.soc_wh[index] = np.minimum(soc_wh, self.capacity_wh[index])
        self.state_us[index] = micros(measured_at)


LOOSENED = {
    Restriction.DEPARTURE_SOC: "departure_soc_wh",
    Restriction.RESERVE_SOC: "reserve_wh",
    Restriction.RELAY_OPS: "relay_ops",
    Restriction.POWER_LIMIT: "max_charge_w",
    Restriction.PLUG_WINDOW: "departs_us",
}


class Agreed:
    """What the owners agreed in advance to loosen: the steps of each vehicle and restriction, the last repeated. Only
    restrictions that anyone agreed to take room."""

    def __init__(self, specs: Sequence[VehicleSpec]) -> None:
        self.n = len(specs)
        longest: dict[Restriction, int] = {}
        for spec in specs:
            for relaxation in spec.relaxations:
                name = Restriction(relaxation.restriction)
                longest[name] = max(longest.get(name, 0), len(relaxation.steps))
        self.steps = {name: np.zeros((count, self.n), dtype=np.int64) for name, count in longest.items()}
        self.count = {name: np.zeros(self.n, dtype=np.int64) for name in longest}
        for i, spec in enumerate(specs):
            for relaxation in spec.relaxations:
                name = Restriction(relaxation.restriction)
                self.count[name][i] = max(self.count[name][i], len(relaxation.steps))
                self.steps[name][:, i] = [relaxation.value(step) for step in range(longest[name])]

    def of(self, i: int) -> list[dict[str, object]]:
        """The relaxations of one vehicle, as a spec has them."""
        return [
            {"restriction": name.value, "steps": self.steps[name][: count[i], i].tolist()}
            for name, count in self.count.items()
            if count[i]
        ]

    def relaxable(self) -> Bools:
        """Whose owners agreed to anything."""
        result: Bools = np.any([np.zeros(self.n, dtype=bool), *(c > 0 for c in self.count.values())], axis=0)
        return result

    def most(self, relaxed: tuple[Restriction, ...]) -> Ints:
        """How many steps each vehicle has among these restrictions."""
        counts = [self.count[name] for name in relaxed if name in self.count]
        result: Ints = np.max([np.zeros(self.n, dtype=np.int64), *counts], axis=0)
        return result

    def most_power_w(self) -> Ints:
        """The most power that each owner agreed to."""
        none = np.zeros((1, self.n), dtype=np.int64)
        result: Ints = self.steps.get(Restriction.POWER_LIMIT, none).max(axis=0)
        return result

    def loosened(self, owners: Vehicles, relaxed: tuple[Restriction, ...], step: int) -> Vehicles:
        """`VehicleSpec.loosened` for all."""
        changes: dict[str, Ints] = {}
        for name in relaxed:
            if name not in self.count:
                continue
            agreed, steps = self.count[name] > 0, self.steps[name]
            value = steps[min(step, len(steps) - 1)]
            match name:
                case Restriction.DEPARTURE_SOC | Restriction.RESERVE_SOC:
                    own = getattr(owners, LOOSENED[name])
                    changes[LOOSENED[name]] = np.where(agreed, np.minimum(own, value), own)
                case Restriction.RELAY_OPS:
                    limited = agreed & (owners.relay_ops != NO_LIMIT)
                    changes["relay_ops"] = np.where(limited, np.maximum(owners.relay_ops, value), owners.relay_ops)
                case Restriction.POWER_LIMIT:
                    charge, discharge = owners.max_charge_w, owners.max_discharge_w
                    changes["max_charge_w"] = np.where(agreed, np.maximum(charge, value), charge)
                    feeds = agreed & (discharge > 0)
                    changes["max_discharge_w"] = np.where(feeds, np.maximum(discharge, value), discharge)
                case _:
                    changes["departs_us"] = owners.departs_us + np.where(agreed, value * 1_000_000, 0)
        return replace(owners, **changes)
