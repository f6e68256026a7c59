"""What a kind of device is made of, when it is none of the first four (docs/device-kinds.md).

An object with these attributes stands behind an entry point of `gridpact.devices`. All of it is pure: no clock, no
chance, no I/O. On the wire the kind travels as `load`: parents know no other.
"""

from datetime import datetime
from typing import Any, Protocol

from agents.devices.contract import Device
from agents.settings.devices import Spec


class DevicePhysics(Protocol):
    """A simulated device: what it would do by itself, and what a power does to its store."""

    start_at: datetime
    """When it was in the state that its settings tell."""
    energy_wh: float
    """What is in its store now, Wh at the grid side: its whole state, lived on through restarts."""

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        """Instants between start and end at which the own schedule may change."""
        ...

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        """Follow a set-point (None: the own schedule) and return the grid energy, signed Wh. No edge lies within."""
        ...


class DeviceKind(Protocol):
    """One kind. Its settings model has `kind: Literal["its name"]`, and its Device the kind `ResourceKind.LOAD`."""

    @property
    def Settings(self) -> type[Spec]:
        """The model of what stands in settings."""
        ...

    @property
    def at_start(self) -> tuple[str, ...]:
        """Keys of the settings that are a scenario's start where they are not given."""
        ...

    def device(self, spec: Any, /) -> Device:
        """What computes what it can give."""
        ...

    def physics(self, spec: Any, /) -> DevicePhysics:
        """What it does when nobody drives a real one."""
        ...
