"""What is known of a home's devices: their states, their faults, what their owners plan for them and let them do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from agents.devices.catalogue import build_device
from agents.devices.condition import is_state, trouble
from agents.devices.contract import Device
from agents.devices.vehicle import Vehicle
from agents.settings.limits import UnfitLimits, with_limits
from protocol.actor import Measured, Planned


class HomeDevices:
    """In the order in which they are asked."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = tuple(devices)
        self._by_id = {device.resource_id: device for device in self.devices}
        self.readings: dict[str, Measured] = {}
        """The last state of each device that was read."""
        self.told: dict[str, Measured] = {}
        """The last reading of each device, whatever it told."""
        self.plans: dict[str, Planned] = {}
        """What owners plan for their vehicles."""
        self.troubled: dict[str, str] = {}
        """Devices that are not counted on now, and why."""
        self.limits: dict[str, Mapping[str, object]] = {}
        """What owners say otherwise than the settings, by device."""
        self.declared = {device.resource_id: _settings_of(device) for device in self.devices}
        """As they stand in the settings."""

    def plan(self, planned: Planned) -> None:
        """Take an owner's plan; of a vehicle that the settings no longer have it says nothing."""
        device = self._by_id.get(planned.resource_id)
        if isinstance(device, Vehicle):
            device.plan(self._as_limited(planned))
            self.plans[planned.resource_id] = planned

    def _as_limited(self, planned: Planned) -> Planned:
        """A plan in which the owner's limit at a departure counts, not what the plan wants there."""
        if "departure_soc_wh" not in self.limits.get(planned.resource_id, {}):
            return planned
        return replace(planned, stays=tuple(replace(stay, soc_wh=None) for stay in planned.stays))

    def limit(self, resource_id: str, limits: Mapping[str, object]) -> bool:
        """Take an owner's limits, in the place of those that it gave before; whether the device can have them. One of the
        settings of now may not have what was said of an earlier one."""
        before, declared = self._by_id.get(resource_id), self.declared.get(resource_id)
        if before is None or declared is None:
            return False
        try:
            spec = with_limits(declared, limits)
        except UnfitLimits:
            return False
        made = build_device(spec, getattr(before, "surplus", None))
        self.devices = tuple(made if one is before else one for one in self.devices)
        self._by_id[resource_id] = made
        self._keep_limits(resource_id, limits)
        begun = before.stays.begun if isinstance(before, Vehicle) and before.stays is not None else None
        if isinstance(made, Vehicle) and resource_id in self.plans:
            made.plan(self._as_limited(self.plans[resource_id]))
        for reading in (begun, self.readings.get(resource_id), self.told.get(resource_id)):
            if reading is not None:
                made.observe(reading)
        return True

    def _keep_limits(self, resource_id: str, limits: Mapping[str, object]) -> None:
        if limits:
            self.limits[resource_id] = dict(limits)
        else:
            self.limits.pop(resource_id, None)

    def look(self, now: datetime) -> None:
        """It is so late: which devices are not counted on."""
        found = (
            (device.resource_id, trouble(device.spec, self.told.get(device.resource_id), now))
            for device in self.devices
        )
        self.troubled = {name: why for name, why in found if why is not None}
        for device in self.devices:
            if isinstance(device, Vehicle):
                device.look(now)

    @contextmanager
    def seen_at(self, now: datetime) -> Iterator[None]:
        """The same for a while between two steps, of which no journal knows: nothing of it stays."""
        troubled = self.troubled
        looked_at = [(device, device.looked_at) for device in self.devices if isinstance(device, Vehicle)]
        HomeDevices.look(self, now)
        try:
            yield
        finally:
            self.troubled = troubled
            for vehicle, at in looked_at:
                vehicle.look(at)

    def device(self, resource_id: str) -> Device:
        """One of them."""
        return self._by_id[resource_id]

    def observe(self, reading: Measured) -> None:
        """Take a device's reading, where it tells a state."""
        if not is_state(reading):
            return
        before = self.told.get(reading.resource_id)
        if before is None or reading.at >= before.at:
            self.told[reading.resource_id] = reading
        known = self.readings.get(reading.resource_id)
        if reading.soc_wh is not None and (known is None or reading.at >= known.at):
            self.readings[reading.resource_id] = reading
        if (device := self._by_id.get(reading.resource_id)) is not None:
            device.observe(reading)

    def stored_wh(self, metered: Measured, since: datetime) -> int | None:
        """What was in a device's store at the end of a slot that began at an instant, Wh: as its meter's answer tells it, or
        else its newest reading since."""
        known = self.readings.get(metered.resource_id)
        if metered.soc_wh is not None or known is None or known.at < since:
            return metered.soc_wh
        return known.soc_wh

    def came_after(self, resource_id: str, at: datetime) -> bool:
        """Whether a vehicle's present stay has begun behind an instant, or not begun yet."""
        device = self._by_id.get(resource_id)
        stays = device.stays if isinstance(device, Vehicle) else None
        return stays is not None and (stays.begun is None or stays.begun.at > at)


def _settings_of(device: Device) -> Any:
    """As its owner and its maker have written it, without what was read since."""
    return device.settings if isinstance(device, Vehicle) else device.spec
