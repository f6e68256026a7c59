"""A home with several devices: one joint profile, and each device's part of it (S50, S51)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from agents.devices.contract import Ask, Device, Flexibility, Segment, is_convex, nothing
from agents.devices.vehicle import Vehicle
from agents.parties.der.behind import Behind
from agents.parties.der.connection import Asks, peaks_w, room_left_w
from agents.parties.der.home_devices import HomeDevices
from agents.parties.der.home_flexibility import HomeFlexibility, HomeProfiles
from agents.settings.connection import ConnectionPoint
from protocol.actor import Setpoint
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


class Home(HomeDevices):
    """Several devices that answer with one voice."""

    def __init__(
        self, devices: Sequence[Device], relax_others: bool = False, connection: ConnectionPoint | None = None
    ) -> None:
        """`relax_others`: whether not only vehicles loosen what their owner agreed to (S28). `connection`: where its
        limits hold for all devices together; None: it has none."""
        self.relax_others = relax_others
        self.connection = connection
        super().__init__(devices)
        self.least_w = {one.resource_id: one.spec.min_power_w for one in self.devices if isinstance(one, Vehicle)}
        """Below which a charger cannot run, by device."""

    def runnable(self, setpoint: Setpoint) -> Setpoint:
        """What a vehicle's charger can do of a set-point: one part of it may come before the others that it was reserved
        with, and alone lie between nothing and its least power; it is rounded to the nearer of the two."""
        power_w, least_w = setpoint.power_w, self.least_w.get(setpoint.resource_id, 0)
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
        if self.troubled or not any(map(is_convex, self.devices)):
            return None
        slots = len(wanted.shapes[0].weights)
        if slots > _MOST_SLOTS or slots * period.duration > _LONGEST:
            return None
        found = [self._in_shape(direction, period, reserved, shape, relaxed) for shape in wanted.shapes]
        first = self.devices[0]
        alone = len(self.devices) == 1 and self.connection is None
        mixable = alone and is_convex(first) and first.mixes(direction)
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
        told = self.told.get(device.resource_id)
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
