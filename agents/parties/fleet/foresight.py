"""What many homes are about to compute, computed at once: S50 and S52 of all who are asked in one batch of messages.

A home stays an ordinary `Der`; only its `Home` is one that may find its answer ready. An answer is taken when it was
computed for exactly what is asked now, of the very state that the vehicle has now; else the home computes as always.
So a wrong guess costs time and changes nothing.

Covered are homes with one vehicle of which no other event holds anything, with a connection point or without. Of a
vehicle with a plan it is the one stay that the event lies in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np

from agents.devices.condition import tells_more
from agents.devices.contract import Device, Flexibility, Segment
from agents.devices.rows.arrays import Ints
from agents.devices.rows.cars import Car
from agents.devices.rows.flexibility import RESTRICTIONS, Answers, VehicleFleet
from agents.devices.vehicle import Vehicle
from agents.parties.der.home import Home
from agents.parties.der.home_flexibility import HomeFlexibility
from agents.parties.fleet.points import Points
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import VehicleSpec
from protocol.messages import IntervalPeriod, ResourceKind, Restriction
from protocol.plan import Plan
from protocol.units import Direction

State: TypeAlias = VehicleSpec | tuple[Car, int]
"""Of a vehicle: its newest spec; of one with a plan the stay that it is asked about, and its charger's power, W."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_POWER_LIMIT = RESTRICTIONS.index(Restriction.POWER_LIMIT)


@dataclass(frozen=True, slots=True)
class Computation:
    """What a home is expected to compute."""

    direction: Direction
    period: IntervalPeriod
    asked_w: Plan
    relaxed: tuple[Restriction, ...] = ()


class ForeseeingHome(Home):
    """A home with one vehicle that may find its next answer ready."""

    def __init__(self, devices: Sequence[Device], connection: ConnectionPoint | None = None) -> None:
        super().__init__(devices, connection=connection)
        self._ready: tuple[Computation, State, Flexibility] | None = None
        self._at = LONG_AGO
        self._seen = self.vehicle.spec

    @property
    def vehicle(self) -> Vehicle:
        """Its only device."""
        device = self.devices[0]
        assert isinstance(device, Vehicle)
        return device

    def moved(self) -> bool:
        """Whether the vehicle has another state than when this was last asked."""
        seen, self._seen = self._seen, self.vehicle.spec
        return seen is not self._seen

    @property
    def is_usual(self) -> bool:
        """Whether the vehicle is counted on, and what is known of it is its energy, or stands in its stays."""
        told = self.told.get(self.vehicle.resource_id)
        known = self.vehicle.stays is not None or told is None or not tells_more(told)
        return not self.troubled and known

    def look(self, now: datetime) -> None:
        super().look(now)
        self._at = now

    def state(self, wanted: Computation, now: datetime) -> State | None:
        """What its answer hangs on besides what is asked; None where that is more than one stay, or none."""
        vehicle = self.vehicle
        if vehicle.stays is None:
            return vehicle.spec
        car = vehicle.car(vehicle.stays, wanted.period, len(wanted.asked_w), now)
        return None if car is None else (car, vehicle.spec.max_charge_w)

    def foresee(self, wanted: Computation, answer: Flexibility, state: State | None = None) -> None:
        """Keep an answer for the next question; `state`: of which it was computed, if that is not the vehicle's energy."""
        self._ready = wanted, state or self.vehicle.spec, answer

    def flexibility(
        self,
        direction: Direction,
        period: IntervalPeriod,
        asked_w: Plan,
        reserved: Mapping[str, tuple[Segment, ...]],
        relaxed: tuple[Restriction, ...] = (),
    ) -> HomeFlexibility:
        ready, self._ready = self._ready, None
        if ready is not None and not any(reserved.values()) and self.is_usual:
            wanted, state, answer = ready
            now = self.state(wanted, self._at)
            as_foreseen = state is now or (isinstance(now, tuple) and state == now)
            if as_foreseen and wanted == Computation(direction, period, asked_w, relaxed):
                return alone(self.vehicle, answer, reserved, relaxed)
        return super().flexibility(direction, period, asked_w, reserved, relaxed)


def alone(
    vehicle: Vehicle,
    answer: Flexibility,
    reserved: Mapping[str, tuple[Segment, ...]],
    relaxed: tuple[Restriction, ...],
) -> HomeFlexibility:
    """The answer of a home whose only device is a vehicle."""
    name = vehicle.resource_id
    kinds = {name: (ResourceKind.VEHICLE, bool(vehicle.relaxable))}
    return HomeFlexibility(answer, {name: answer}, kinds, dict(reserved), loosened=relaxed)


class Foresight:
    """The vehicles of all homes that have just one, and what they can give."""

    def __init__(self, specs: Sequence[VehicleSpec], connections: Sequence[ConnectionPoint | None] = ()) -> None:
        """`connections`: each home's connection point; none at all where nothing stands."""
        self._vehicles = VehicleFleet(specs)
        self._points = Points(connections or (None,) * len(specs))
        self._most_w = np.array([spec.max_charge_w for spec in specs], dtype=np.int64)
        self._capacity_w = {
            direction: np.array([Vehicle(spec).capacity_w(direction) for spec in specs], dtype=np.int64)
            for direction in Direction
        }
        self._readings: dict[datetime, dict[int, int]] = {}

    def read(self, vehicle: int, soc_wh: int, at: datetime) -> None:
        """Take a newer state of a vehicle, as `Vehicle.observe` does."""
        self._readings.setdefault(at, {})[vehicle] = soc_wh

    def put(self, vehicle: int, state: State) -> None:
        """Let a vehicle with a plan be as it is in the stay that it is asked about."""
        if isinstance(state, tuple):
            car, self._most_w[vehicle] = state
            self._vehicles.now.put(vehicle, car)

    def compute(self, wanted: Iterable[tuple[int, Computation]]) -> dict[int, Flexibility]:
        """Joint flexibility of homes with the vehicles of these numbers; each number stands there once at most."""
        self._observe()
        groups: dict[tuple[object, ...], list[tuple[int, Computation]]] = {}
        for vehicle, one in wanted:
            period = one.period
            key = (one.direction, period.start, period.duration, len(one.asked_w), one.relaxed)
            groups.setdefault(key, []).append((vehicle, one))
        found: dict[int, Flexibility] = {}
        for group in groups.values():
            found.update(self._group(group))
        return found

    def _observe(self) -> None:
        for at in sorted(self._readings):
            read = self._readings[at]
            index, soc_wh = np.fromiter(read, np.int64, len(read)), np.fromiter(read.values(), np.int64, len(read))
            self._vehicles.now.read(index, soc_wh, at)
        self._readings.clear()

    def _group(self, group: Sequence[tuple[int, Computation]]) -> Iterable[tuple[int, Flexibility]]:
        """Of those who are asked in the same way: `Home.flexibility`, once for what is asked and once for the most."""
        first = group[0][1]
        index = np.array([vehicle for vehicle, _ in group], dtype=np.int64)
        asked_w = np.ascontiguousarray(np.array([one.asked_w for _, one in group], dtype=np.int64).T)
        capacity_w = np.where(asked_w != 0, self._capacity_w[first.direction][index], 0)
        given = self._flexibility(first, asked_w, index)
        most_w, binding = self._flexibility(first, capacity_w, index).power_w, given.binding
        limited, room_w = self._points.room_w(first.direction, first.period, index, given.schedule_w, self._most_w)
        if limited.any():
            most_w = np.where(limited, np.minimum(most_w, room_w), most_w)
            self._let_through(first, np.where(limited, np.minimum(asked_w, room_w), asked_w), asked_w, index, given)
            binding = np.where(limited & (given.power_w < asked_w) & (binding == 0), _POWER_LIMIT, binding)
            binding = np.where(limited & (given.power_w >= asked_w), 0, binding)
        above = (given.power_w > most_w).any(axis=0)
        columns = zip(
            _rows(given.power_w),
            _rows(np.where(above, given.power_w, most_w)),
            _rows(binding),
            _rows(given.schedule_w),
            strict=True,
        )
        template: dict[tuple[tuple[int, ...], ...], Flexibility] = {}
        for (vehicle, _), column in zip(group, columns, strict=True):
            answer = template.get(column)
            if answer is None:
                power_w, available_w, codes, schedule_w = column
                why = tuple(RESTRICTIONS[code] for code in codes)
                answer = template[column] = Flexibility(power_w, available_w, why, schedule_w)
            yield vehicle, answer

    def _let_through(self, first: Computation, let_w: Ints, asked_w: Ints, index: Ints, given: Answers) -> None:
        """Compute again what is asked of those whose connection point lets less through, W."""
        again = np.flatnonzero((let_w < asked_w).any(axis=0))
        if len(again):
            less = self._flexibility(first, np.ascontiguousarray(let_w[:, again]), index[again])
            given.power_w[:, again], given.binding[:, again] = less.power_w, less.binding

    def _flexibility(self, first: Computation, power_w: Ints, index: Ints) -> Answers:
        return self._vehicles.flexibility(first.direction, first.period, power_w, first.relaxed, index, False)


def _rows(columns: Ints) -> Iterable[tuple[int, ...]]:
    """An array of slots x n as a plan for each of the n."""
    return map(tuple, columns.T.tolist())
