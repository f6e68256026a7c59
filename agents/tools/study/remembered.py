"""Vehicles that compute the same answer once: all sizes and variants of one event ask the same fleet.

S50 is a pure function of the vehicle's settings, its newest state and what is asked, so a remembered answer is the
answer; only time is saved.
"""

from datetime import datetime
from typing import TypeAlias

from agents.devices.catalogue import build_home_devices
from agents.devices.contract import Ask, Device, Flexibility, Ranges, Segment
from agents.devices.vehicle import Vehicle
from agents.parties.der.actor import Der
from agents.parties.der.home import Home
from agents.settings.devices import VehicleSpec
from agents.settings.parties import DerSettings
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import Direction

Key: TypeAlias = tuple[object, ...]


class RememberedVehicle:
    """A vehicle, and the answers that it (or the same vehicle in an earlier run) gave."""

    kind = ResourceKind.VEHICLE

    def __init__(self, vehicle: Vehicle, known: dict[Key, Flexibility]) -> None:
        self._vehicle, self._known = vehicle, known

    @property
    def resource_id(self) -> str:
        return self._vehicle.resource_id

    @property
    def relaxable(self) -> tuple[Restriction, ...]:
        return self._vehicle.relaxable

    def capacity_w(self, direction: Direction) -> int:
        return self._vehicle.capacity_w(direction)

    @property
    def spec(self) -> VehicleSpec:
        return self._vehicle.spec

    def mixes(self, direction: Direction) -> bool:
        return self._vehicle.mixes(direction)

    def observe(self, reading: Measured) -> None:
        self._vehicle.observe(reading)

    def ranges_w(self, ask: Ask, schedule_w: SignedPlan) -> Ranges:
        return self._vehicle.ranges_w(ask, schedule_w)

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        return self._vehicle.lay_out(ask, schedule_w, power_w)

    def flexibility(self, ask: Ask) -> Flexibility:
        state: tuple[str, int, datetime] = (self.resource_id, self._vehicle.spec.soc_wh, self._vehicle.spec.state_at)
        period = ask.period
        key = (
            *state,
            ask.direction,
            period.start,
            period.duration,
            ask.power_w,
            ask.reserved,
            ask.relaxed,
            ask.weights,
        )
        if key not in self._known:
            self._known[key] = self._vehicle.flexibility(ask)
        return self._known[key]


class Memory:
    """The answers of one fleet in one event; makes its homes."""

    def __init__(self) -> None:
        self._known: dict[Key, Flexibility] = {}

    def der(self, settings: DerSettings) -> Der:
        """The home's actor, its vehicles remembered."""
        devices = [self._remembered(device) for device in build_home_devices(settings)]
        return Der(settings, Home(devices, settings.relax_others, settings.connection))

    def _remembered(self, device: Device) -> Device:
        if isinstance(device, Vehicle) and device.stays is None and device.surplus is None:
            return RememberedVehicle(device, self._known)
        return device
