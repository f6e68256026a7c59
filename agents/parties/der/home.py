"""A home with several devices: one joint profile, and each device's part of it (S50, S51)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agents.devices.condition import trouble
from agents.devices.contract import Ask, Device, Flexibility, Segment, nothing
from agents.devices.vehicle import Vehicle
from agents.parties.der.messages import resource
from protocol.actor import Measured, Planned, Setpoint
from protocol.messages import IntervalPeriod, Resource, ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan, least, shortfall, total
from protocol.units import Direction


@dataclass(frozen=True, slots=True)
class HomeFlexibility:
    """What a home can give, jointly and by device, in the devices' order."""

    joint: Flexibility
    parts: Mapping[str, Flexibility]
    kinds: Mapping[str, tuple[ResourceKind, bool]]
    """Kind of each device and whether its owner agreed to loosen anything."""
    held: Mapping[str, tuple[Segment, ...]]
    """What other events held of each device when this was computed."""

    def resources(self) -> tuple[Resource, ...]:
        """The parts as an offer has them; devices that give nothing and cannot be relaxed are left out."""
        return tuple(
            part
            for name, (kind, relaxable) in self.kinds.items()
            for part in resource(name, kind, self.parts[name].power_w, relaxable)
        )

    def apportion(self, power_w: Plan) -> dict[str, Plan]:
        """Split what was awarded (at most the joint profile) over the devices, the first ones first; W."""
        return share(power_w, {name: part.power_w for name, part in self.parts.items()})


def share(power_w: Plan, most: Mapping[str, Plan]) -> dict[str, Plan]:
    """Split a plan over parts, none above its most, the first ones first. Raises ValueError when it does not fit."""
    left, result = power_w, {}
    for name, plan in most.items():
        result[name] = least(plan, left)
        left = shortfall(left, result[name])
    if any(left):
        raise ValueError(f"{left} W are above what the devices offered")
    return result


class Home:
    """Several devices that answer with one voice."""

    def __init__(self, devices: Sequence[Device], relax_others: bool = False) -> None:
        """`relax_others`: whether not only vehicles loosen what their owner agreed to (S28)."""
        self.relax_others = relax_others
        self.devices = tuple(devices)
        self._least_w = {one.resource_id: one.spec.min_power_w for one in self.devices if isinstance(one, Vehicle)}
        self._by_id = {device.resource_id: device for device in self.devices}
        self.readings: dict[str, Measured] = {}
        """The last state of each device that was read."""
        self.told: dict[str, Measured] = {}
        """The last reading of each device, whatever it told."""
        self.plans: dict[str, Planned] = {}
        """What owners plan for their vehicles."""
        self.troubled: dict[str, str] = {}
        """Devices that are not counted on now, and why."""

    def plan(self, planned: Planned) -> None:
        """Take an owner's plan; of a vehicle that the settings no longer have it says nothing."""
        for device in self.devices:
            if isinstance(device, Vehicle) and device.resource_id == planned.resource_id:
                device.plan(planned)
                self.plans[planned.resource_id] = planned

    def look(self, now: datetime) -> None:
        """It is so late: which devices are not counted on."""
        found = ((device.resource_id, trouble(device.spec, self._told(device), now)) for device in self.devices)
        self.troubled = {name: why for name, why in found if why is not None}
        for device in self.devices:
            if isinstance(device, Vehicle):
                device.look(now)

    def _told(self, device: Device) -> Measured | None:
        return self.told.get(device.resource_id)

    def device(self, resource_id: str) -> Device:
        """One of them."""
        return self._by_id[resource_id]

    def observe(self, reading: Measured) -> None:
        """Take a device's reading."""
        before = self.told.get(reading.resource_id)
        if before is None or reading.at >= before.at:
            self.told[reading.resource_id] = reading
        known = self.readings.get(reading.resource_id)
        if reading.soc_wh is not None and (known is None or reading.at >= known.at):
            self.readings[reading.resource_id] = reading
        for device in self.devices:
            if device.resource_id == reading.resource_id:
                device.observe(reading)

    def runnable(self, setpoint: Setpoint) -> Setpoint:
        """What a vehicle's charger can do of a set-point: one part of it may come before the others that it was reserved
        with, and alone lie between nothing and its least power; it is rounded to the nearer of the two."""
        power_w, least_w = setpoint.power_w, self._least_w.get(setpoint.resource_id, 0)
        if power_w is None or abs(power_w) >= least_w or not power_w:
            return setpoint
        nearest_w = least_w if 2 * abs(power_w) >= least_w else 0
        return replace(setpoint, power_w=nearest_w if power_w > 0 else -nearest_w)

    def flexibility(
        self,
        direction: Direction,
        period: IntervalPeriod,
        asked_w: Plan,
        reserved: Mapping[str, tuple[Segment, ...]],
        relaxed: tuple[Restriction, ...] = (),
    ) -> HomeFlexibility:
        """Each device in its order is asked for what is still missing; only vehicles are relaxed (S28), unless others may be."""
        left, parts = asked_w, {}
        for device in self.devices:
            loosen = relaxed if self._may_loosen(device) else ()
            ask = Ask(direction, period, left, reserved.get(device.resource_id, ()), loosen)
            parts[device.resource_id] = self._part(device, ask)
            left = shortfall(left, parts[device.resource_id].power_w)
        kinds = {
            device.resource_id: (device.kind, bool(device.relaxable) and self._may_loosen(device))
            for device in self.devices
        }
        return HomeFlexibility(
            self._joint(direction, period, asked_w, reserved, relaxed, parts), parts, kinds, dict(reserved)
        )

    def _may_loosen(self, device: Device) -> bool:
        return self.relax_others or device.kind is ResourceKind.VEHICLE

    def _part(self, device: Device, ask: Ask) -> Flexibility:
        """A device's answer; one that is not counted on changes nothing."""
        if device.resource_id not in self.troubled:
            return device.flexibility(ask)
        told = self._told(device)
        faulty = told is not None and told.fault is not None
        return nothing(ask, Restriction.POWER_LIMIT, None if faulty else device.flexibility(ask).schedule_w)

    def _joint(
        self,
        direction: Direction,
        period: IntervalPeriod,
        asked_w: Plan,
        reserved: Mapping[str, tuple[Segment, ...]],
        relaxed: tuple[Restriction, ...],
        parts: Mapping[str, Flexibility],
    ) -> Flexibility:
        slots = len(asked_w)
        power_w = total([part.power_w for part in parts.values()], slots)
        at_most = []
        for device in self.devices:
            loosen = relaxed if self._may_loosen(device) else ()
            most = tuple(device.capacity_w(direction) if want else 0 for want in asked_w)
            ask = Ask(direction, period, most, reserved.get(device.resource_id, ()), loosen)
            at_most.append(self._part(device, ask).power_w)
        available = total(at_most, slots)
        if any(power > most for power, most in zip(power_w, available, strict=True)):
            available = power_w
        binding = tuple(None if power_w[slot] >= want else _reason(parts, slot) for slot, want in enumerate(asked_w))
        schedule: SignedPlan = total([part.schedule_w for part in parts.values()], slots)
        return Flexibility(power_w, available, binding, schedule)


def _reason(parts: Mapping[str, Flexibility], slot: int) -> Restriction | None:
    """The last device's reason: the first ones passed on to it what they could not give."""
    reasons = [part.binding[slot] for part in parts.values() if part.binding[slot] is not None]
    return reasons[-1] if reasons else None
