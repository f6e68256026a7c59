"""Who gets how much of a deal: shares never exceed offers, sum exactly to what was concluded, whole watts.

First the own offers, then the own storage, then relaxed offers in place of own ones: those that add the most to what
is missing first, so that the fewest owners are disturbed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.aggregator.request_values import by_weight
from protocol.messages import Basis
from protocol.plan import Plan, add, excess, least, shortfall, total, zero


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member that answered yes, with its firm offers in W."""

    name: str
    own: Plan
    relaxed: Plan | None = None
    merit: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one member is awarded, and of which of its two offers."""

    basis: Basis
    power_w: Plan


@dataclass(frozen=True, slots=True)
class Apportioned:
    shares: dict[str, Share]
    """Members with a part, in their order."""
    storage_w: Plan


def apportion(deal_w: Plan, candidates: Sequence[Candidate], storage_w: Plan, policy: str) -> Apportioned:
    """Share a deal out. Raises ValueError when offers and storage cannot cover it.

    Policies: `proportional` to the offers; `merit_order`, the lowest first; `least_relay_wear`, the largest offers
    first, so that the fewest relays switch.
    """
    slots = len(deal_w)
    chosen = [Share(Basis.OWN, candidate.own) for candidate in candidates]
    have = add(total([share.power_w for share in chosen], slots), storage_w)
    while any(missing := shortfall(deal_w, have)):
        gains = [_gain(candidate, share, missing) for candidate, share in zip(candidates, chosen, strict=True)]
        best = max(range(len(gains)), key=lambda i: (gains[i], -i), default=-1)
        if best < 0 or gains[best] == 0:
            raise ValueError(f"offers and storage fall short of the deal by {missing} W")
        relaxed = candidates[best].relaxed
        assert relaxed is not None
        have = add(shortfall(have, chosen[best].power_w), relaxed)
        chosen[best] = Share(Basis.RELAXED, relaxed)
    offers = [share.power_w for share in chosen]
    from_storage = least(storage_w, shortfall(deal_w, total(offers, slots)))
    parts = _split(shortfall(deal_w, from_storage), offers, candidates, policy)
    shares = {
        candidate.name: Share(share.basis, part)
        for candidate, share, part in zip(candidates, chosen, parts, strict=True)
        if any(part)
    }
    return Apportioned(shares, from_storage)


def _gain(candidate: Candidate, share: Share, missing: Plan) -> int:
    if candidate.relaxed is None or share.basis is Basis.RELAXED:
        return 0
    return sum(least(excess(candidate.relaxed, candidate.own), missing))


def _split(deal_w: Plan, offers: Sequence[Plan], candidates: Sequence[Candidate], policy: str) -> list[Plan]:
    if policy == "proportional":
        slots = [by_weight(w, [o[s] for o in offers], [o[s] for o in offers]) for s, w in enumerate(deal_w)]
        return [tuple(values[i] for values in slots) for i in range(len(offers))]
    order = sorted(range(len(offers)), key=lambda i: (_rank(offers[i], candidates[i], policy), i))
    parts = [zero(len(deal_w))] * len(offers)
    left = deal_w
    for i in order:
        parts[i] = least(offers[i], left)
        left = shortfall(left, parts[i])
    return parts


def _rank(offer: Plan, candidate: Candidate, policy: str) -> int:
    return candidate.merit if policy == "merit_order" else -sum(offer)
