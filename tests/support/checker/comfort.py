"""Whether rooms stay as warm as their owners want them: by what the devices read, beside what they would have been."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from agents.devices.climate import ClimatePhysics, ClimateSpec, temperature_c
from agents.drivers.simulated import SimulatedDriver
from agents.settings.parties import DerSettings
from protocol.actor import Entry, Measured

OFF_K = 0.05
"""Whole watts and whole Wh."""


class _Room:
    """One, beside another one that no event touches."""

    def __init__(self, spec: ClimateSpec) -> None:
        self.spec = spec
        self._physics = ClimatePhysics(spec)
        self._alone = SimulatedDriver(spec.resource_id, self._physics, stores=True)

    def outside_k(self, reading: Measured) -> float:
        """By how much it is further outside of the limits of comfort than it would have been, K."""
        self._alone.advance(reading.at)
        assert reading.soc_wh is not None
        return self._beyond_k(reading.soc_wh) - max(0.0, self._beyond_k(self._physics.energy_wh))

    def _beyond_k(self, stored_wh: float) -> float:
        room_c = temperature_c(self._physics.room, stored_wh)
        return max(self.spec.least_c - room_c, room_c - self.spec.most_c)


def violations(homes: Sequence[DerSettings], trace: Sequence[Entry]) -> Iterator[str]:
    """Each broken promise in one sentence."""
    rooms = {spec.resource_id: _Room(spec) for home in homes for spec in home.devices if isinstance(spec, ClimateSpec)}
    told: dict[str, datetime] = {}
    for entry in trace:
        reading = entry.input
        if not isinstance(reading, Measured) or reading.resource_id not in rooms or reading.soc_wh is None:
            continue
        if told.setdefault(reading.resource_id, reading.at) > reading.at:
            continue
        told[reading.resource_id] = reading.at
        if (over_k := rooms[reading.resource_id].outside_k(reading)) > OFF_K:
            yield f"Q8: {reading.resource_id} is {over_k:.2f} K outside of its owner's comfort at {reading.at}"
