"""What a home's solar plants generate by themselves above its base load, as forecast. Pure: from settings alone."""

from collections.abc import Sequence
from datetime import datetime

from agents.devices.rows.cars import MICROSECOND, micros
from agents.devices.rows.sunshine import Sunshine
from agents.devices.solar import Solar
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import DeviceSpec, SolarSpec
from protocol.units import SLOT


class PvSurplus:
    """Of one home."""

    def __init__(self, devices: Sequence[DeviceSpec], connection: ConnectionPoint | None) -> None:
        self._plants = [Solar(spec) for spec in devices if isinstance(spec, SolarSpec)]
        self._connection = connection

    def power_w(self, at: datetime) -> int:
        """At an instant, W; where the base load is not known for certain, what is left of the greatest one."""
        generated_w = sum(min(plant.possible_w(at), plant.spec.export_limit_w) for plant in self._plants)
        base_w = self._connection.base_range_w(at, at + MICROSECOND)[1] if self._connection is not None else 0
        return max(0, generated_w - base_w)

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        """Instants between two at which it may change, in order."""
        anchors = [plant.spec.forecast_at for plant in self._plants]
        if self._connection is not None and self._connection.base_load_at is not None:
            anchors.append(self._connection.base_load_at)
        found = set()
        for anchor in anchors:
            at = start + (anchor - start) % SLOT
            while at < end:
                found.add(at)
                at += SLOT
        return sorted(found - {start})

    def sunshine(self, start: datetime, end: datetime) -> Sunshine:
        """As rows, from one instant to another."""
        pieces = [start, *self.edges(start, end)]
        return Sunshine([micros(at) for at in pieces], [self.power_w(at) for at in pieces])
