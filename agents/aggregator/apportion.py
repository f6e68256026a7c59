"""Who gets how much of a deal: shares never exceed offers, sum exactly to what was concluded, whole watts.

First the own offers, then the own storage (a water level: in each slot what is left), then relaxed offers in place of
own ones, and of those as few as it takes: an owner is only disturbed for a slot that would be missing otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from agents.aggregator.request_values import by_weight
from agents.settings import SharePolicy
from protocol.messages import Basis
from protocol.plan import Plan, add, covers, excess, least, shortfall, total, zero


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member that answered yes, with its firm offers in W; an award accepts one of the two."""

    name: str
    own: Plan
    relaxed: Plan | None = None
    merit: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one member is awarded, W, and of which of its two offers."""

    basis: Basis
    power_w: Plan


@dataclass(frozen=True, slots=True)
class Apportioned:
    """A deal shared out: in every slot the shares and the storage sum to it exactly."""

    shares: dict[str, Share]
    """Members with a part, in their order. The others are not needed."""
    storage_w: Plan


def apportion(deal_w: Plan, candidates: Sequence[Candidate], storage_w: Plan, policy: SharePolicy) -> Apportioned:
    """S35: share a deal out. Raises ValueError when offers and storage cannot cover it, or the slots differ.

    Policies: `proportional` to the offers; `merit_order`, the lowest first; `least_relay_wear`: whoever adds the most
    to what is still missing, and so on until it is covered, so that few relays switch (the fewest where the deal has
    one slot; over several it is the usual greedy answer to a set cover). Within a member it does not count the
    stretches: its offer already respects its own limit of relay operations.
    """
    relaxed = _relaxed(deal_w, candidates, storage_w)
    offers = [_offer(candidate, i in relaxed) for i, candidate in enumerate(candidates)]
    from_storage = least(storage_w, shortfall(deal_w, total(offers, len(deal_w))))
    parts = _split(shortfall(deal_w, from_storage), offers, candidates, policy)
    shares = {
        candidate.name: Share(Basis.OWN if covers(candidate.own, part) else Basis.RELAXED, part)
        for candidate, part in zip(candidates, parts, strict=True)
        if any(part)
    }
    return Apportioned(shares, from_storage)


def _offer(candidate: Candidate, relaxed: bool) -> Plan:
    return candidate.relaxed if relaxed and candidate.relaxed is not None else candidate.own


def _relaxed(deal_w: Plan, candidates: Sequence[Candidate], storage_w: Plan) -> dict[int, None]:
    """Whose relaxed offer is needed: those that add the most to the shortage first, until it is covered. As a relaxed
    offer may be lower than the own one in another slot, that is looked at again, and whoever turns out to be
    superfluous keeps the own offer."""
    extra = [
        excess(candidate.relaxed, candidate.own) if candidate.relaxed is not None else zero(len(deal_w))
        for candidate in candidates
    ]
    swapped: dict[int, None] = {}
    have = add(total([candidate.own for candidate in candidates], len(deal_w)), storage_w)
    while any(missing := shortfall(deal_w, have)):
        more = _biggest_first(missing, [zero(len(deal_w)) if i in swapped else plan for i, plan in enumerate(extra)])
        if not more:
            raise ValueError(f"offers and storage fall short of the deal by {missing} W")
        for i in more:
            swapped[i] = None
            have = _swap(have, _offer(candidates[i], False), _offer(candidates[i], True))
    _spare_superfluous(swapped, have, deal_w, candidates)
    return swapped


def _spare_superfluous(swapped: dict[int, None], have: Plan, deal_w: Plan, candidates: Sequence[Candidate]) -> None:
    """Those added last first. Sparing one may make another superfluous too, so again until nothing changes."""
    before = -1
    while before != len(swapped):
        before = len(swapped)
        for i in reversed(list(swapped)):
            without = _swap(have, _offer(candidates[i], True), _offer(candidates[i], False))
            if covers(without, deal_w):
                del swapped[i]
                have = without


def _swap(have: Plan, out: Plan, into: Plan) -> Plan:
    return tuple(w - old + new for w, old, new in zip(have, out, into, strict=True))


def _biggest_first(missing: Plan, adds: Sequence[Plan]) -> list[int]:
    """Places in `adds`: again and again the one that adds the most to what is still missing, ties to the first,
    until it is covered or none adds anything."""
    heap = [(-gain, i) for i, plan in enumerate(adds) if (gain := _gain(plan, missing))]
    heapify(heap)
    chosen = []
    while heap and any(missing):
        _, i = heappop(heap)
        gain = _gain(adds[i], missing)  # gains only shrink, so the top of the heap is the best if its own is up to date
        if gain and heap and (-gain, i) > heap[0]:
            heappush(heap, (-gain, i))
        elif gain:
            chosen.append(i)
            missing = shortfall(missing, adds[i])
    return chosen


def _gain(plan: Plan, missing: Plan) -> int:
    return sum(map(min, plan, missing))


def _split(deal_w: Plan, offers: Sequence[Plan], candidates: Sequence[Candidate], policy: SharePolicy) -> list[Plan]:
    parts = [zero(len(deal_w))] * len(offers)
    match policy:
        case SharePolicy.PROPORTIONAL:
            slots = []
            for slot, power_w in enumerate(deal_w):
                offered = [offer[slot] for offer in offers]
                slots.append(by_weight(power_w, offered, offered))
            return list(zip(*slots, strict=True)) if slots else parts
        case SharePolicy.MERIT_ORDER:
            order = sorted(range(len(offers)), key=lambda i: candidates[i].merit)
        case SharePolicy.LEAST_RELAY_WEAR:
            order = _biggest_first(deal_w, offers)
    left = deal_w
    for i in order:
        parts[i] = least(offers[i], left)
        left = shortfall(left, parts[i])
    return parts
