"""What a home with several devices can give: one joint profile, and each device's part of it (S51)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from agents.devices.contract import Flexibility, Segment
from agents.parties.der.messages import resource
from protocol.messages import OfferedProfiles, Resource, ResourceKind, Restriction
from protocol.plan import Plan, least, most, shortfall, total


@dataclass(frozen=True, slots=True)
class HomeFlexibility:
    """What a home can give, jointly and by device, in the devices' order."""

    joint: Flexibility
    parts: Mapping[str, Flexibility]
    kinds: Mapping[str, tuple[ResourceKind, bool]]
    """Kind of each device and whether its owner agreed to loosen anything."""
    held: Mapping[str, tuple[Segment, ...]]
    """What other events held of each device when this was computed."""
    others: tuple[Mapping[str, Plan], ...] = ()
    """Of a home with several devices what each of them gives in the other profiles that were told with this, W."""
    loosened: tuple[Restriction, ...] = ()
    """What was asked to be loosened for it (S52)."""
    looked_at_again: bool = False
    """Whether its schedules are newer than the offer that was made of it."""

    def resources(self) -> tuple[Resource, ...]:
        """The parts as an offer has them; devices that give nothing and cannot be relaxed are left out."""
        return tuple(
            part
            for name, (kind, relaxable) in self.kinds.items()
            for part in resource(name, kind, self.parts[name].power_w, relaxable)
        )

    def giving(self, plans: Mapping[str, Plan]) -> "HomeFlexibility":
        """The same with another profile of each device, W."""
        power_w = total(list(plans.values()), len(self.joint.power_w))
        joint = replace(self.joint, power_w=power_w, available_w=most(self.joint.available_w, power_w))
        parts = {
            name: replace(part, power_w=plans[name], available_w=most(part.available_w, plans[name]))
            for name, part in self.parts.items()
        }
        return replace(self, joint=joint, parts=parts)

    def profiles(self) -> tuple[Mapping[str, Plan], ...]:
        """All that was told, device by device, W."""
        return ({name: part.power_w for name, part in self.parts.items()}, *self.others)

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


class HomeProfiles(NamedTuple):
    """What else a home could give."""

    offered: OfferedProfiles
    parts: tuple[Mapping[str, Plan], ...]
    """The same device by device, W."""
