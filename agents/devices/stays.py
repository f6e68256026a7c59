"""The times for which a vehicle is plugged in: the present one as the device tells it, the coming ones as its owner plans
them. Each is a vehicle of its own to the computation, with the energy that it has (or is expected to have) when it
begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.devices.condition import limits
from agents.settings.devices import VehicleSpec
from protocol.actor import Measured, Planned, PlannedStay


@dataclass(frozen=True, slots=True)
class Stay:
    """One of them."""

    spec: VehicleSpec
    """At its newest reading."""
    declared: VehicleSpec
    """As it was when it began, before any event touched it."""

    def overlap(self, start: datetime, end: datetime) -> timedelta:
        """For how long it lies between two instants."""
        return max(timedelta(), min(end, self.spec.departs_at) - max(start, self.spec.plugs_in_at))


class Stays:
    """Of one vehicle whose owner has a plan."""

    def __init__(self, settings: VehicleSpec) -> None:
        self.settings = settings
        self.plan: Planned | None = None
        self.begun: Measured | None = None
        """The reading with which the present stay began; None while the vehicle is away."""
        self.last: Measured | None = None
        """The newest reading that told the energy."""

    def observe(self, reading: Measured) -> None:
        """Take the newest state: who is plugged in anew, or still is behind its departure, begins a stay."""
        if self.last is not None and reading.at < self.last.at:
            return
        ends_at = self._departs_at()
        if not self._is_plugged(reading):
            self.begun = None
        elif reading.soc_wh is not None and (ends_at is None or ends_at <= reading.at):
            self.begun = reading
        if reading.soc_wh is not None:
            self.last = reading

    def present(self) -> Stay | None:
        """The one that the device tells; None while it is away, or nobody knows for how long it stays."""
        begun, last, departs_at = self.begun, self.last, self._departs_at()
        if begun is None or last is None or departs_at is None or departs_at <= last.at:
            return None
        wanted = self._planned_after(begun.at)
        declared = self._as_of(begun, begun.at, departs_at, wanted)
        return Stay(self._as_of(last, begun.at, departs_at, wanted), declared)

    def coming(self, now: datetime) -> Iterator[Stay]:
        """Those that the owner's plan lets one count on: back at a time, with an energy. Who is late is not counted on."""
        after = max(now, self._departs_at() or now)
        for one in self.plan.stays if self.plan is not None else ():
            if one.plugs_in_at is None or one.arrives_wh is None or one.plugs_in_at < after:
                continue
            expected = Measured(self.settings.resource_id, one.plugs_in_at, one.arrives_wh)
            spec = self._as_of(expected, one.plugs_in_at, one.departs_at, one)
            yield Stay(spec, spec)

    def _is_plugged(self, reading: Measured) -> bool:
        """As the device tells it; one that does not is where the plan has it."""
        if reading.plugged is not None:
            return reading.plugged
        if self.plan is None:
            return self.settings.plugs_in_at <= reading.at < self.settings.departs_at
        one = self._planned_after(reading.at)
        return one is None or one.plugs_in_at is None or one.plugs_in_at <= reading.at

    def _planned_after(self, at: datetime) -> PlannedStay | None:
        """The planned stay with the next departure."""
        known = self.plan.stays if self.plan is not None else ()
        return next((one for one in known if one.departs_at > at), None)

    def _departs_at(self) -> datetime | None:
        """When the present stay ends: as the car knows it, or as its owner plans it; when nobody plans one, not before
        the plan ends."""
        begun, last = self.begun, self.last
        if begun is None or last is None:
            return None
        if last.departs_at is not None and last.departs_at > last.at:
            return last.departs_at
        if self.plan is None:
            return self.settings.departs_at
        one = self._planned_after(begun.at)
        return self.plan.until if one is None else one.departs_at

    def _as_of(
        self, reading: Measured, plugs_in_at: datetime, departs_at: datetime, wanted: PlannedStay | None
    ) -> VehicleSpec:
        """The vehicle at a reading, in a stay."""
        settings = self.settings
        soc_wh = settings.soc_wh if reading.soc_wh is None else min(reading.soc_wh, settings.capacity_wh)
        wanted_wh = settings.departure_soc_wh if wanted is None or wanted.soc_wh is None else wanted.soc_wh
        changes: dict[str, object] = {
            "soc_wh": soc_wh,
            "state_at": reading.at,
            "plugs_in_at": plugs_in_at,
            "departs_at": departs_at,
            "departure_soc_wh": wanted_wh,
        }
        return limited(settings.model_copy(update=changes), reading)


def limited(spec: VehicleSpec, reading: Measured) -> VehicleSpec:
    """The vehicle within its limits at the moment of a reading, and with the relay operations that are left today."""
    changes = limits(spec, reading)
    if spec.relay_ops_a_day is not None:
        left = max(0, spec.relay_ops_a_day - (reading.relay_ops_today or 0))
        changes["relay_ops_left"] = left if spec.relay_ops_left is None else min(left, spec.relay_ops_left)
    return spec.model_copy(update=changes) if changes else spec
