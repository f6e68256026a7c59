"""What a plan over members and slots is made of: the profiles that each member can give, and which ones are worth asking
for.

The even profile alone says little of who could give in other slots. The best profiles for weights that fall and that rise
in time say the most about who leaves and who stays; where a request has a shape of its own, the best ones for that shape,
and where it is level, those for its middle, which mixes of the first two leave short.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from protocol.messages import MAX_WEIGHT, WantedProfile
from protocol.plan import Plan

WHOLE = 1_000_000
"""Parts of a profile."""
NEAR_PCT = 103
"""A slot is scarce where no more than so much of the least share is met."""


class MemberProfiles(NamedTuple):
    """What one member can give, W: any one of these profiles, or less of it."""

    name: str
    profiles: tuple[Plan, ...]
    mixable: bool
    """Whether it can give any mix of them as well."""
    loosened: int = 0
    """So many of them, the last ones, only where its owner loosens something."""
    lately: int = 0
    """How often its owner has loosened something lately, thousandths of an event."""


class CoalitionProblem(NamedTuple):
    """How should each member give, so that what is asked is met best?"""

    asked_w: Plan
    given_w: Plan
    """What those give who told one profile only."""
    members: tuple[MemberProfiles, ...]
    """Those who told more."""


def first_wanted(asked_w: Plan) -> tuple[WantedProfile, ...]:
    """The shapes that the first question asks for; nothing where there is but one slot to choose from."""
    slots = [slot for slot, power in enumerate(asked_w) if power]
    if len(slots) < 2:
        return ()
    shape = _scaled(asked_w)
    falling = _scaled([(len(asked_w) - slot) if power else 0 for slot, power in enumerate(asked_w)])
    rising = _scaled([(slot + 1) if power else 0 for slot, power in enumerate(asked_w)])
    wanted = [WantedProfile(even=True, weights=shape), WantedProfile(weights=falling), WantedProfile(weights=rising)]
    if len({power for power in asked_w if power}) > 1:
        wanted.append(WantedProfile(weights=shape))
    elif len(slots) > 2:
        near = {slot: 1 + min(place, len(slots) - 1 - place) for place, slot in enumerate(slots)}
        wanted.append(WantedProfile(weights=_scaled([near.get(slot, 0) for slot in range(len(asked_w))])))
    return tuple(wanted)


def loosened_wanted(asked_w: Plan, weights: Sequence[int]) -> tuple[WantedProfile, ...]:
    """The shapes that owners are asked for with what they loosen: evenly, early, late, and the best one for what a watt more
    would be worth by the plan so far."""
    first = first_wanted(asked_w)[:3]
    worths = [weight * 10 + 1 if power else 0 for weight, power in zip(weights, asked_w, strict=True)]
    return tuple(dict.fromkeys((*first, WantedProfile(weights=_scaled(worths))))) if first else ()


def next_wanted(asked_w: Plan, available_w: Plan, weights: Sequence[int]) -> tuple[WantedProfile, ...]:
    """The shapes that a later question asks for: the most even one over the slots that are the scarcest by the plan so far;
    the best ones for what a watt more would be worth in each slot, and for that and all slots alike, so that a slot that is
    not yet the scarcest is seen, too."""
    shares = [have * 1_000 // power for have, power in zip(available_w, asked_w, strict=True) if power]
    near = min(shares, default=0) * NEAR_PCT
    scarce = [
        power if power and have * 100_000 // power <= near else 0
        for have, power in zip(available_w, asked_w, strict=True)
    ]
    found = [WantedProfile(even=True, weights=_scaled(scarce))] if any(scarce) else []
    for level in (0, MAX_WEIGHT // 2):
        both = [(weight + level) * 10 + 1 if power else 0 for weight, power in zip(weights, asked_w, strict=True)]
        if any(both):
            found.append(WantedProfile(weights=_scaled(both)))
    return tuple(dict.fromkeys(found))


def _scaled(weights: Sequence[int]) -> tuple[int, ...]:
    """In thousandths of the most; what is wanted at all is worth 1 at least."""
    most = max(weights, default=0) or 1
    return tuple(max(1, weight * MAX_WEIGHT // most) if weight else 0 for weight in weights)


def problem_with(members: Sequence[MemberProfiles], parts: Mapping[str, Sequence[int]]) -> str:
    """Why a mix cannot be given; empty when it can."""
    known = {member.name: member for member in members}
    for name, shares in parts.items():
        member = known.get(name)
        if member is None:
            return f"{name} offers nothing"
        if len(shares) != len(member.profiles) or min(shares) < 0 or sum(shares) > WHOLE:
            return f"{name} cannot give these parts of its profiles"
        if not member.mixable and max(shares) != sum(shares):
            return f"{name} gives one of its profiles, no mix"
    return ""


def mix(member: MemberProfiles, shares: Sequence[int]) -> Plan:
    """So many millionths of each profile together, whole W, rounded down."""
    some = [(profile, share) for profile, share in zip(member.profiles, shares, strict=True) if share]
    if len(some) == 1 and some[0][1] == WHOLE:  # of a crowd most give one
        return some[0][0]
    if len(some) == 2:
        (first, a), (second, b) = some
        return tuple([(x * a + y * b) // WHOLE for x, y in zip(first, second, strict=True)])
    slots = range(len(member.profiles[0]))
    return tuple([sum([profile[slot] * share for profile, share in some]) // WHOLE for slot in slots])
