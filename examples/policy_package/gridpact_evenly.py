"""Every member is asked for the same, as far as its capacity reaches: a small home as much as a large one."""

from collections.abc import Sequence

from agents.negotiation.policies import MemberCapability, by_weight
from protocol.plan import Plan


class Evenly:
    """A request-value policy (S21). It asks for just what is needed, so `over_request` changes nothing."""

    def values(self, asked_w: Plan, members: Sequence[MemberCapability], over_request: bool) -> dict[str, Plan]:
        template = [1] * len(members)
        slots = [
            by_weight(power_w, template, [member.capacity_w[slot] for member in members])
            for slot, power_w in enumerate(asked_w)
        ]
        return {member.name: plan for member, plan in zip(members, zip(*slots, strict=True), strict=True)}


evenly = Evenly()
