"""From what stands in TOML to a device: one table."""

from agents.devices.contract import Device
from agents.devices.load import Load
from agents.devices.pv_surplus import PvSurplus
from agents.devices.solar import Solar
from agents.devices.storage import Storage
from agents.devices.vehicle import Vehicle
from agents.settings.devices import DeviceSpec, LoadSpec, SolarSpec, StorageSpec, VehicleSpec
from agents.settings.kinds import kind_of
from agents.settings.parties import DerSettings


def build_home_devices(home: DerSettings) -> list[Device]:
    """The devices of a home, in order."""
    surplus = PvSurplus(home.devices, home.connection)
    return [build_device(spec, surplus) for spec in home.devices]


def build_device(spec: DeviceSpec, surplus: PvSurplus | None = None) -> Device:
    """The device that a spec describes; `surplus`: of its home, for a vehicle that follows it."""
    match spec:
        case VehicleSpec():
            return Vehicle(spec, surplus)
        case StorageSpec():
            return Storage(spec)
        case SolarSpec():
            return Solar(spec)
        case LoadSpec():
            return Load(spec)
    device: Device = kind_of(spec.kind).device(spec)
    return device
