"""A simulated device that tells its state by itself: when its vehicle is plugged in or leaves, and before what it told is
too old to count."""

from dataclasses import replace
from datetime import datetime, timedelta

from agents.drivers.simulated import Physics, SimulatedDriver
from agents.drivers.travelling import TravellingVehicle
from agents.settings.devices import DeviceSpec
from protocol.actor import Actor, Measured


class TellingDriver(SimulatedDriver):
    """The same device; `inputs` is what it tells."""

    def __init__(self, spec: DeviceSpec, physics: Physics, stores: bool) -> None:
        super().__init__(spec.resource_id, physics, stores)
        self.vehicle = physics if isinstance(physics, TravellingVehicle) else None
        self._every = None if spec.state_valid_s is None else timedelta(seconds=spec.state_valid_s) / 2
        self._told_at = physics.start_at - timedelta(microseconds=1)  # that it is plugged in then is told, too

    @property
    def next_at(self) -> datetime | None:
        """When it tells something next."""
        turn_at = None if self.vehicle is None else self.vehicle.next_turn(self._told_at)
        again_at = None if self._every is None else self._told_at + self._every
        return min((at for at in (turn_at, again_at) if at is not None), default=None)

    def inputs(self, actor: Actor, now: datetime) -> list[Measured]:
        """Its state now."""
        return [self.measure(now, now)]

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        told = super().measure(from_at, until)
        self._told_at = max(self._told_at, until)
        if self.vehicle is None:
            return told
        limited, gone = self.vehicle.settings.relay_ops_a_day is not None, self.vehicle.departures
        # of a stay that is over when it is asked for, the plan tells
        plugged = None if gone and until < gone[-1].at else self.vehicle.is_plugged(until)
        soc_wh = None if plugged is False else told.soc_wh
        operations = self.vehicle.relay.today(until) if limited else None
        return replace(told, soc_wh=soc_wh, plugged=plugged, relay_ops_today=operations)
