"""Bugs on purpose against the physical truth: what a device is told, what its owner has left, what is told of it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from agents.devices import vehicle
from agents.devices.course import laid_out
from agents.devices.vehicle import Vehicle
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.parties.der.without_event import WithoutEvent
from agents.settings.devices import VehicleSpec
from protocol.actor import Measured, Setpoint

Patch = tuple[Any, str, Any]


def _sold_twice() -> list[Patch]:
    return [(Ledger, "but", lambda self, event_id: {})]


def _below_least_power() -> list[Patch]:
    def lay_out(self: Vehicle, ask: Any, schedule_w: Any, power_w: Any) -> Any:
        return laid_out(ask, schedule_w, power_w)

    return [(Home, "runnable", lambda self, setpoint: setpoint), (Vehicle, "lay_out", lay_out)]


def _set_point_doubled() -> list[Patch]:
    setpoints = Ledger._setpoints

    def doubled(self: Ledger, resource_id: str, since: datetime, led: bool) -> list[Setpoint]:
        found = setpoints(self, resource_id, since, led)
        return [Setpoint(s.resource_id, s.power_w and 2 * s.power_w, s.at, s.until) for s in found]

    return [(Ledger, "_setpoints", doubled)]


def _baseline_made_up() -> list[Patch]:
    baseline_wh = WithoutEvent.baseline_wh

    def higher(self: WithoutEvent, values: Iterable[Measured], *what: Any) -> tuple[int, int]:
        baseline, rest = baseline_wh(self, values, *what)
        return baseline - self.held.direction.sign * 500, rest

    return [(WithoutEvent, "baseline_wh", higher)]


def _owner_forgotten() -> list[Patch]:
    car_of = vehicle.car_of

    def careless(spec: VehicleSpec, declared: VehicleSpec) -> Any:
        nothing = {"departure_soc_wh": 0}
        return car_of(spec.model_copy(update=nothing), declared.model_copy(update=nothing))

    return [(vehicle, "car_of", careless)]


PLANTED_LIVES: dict[str, Callable[[], list[Patch]]] = {
    "sold_twice": _sold_twice,
    "below_least_power": _below_least_power,
    "set_point_doubled": _set_point_doubled,
    "baseline_made_up": _baseline_made_up,
    "owner_forgotten": _owner_forgotten,
}
