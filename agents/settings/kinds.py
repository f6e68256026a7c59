"""Finds the kinds of devices beyond the first four: those of gridpact, and those that installed packages add.

A package names a kind as an entry point of the group `gridpact.devices`, `KIND = "module:object"`; the object is an
`agents.devices.kinds.DeviceKind` (docs/device-kinds.md). In settings its name stands as `kind`.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from agents.settings.checked import ConfigError
from agents.settings.devices import FIRST_KINDS, Spec
from agents.settings.installed import loaded, names, package_of, point_of

GROUP = "gridpact.devices"
SHIPPED: Mapping[str, str] = {"climate": "agents.devices.climate:climate"}
"""Loaded when they are named."""
METHODS = ("device", "physics")


def other_kinds() -> tuple[str, ...]:
    """The names of all kinds beyond the first four."""
    return tuple(name for name in names(GROUP, SHIPPED) if name not in FIRST_KINDS)


@cache
def kind_of(name: str) -> Any:
    """The kind of a name. Raises ConfigError for one that is not installed, or cannot be used."""
    where = f"kind {name}"
    point = point_of(GROUP, name, SHIPPED, where, "kind of device")
    if point is None:
        module, _, item = SHIPPED[name].partition(":")
        return getattr(import_module(module), item)
    found = loaded(point, where)
    model = getattr(found, "Settings", None)
    fits = all(callable(getattr(found, method, None)) for method in METHODS)
    if not fits or not isinstance(model, type) or not issubclass(model, Spec):
        wanted = "object with Settings (a Spec), device and physics"
        raise ConfigError(f"{where}: {point.value} of {package_of(point)} is no {wanted}")
    return found
