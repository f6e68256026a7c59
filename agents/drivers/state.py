"""What is remembered of a device, as a frozen model with a version: it lives through a restart as its party does."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from agents.drivers.remote import RemoteDevice
from agents.drivers.simulated import SimulatedDriver, SolarPhysics, VehiclePhysics
from agents.drivers.travelling import TravellingVehicle
from protocol.actor import Follower
from protocol.remembered import StateForm


@dataclass(frozen=True, slots=True)
class SimulatedState:
    """Of `SimulatedDriver`."""

    now: datetime
    orders: tuple[tuple[datetime, datetime, int], ...]
    flows: tuple[tuple[datetime, datetime, float], ...]
    energy_wh: float
    departs_at: datetime | None
    """Of a vehicle: its owner may have put the departure off."""
    before_wh: float = 0.0
    """What flowed before the first of the flows."""
    version: Literal[1] = 1
    plugs_in_at: datetime | None = None
    """Of a vehicle with a plan: when its present stay began, or the coming one begins."""
    relay_ops_today: int = 0
    relay_closed: bool = False


SIMULATED = StateForm(SimulatedState)

OF_REMOTE = '"device":"remote"'
"""Stands in the memory of a real device."""


def driver_memory(driver: Follower) -> str | None:
    """What a driver remembers, as JSON; None for one whose device remembers by itself."""
    if isinstance(driver, RemoteDevice):
        return driver.memory()
    if not isinstance(driver, SimulatedDriver):
        return None
    physics = driver.physics
    departs_at = physics.departs_at if isinstance(physics, VehiclePhysics) else None
    state = SimulatedState(
        driver.now, tuple(driver.orders), tuple(driver.flows), physics.energy_wh, departs_at, driver.before_wh
    )
    if isinstance(physics, TravellingVehicle):
        relay, plugs_in_at = physics.relay, physics.spec.plugs_in_at
        counted = relay.today(driver.now)
        state = replace(state, plugs_in_at=plugs_in_at, relay_ops_today=counted, relay_closed=relay.closed)
    return SIMULATED.dump(state).decode()


def remember_driver(driver: Follower, memory: str) -> None:
    """Let a fresh driver remember. A device that was a simulated one, or is one now, begins anew. Raises UnknownState."""
    if isinstance(driver, RemoteDevice) and OF_REMOTE in memory:
        driver.remember(memory)
    if not isinstance(driver, SimulatedDriver) or OF_REMOTE in memory:
        return
    state, physics = SIMULATED.load(memory.encode()), driver.physics
    driver.now, driver.orders, driver.flows = state.now, list(state.orders), list(state.flows)
    driver.before_wh = state.before_wh
    store = physics.battery if isinstance(physics, SolarPhysics) else physics
    if store is not None:
        store.energy_wh = state.energy_wh  # type: ignore[misc]  # of every store but a panel's, which has none
    driver.levels = [(driver.now, physics.energy_wh)]
    if isinstance(physics, TravellingVehicle) and state.plugs_in_at is not None and state.departs_at is not None:
        physics.restore(state.plugs_in_at, state.departs_at)
        physics.relay.restore(state.relay_ops_today, state.relay_closed, state.now)
    elif isinstance(physics, VehiclePhysics) and state.departs_at is not None:
        physics.departs_at = state.departs_at
