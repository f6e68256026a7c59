"""Finds drivers by their names: those of gridpact, and those that installed packages add (docs/drivers.md).

A package names its drivers as entry points of the group `gridpact.drivers`, `NAME = "module:Class"`. Which devices name
which stands in their settings; a device without one is simulated.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from agents.drivers.contract import DeviceDriver
from agents.drivers.names import SIMULATED as SIMULATED  # noqa: PLC0414 - its home for all but the command line
from agents.drivers.remote import RemoteDevice
from agents.drivers.thread import DriverThread
from agents.settings.checked import ConfigError, checked
from agents.settings.devices import DeviceSpec, Spec
from agents.settings.installed import loaded, package_of, point_of
from agents.settings.parties import AggregatorSettings, DerSettings, PartySettings

GROUP = "gridpact.drivers"
SHIPPED: Mapping[str, str] = {
    SIMULATED: "agents.drivers.simulated:build_driver",
    "mqtt": "agents.drivers.mqtt:MqttDriver",
    "ocpp": "agents.drivers.ocpp:OcppDriver",
    "echonet": "agents.drivers.echonet:EchonetDriver",
}
"""Loaded when they are named. The simulated one is none of the contract's: its devices answer at the same instant."""
METERS = " (meters)"
"""Behind the name of a driver that reads the meters of devices."""
METHODS = ("abilities", "run", "read", "set_power", "release")


def driver_class(name: str, where: str) -> type[DeviceDriver]:
    """The class of a driver of real devices. Raises ConfigError."""
    if name == SIMULATED:
        raise ConfigError(f"{where}.driver: what a real device does is not simulated: name the driver that reads it")
    point = point_of(GROUP, name, SHIPPED, f"{where}.driver", "driver")
    if point is None:
        module, _, item = SHIPPED[name].partition(":")
        try:
            ours: type[DeviceDriver] = getattr(import_module(module), item)
        except ModuleNotFoundError as error:
            text = f"{error.name} is not installed: pip install 'gridpact[{name}]'"
            raise ConfigError(f"{where}.driver: {text}") from None
        return ours
    found: type[DeviceDriver] = loaded(point, f"{where}.driver")
    options = getattr(found, "Options", None)
    fits = isinstance(found, type) and all(callable(getattr(found, method, None)) for method in METHODS)
    if not fits or not isinstance(options, type) or not issubclass(options, BaseModel):
        wanted = f"class with Options, {', '.join(METHODS)}"
        raise ConfigError(f"{where}.driver: {point.value} of {package_of(point)} is no {wanted}")
    return found


def is_remote(spec: Spec) -> bool:
    """Whether a device is a real one, at a driver."""
    return spec.driver not in (None, SIMULATED)


def check_simulated(parties: Iterable[PartySettings], where: str) -> None:
    """Of whoever can only simulate. Raises ConfigError when a device names a driver."""
    for settings in parties:
        for spec in devices_of(settings):
            if is_remote(spec):
                text = "devices are simulated here: leave it out, or run its party as a daemon (gridpact run)"
                raise ConfigError(f"{where}: {settings.name}: {spec.resource_id}: driver: {text}")
            _check_alone(spec, f"{where}: {settings.name}: {spec.resource_id}")


def _check_alone(spec: Spec, where: str) -> None:
    """Raises ConfigError for what only a device with a driver has, and for a driver of its battery alone."""
    battery: Spec | None = getattr(spec, "battery", None)
    if battery is not None and any((battery.driver, battery.options, battery.meter)):
        raise ConfigError(f"{where}: battery.driver: a plant and its battery are one device: name the plant's driver")
    for key in ("options", "meter"):
        if not is_remote(spec) and getattr(spec, key) is not None:
            text = 'a simulated device has none: name its driver, as in driver = "mqtt"'
            raise ConfigError(f"{where}: {key}: {text}")


def devices_of(settings: PartySettings) -> tuple[DeviceSpec, ...]:
    """All devices that belong to a party."""
    match settings:
        case AggregatorSettings():
            return settings.storage
        case DerSettings():
            return settings.devices
    return ()


def options_of(name: str, given: Mapping[str, Any] | None, where: str, folder: Path) -> BaseModel:
    """A device's options as its driver's model; paths in them begin at a folder. Raises ConfigError."""
    model = driver_class(name, where).Options
    made = checked(model, dict(given or {}), f"{where}.options")
    return made.placed(folder) if isinstance(made, Placed) else made


@runtime_checkable
class Placed(Protocol):
    """Options with paths in them."""

    def placed(self, folder: Path) -> BaseModel:
        """The same with paths that begin at a folder."""
        ...


@runtime_checkable
class OfMeter(Protocol):
    """Options whose defaults are others for a meter, lest it and its device are taken for one."""

    def of_meter(self, device: str) -> BaseModel:
        """The same for the meter of a device."""
        ...


class Drivers:
    """All drivers of real devices in one process, one object for each that is named."""

    def __init__(self, parties: Iterable[PartySettings], folder: Path, where: str) -> None:
        """Raises ConfigError."""
        self._folder, self._where = folder, where
        options: dict[str, dict[str, BaseModel]] = {}
        self._of: dict[str, tuple[str, str | None, int | None]] = {}
        for settings in parties:
            for spec in devices_of(settings):
                for driver, one in self._named(spec, f"{settings.name}: {spec.resource_id}"):
                    options.setdefault(driver, {})[spec.resource_id] = one
        self._threads = {driver: self._begun(driver, given) for driver, given in options.items()}

    def _named(self, spec: Spec, which: str) -> Iterator[tuple[str, BaseModel]]:
        """The drivers that a device names, with its options."""
        where = f"{self._where}: {which}"
        _check_alone(spec, where)
        if not is_remote(spec):
            return
        assert spec.driver is not None
        yield spec.driver, options_of(spec.driver, spec.options, where, self._folder)
        meter = spec.meter
        if meter is not None:
            read_by = options_of(meter.driver, meter.options, f"{where}: meter", self._folder)
            yield _meter(meter.driver), read_by.of_meter(spec.resource_id) if isinstance(read_by, OfMeter) else read_by
        self._of[spec.resource_id] = spec.driver, None if meter is None else _meter(meter.driver), capacity_wh(spec)

    def _begun(self, driver: str, options: dict[str, BaseModel]) -> DriverThread:
        name = driver.removesuffix(METERS)
        try:
            made = driver_class(name, self._where)(options)
            for device in options:
                made.abilities(device)
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - the driver's, told as such
            raise ConfigError(f"{self._where}: the driver {name} cannot begin: {error}") from None
        return DriverThread(driver, made)

    def of(self, settings: PartySettings) -> dict[str, RemoteDevice]:
        """The real devices of a party."""
        found = {}
        for spec in devices_of(settings):
            if spec.resource_id in self._of:
                driver, meter, capacity = self._of[spec.resource_id]
                at_meter = None if meter is None else self._threads[meter]
                found[spec.resource_id] = RemoteDevice(
                    spec.resource_id, self._threads[driver], capacity_wh=capacity, meter=at_meter
                )
        return found

    def threads(self) -> dict[str, DriverThread]:
        """All real devices, each with its driver."""
        return {name: self._threads[driver] for name, (driver, _, _) in self._of.items()}

    def meters(self) -> dict[str, DriverThread]:
        """The real devices whose register is that of a meter of its own, each with the driver of that."""
        return {name: self._threads[meter] for name, (_, meter, _) in self._of.items() if meter is not None}

    def left_alone(self) -> dict[str, DriverThread]:
        """The devices that nobody gives back when nothing is heard of us any more, each with its driver."""
        found = {}
        for name, (driver, _, _) in self._of.items():
            can = self._threads[driver].driver.abilities(name)
            if can.falls_back_s is None and not can.gives_back:
                found[name] = self._threads[driver]
        return found


def _meter(driver: str) -> str:
    """Meters have an object of their own: a device and its meter are one name, with two sets of options."""
    return driver + METERS


def capacity_wh(spec: Spec) -> int | None:
    """What a device's store holds, Wh; None for one without a store."""
    found = getattr(spec, "capacity_wh", None) or getattr(spec, "store_wh", None)
    return found if isinstance(found, int) else None
