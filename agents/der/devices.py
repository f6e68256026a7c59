"""From what stands in TOML to a device: one table."""

from agents.der.device import Device
from agents.der.load import Load
from agents.der.solar import Solar
from agents.der.specs import DeviceSpec, LoadSpec, SolarSpec, StorageSpec, VehicleSpec
from agents.der.storage import Storage
from agents.der.vehicle import Vehicle


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


__all__ = ["DeviceSpec", "LoadSpec", "SolarSpec", "StorageSpec", "VehicleSpec", "build_device"]
