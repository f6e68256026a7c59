"""A home with several devices: one joint profile, and each device's part of it (S50, S51)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agents.devices.catalogue import build_device
from agents.devices.condition import is_state, trouble
from agents.devices.contract import Ask, Convex, Device, Flexibility, Segment, nothing
from agents.devices.vehicle import Vehicle
from agents.parties.der.behind import Behind
from agents.parties.der.connection import Asks, peaks_w, room_left_w
from agents.parties.der.home_flexibility import HomeFlexibility, HomeProfiles
from agents.settings.connection import ConnectionPoint
from agents.settings.limits import UnfitLimits, with_limits
from protocol.actor import Measured, Planned, Setpoint
from protocol.messages import (
    IntervalPeriod,
    OfferedProfiles,
    ResourceKind,
    Restriction,
    WantedProfile,
    WantedProfiles,
)
from protocol.plan import Plan, SignedPlan, covers, least, shortfall, total, zero
from protocol.units import Direction

_TRIES = 4
"""So often a home is computed for less, where what it gives comes together at one instant of a slot."""
_MOST_SLOTS, _LONGEST = 96, timedelta(days=7)
"""For more slots, or a longer event, one profile is offered and no other ones: each costs a home as much again."""


class Home:
    """Several devices that answer with one voice."""

    def __init__(
        self, devices: Sequence[Device], relax_others: bool = False, connection: ConnectionPoint | None = None
    ) -> None:
        """`relax_others`: whether not only vehicles loosen what their owner agreed to (S28). `connection`: where its
        limits hold for all devices together; None: it has none."""
        self.relax_others = relax_others
        self.connection = connection
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
        """Each device in its order is asked for what is still missing; only vehicles are relaxed (S28), unless
        others may be. Of all of them together no more than the connection point lets through."""

        def ask(device: Device, power_w: Plan) -> Ask:
            loosen = relaxed if self._may_loosen(device) else ()
            return Ask(direction, period, power_w, reserved.get(device.resource_id, ()), loosen)

        parts, room = self._parts(ask, asked_w), None
        if self.connection is not None:
            parts, room = self._through(self.connection, ask, asked_w, parts)
        kinds = {
            device.resource_id: (device.kind, bool(device.relaxable) and self._may_loosen(device))
            for device in self.devices
        }
        joint = self._joint(direction, ask, asked_w, parts, room)
        return HomeFlexibility(joint, parts, kinds, dict(reserved), loosened=relaxed)

    def profiles(
        self,
        direction: Direction,
        period: IntervalPeriod,
        reserved: Mapping[str, tuple[Segment, ...]],
        wanted: WantedProfiles,
        relaxed: tuple[Restriction, ...] = (),
    ) -> HomeProfiles | None:
        """What else it could give, in the shapes that are wanted; None: no more than one profile. Only a single device
        without a connection point finds its part of any mix again: several give whole profiles."""
        if self.troubled or not any(isinstance(device, Convex) for device in self.devices):
            return None
        slots = len(wanted.shapes[0].weights)
        if slots > _MOST_SLOTS or slots * period.duration > _LONGEST:
            return None
        found = [self._in_shape(direction, period, reserved, shape, relaxed) for shape in wanted.shapes]
        first = self.devices[0]
        alone = len(self.devices) == 1 and self.connection is None
        mixable = alone and isinstance(first, Convex) and first.mixes(direction)
        plans = tuple(total(list(parts.values()), slots) for parts in found)
        return HomeProfiles(OfferedProfiles(power_w=plans, mixable=mixable), tuple(found))

    def _in_shape(
        self,
        direction: Direction,
        period: IntervalPeriod,
        reserved: Mapping[str, tuple[Segment, ...]],
        shape: WantedProfile,
        relaxed: tuple[Restriction, ...],
    ) -> dict[str, Plan]:
        """What each device gives in a shape, together no more than the connection point lets through, W."""

        def ask(device: Device, left_w: Plan) -> Ask:
            loosen = relaxed if self._may_loosen(device) else ()
            held = reserved.get(device.resource_id, ())
            shaped = _shaped(direction, period, device.capacity_w(direction), held, shape)
            return replace(shaped, power_w=least(shaped.power_w, left_w), relaxed=loosen)

        most_w = sum(device.capacity_w(direction) for device in self.devices)
        asked_w = tuple(most_w if weight else 0 for weight in shape.weights)
        parts = self._parts(ask, asked_w)
        if self.connection is not None:
            parts, _ = self._through(self.connection, ask, asked_w, parts)
        return {name: part.power_w for name, part in parts.items()}

    def _parts(self, ask: Asks, asked_w: Plan) -> dict[str, Flexibility]:
        left, parts = asked_w, {}
        for device in self.devices:
            parts[device.resource_id] = self._part(device, ask(device, left))
            left = shortfall(left, parts[device.resource_id].power_w)
        return parts

    def _through(
        self, point: ConnectionPoint, ask: Asks, asked_w: Plan, parts: Mapping[str, Flexibility]
    ) -> tuple[dict[str, Flexibility], Plan]:
        """What the connection point lets through of the parts, also of what the devices take back of it while other events
        hold something; and how much of them at most, W."""
        room, slots = room_left_w(point, self.devices, ask, parts, asked_w), len(asked_w)
        behind = Behind(point, self.devices, ask, self._part, slots)
        for _ in range(_TRIES):
            through = self._let_through(ask, asked_w, room)
            if behind.fits(through):
                return through, room
            room = tuple(power_w // 2 for power_w in total([part.power_w for part in through.values()], slots))
        return self._parts(ask, zero(slots)), zero(slots)

    def _let_through(self, ask: Asks, asked_w: Plan, room: Plan) -> dict[str, Flexibility]:
        """The parts again, as small as it takes so that at no instant more comes together than there is room for."""
        highest = least(asked_w, room)
        for _ in range(_TRIES):
            parts = self._parts(ask, highest)
            peaks = peaks_w(self.devices, ask, parts)
            if covers(room, peaks):
                return parts
            highest = tuple(
                w if peak <= let else w * let // peak for w, let, peak in zip(highest, room, peaks, strict=True)
            )
        return self._parts(ask, zero(len(asked_w)))

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
        ask: Asks,
        asked_w: Plan,
        parts: Mapping[str, Flexibility],
        room: Plan | None,
    ) -> Flexibility:
        slots = len(asked_w)
        power_w = total([part.power_w for part in parts.values()], slots)
        at_most = [
            self._part(
                device, ask(device, tuple(device.capacity_w(direction) if want else 0 for want in asked_w))
            ).power_w
            for device in self.devices
        ]
        available = total(at_most, slots)
        if room is not None:
            available = least(available, room)
        if not covers(available, power_w):
            available = power_w
        binding = tuple(None if power_w[slot] >= want else _reason(parts, slot) for slot, want in enumerate(asked_w))
        schedule: SignedPlan = total([part.schedule_w for part in parts.values()], slots)
        return Flexibility(power_w, available, binding, schedule)


def _settings_of(device: Device) -> Any:
    """As its owner and its maker have written it, without what was read since."""
    return device.settings if isinstance(device, Vehicle) else device.spec


def _shaped(
    direction: Direction, period: IntervalPeriod, most_w: int, held: tuple[Segment, ...], shape: WantedProfile
) -> Ask:  # fmt: skip
    """What a device is asked for in one shape: all that it has, or in proportion to the weights."""
    highest = max(shape.weights) or 1
    if shape.even:
        return Ask(direction, period, tuple(most_w * weight // highest for weight in shape.weights), held)
    asked_w = tuple(most_w if weight else 0 for weight in shape.weights)
    return Ask(direction, period, asked_w, held, weights=shape.weights)


def _reason(parts: Mapping[str, Flexibility], slot: int) -> Restriction:
    """The last device's reason: the first ones passed on to it what they could not give. Without one they gave all that
    the connection point lets through."""
    reasons = [part.binding[slot] for part in parts.values()]
    return next((reason for reason in reversed(reasons) if reason is not None), Restriction.POWER_LIMIT)
