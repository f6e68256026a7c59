"""The simulated drivers of a party's devices, and what tells its actor something by itself."""

from collections.abc import Collection, Mapping

from agents.devices.pv_surplus import PvSurplus
from agents.drivers import simulated
from agents.drivers.plan_feed import PlanFeed
from agents.drivers.registry import devices_of
from agents.drivers.telling import TellingDriver
from agents.drivers.travelling import TravellingVehicle
from agents.settings.devices import DeviceSpec, VehicleSpec
from agents.settings.parties import DerSettings, PartySettings
from protocol.actor import Driver, Feed


def build_driver(spec: DeviceSpec, surplus: PvSurplus | None = None) -> Driver:
    """A simulated driver for a device; `surplus`: of its home, for a vehicle that follows it."""
    if isinstance(spec, VehicleSpec) and spec.lives_on:
        return TellingDriver(spec, TravellingVehicle(spec, surplus), stores=True)
    driver = simulated.build_driver(spec, surplus)
    if spec.state_valid_s is not None and isinstance(driver, simulated.SimulatedDriver):
        return TellingDriver(spec, driver.physics, driver.stores)
    return driver


def build_drivers(settings: PartySettings, but: Collection[str] = ()) -> dict[str, Driver]:
    """Simulated drivers for the devices that belong to a party, but for those that are real."""
    surplus = PvSurplus(settings.devices, settings.connection) if isinstance(settings, DerSettings) else None
    return {
        spec.resource_id: build_driver(spec, surplus) for spec in devices_of(settings) if spec.resource_id not in but
    }


def build_feeds(settings: PartySettings, drivers: Mapping[str, Driver]) -> tuple[Feed, ...]:
    """What tells a party's actor something by itself, beside its devices: the plans of a home's vehicles."""
    devices = settings.devices if isinstance(settings, DerSettings) else ()
    planned = [spec for spec in devices if isinstance(spec, VehicleSpec) and spec.lives_on]
    return (PlanFeed(planned, drivers),) if planned else ()
