"""From what stands in TOML to a device: one table."""

from agents.devices.contract import Device
from agents.devices.load import Load
from agents.devices.solar import Solar
from agents.devices.storage import Storage
from agents.devices.vehicle import Vehicle
from agents.settings.devices import DeviceSpec, LoadSpec, SolarSpec, StorageSpec, VehicleSpec
from agents.settings.kinds import kind_of


def build_device(spec: DeviceSpec) -> Device:
    """The device that a spec describes."""
    match spec:
        case VehicleSpec():
            return Vehicle(spec)
        case StorageSpec():
            return Storage(spec)
        case SolarSpec():
            return Solar(spec)
        case LoadSpec():
            return Load(spec)
    device: Device = kind_of(spec.kind).device(spec)
    return device
