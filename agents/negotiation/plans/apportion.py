"""Who gets how much of a deal: shares never exceed offers, sum exactly to what was concluded, whole watts.

First the own offers, then the own storage (a water level: in each slot what is left), then relaxed offers in place of
own ones, and of those as few as it takes: an owner is only disturbed for a slot that would be missing otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.negotiation.plans.least_power import Bounds, moved
from agents.negotiation.plans.shares import Watts, in_order, plans, proportional, slot_by_slot, table
from protocol.messages import Basis
from protocol.plan import Plan, add, covers, least, shortfall
from protocol.units import Direction

_STALE = 500
"""After so many gains out of date one after the other all are computed anew, at once."""
_WORTH = 16
"""All are looked at once more while that finds one in so many of them; the rest is found one by one."""
_TURN = 1_000
"""Of what counts for less by how lately somebody was woken."""
_BLOCK = 500
"""So many are looked at together whether any of them could be spared."""


class Candidate(NamedTuple):
    """A member that answered yes, with its firm offers in W; an award accepts one of the two."""

    name: str
    own: Plan
    relaxed: Plan | None = None
    merit: int = 0
    least_w: int = 0
    """It is given nothing, or at least so much."""
    lately: int = 0
    """How much more it counts to wake it, as it was woken lately, thousandths."""


class Share(NamedTuple):
    """What one member is awarded, W, and of which of its two offers."""

    basis: Basis
    power_w: Plan


@dataclass(frozen=True, slots=True)
class Apportioned:
    """A deal shared out: in every slot the shares and the storage sum to it exactly."""

    shares: dict[str, Share]
    """Members with a part, in their order. The others are not needed."""
    storage_w: Plan


class SharingPolicy(Protocol):
    """How a deal is split over the offers that cover it (S35). Pure: the same arguments always give the same split.
    That relaxed offers and own storage are used as little as it takes was seen to before."""

    def split(self, deal_w: Plan, offers_w: Watts, candidates: Sequence[Candidate]) -> Sequence[Watts]:
        """A row a slot of what each candidate gives, W: 0 to its offer, and every row sums to the deal in its slot.

        `offers_w` has a row a slot too, in it what each candidate can be awarded, in the candidates' order."""
        ...


class ProportionalSharing:
    """Everyone in proportion to its offer."""

    def split(self, deal_w: Plan, offers_w: Watts, candidates: Sequence[Candidate]) -> list[Watts]:
        return slot_by_slot(deal_w, offers_w, proportional)


class MeritOrderSharing:
    """The lowest merit up to its offer, then the next."""

    def split(self, deal_w: Plan, offers_w: Watts, candidates: Sequence[Candidate]) -> list[Watts]:
        order = np.argsort(np.array([candidate.merit for candidate in candidates], dtype=np.int64), kind="stable")
        return slot_by_slot(deal_w, offers_w, lambda power_w, caps: in_order(power_w, caps, order))


class LeastRelayWearSharing:
    """Whoever adds the most to what is still missing, and so on until it is covered, so that few relays switch: the
    fewest where the deal has one slot; over several it is the usual greedy answer to a set cover. Within a member it
    does not count the stretches: its offer already respects its own limit of relay operations. What somebody adds counts
    for less who was woken lately, so that members take turns."""

    def split(self, deal_w: Plan, offers_w: Watts, candidates: Sequence[Candidate]) -> list[Watts]:
        lately = [candidate.lately for candidate in candidates]
        chosen = _in_turn(deal_w, offers_w, lately) if any(lately) else _biggest_first(deal_w, offers_w)
        some = offers_w * np.isin(np.arange(len(candidates)), chosen)
        order = np.array([*chosen, *np.setdiff1d(np.arange(len(candidates)), chosen)], dtype=np.intp)
        return slot_by_slot(deal_w, some, lambda power_w, caps: in_order(power_w, caps, order))


def apportion(
    deal_w: Plan,
    candidates: Sequence[Candidate],
    storage_w: Plan,
    policy: SharingPolicy,
    direction: Direction = Direction.INCREASE_LOAD,
) -> Apportioned:
    """S35: share a deal out. Raises ValueError when offers and storage cannot cover it, or the slots differ."""
    slots = len(deal_w)
    if len(storage_w) != slots:
        raise ValueError(f"the storage needs one entry a slot: {slots}")
    own = table([candidate.own for candidate in candidates], slots)
    either = own
    if any(candidate.relaxed is not None for candidate in candidates):
        either = table([c.own if c.relaxed is None else c.relaxed for c in candidates], slots)
    relaxed = _relaxed(deal_w, own, either, storage_w)
    offers = own
    if relaxed:
        offers = own.copy()
        offers[:, relaxed] = either[:, relaxed]
    from_storage = least(storage_w, shortfall(deal_w, _sums(offers)))
    parts = policy.split(shortfall(deal_w, from_storage), offers, candidates)
    if any(candidate.least_w for candidate in candidates):
        parts = _runnable(parts, offers, candidates, direction)
    return Apportioned(_shares(candidates, parts, own), from_storage)


def _runnable(
    parts: Sequence[Watts], offers: Watts, candidates: Sequence[Candidate], direction: Direction
) -> list[Watts]:  # fmt: skip
    """The parts, moved so that nobody's lies below its least power; as they are where that cannot be."""
    least_w = np.array([candidate.least_w for candidate in candidates], dtype=np.int64)
    whole = direction is Direction.DECREASE_LOAD
    found = []
    for row, caps in zip(parts, offers, strict=True):
        better = moved(row, Bounds(caps, least_w, whole=whole))
        found.append(row if better is None else better)
    return found


def _sums(offers: Watts) -> Plan:
    return tuple(offers.sum(axis=1).tolist())


def _shares(candidates: Sequence[Candidate], parts: Sequence[Watts], own: Watts) -> dict[str, Share]:
    """Of those who have a part."""
    given = np.stack(parts) if parts else own
    some, beyond = (given > 0).sum(axis=0).tolist(), (given > own).sum(axis=0).tolist()
    return {
        candidate.name: Share(Basis.RELAXED if above else Basis.OWN, part)
        for candidate, part, has, above in zip(candidates, plans(parts, len(candidates)), some, beyond, strict=True)
        if has
    }


def _relaxed(deal_w: Plan, own: Watts, either: Watts, storage_w: Plan) -> list[int]:
    """Whose relaxed offer is needed: those that add the most to the shortage first, until it is covered. As a relaxed
    offer may be lower than the own one in another slot, that is looked at again, and whoever turns out to be
    superfluous keeps the own offer."""
    swapped: dict[int, None] = {}
    have = add(_sums(own), storage_w)
    if covers(have, deal_w):
        return []
    adds: Watts = np.maximum(either - own, 0)
    while any(missing := shortfall(deal_w, have)):
        more = _biggest_first(missing, adds)
        if not more:
            raise ValueError(f"offers and storage fall short of the deal by {missing} W")
        swapped.update(dict.fromkeys(more))
        have = add(have, _sums(either[:, more] - own[:, more]))
        adds[:, more] = 0
    _spare_superfluous(swapped, have, deal_w, own, either)
    return list(swapped)


def _spare_superfluous(swapped: dict[int, None], have: Plan, deal_w: Plan, own: Watts, either: Watts) -> None:
    """Those added last first. Sparing one may make another superfluous too, so again until nothing changes."""
    before = -1
    while before != len(swapped):
        before = len(swapped)
        order = list(reversed(swapped))
        for start in range(0, len(order), _BLOCK):
            block = order[start : start + _BLOCK]
            losses = own[:, block] - either[:, block]
            if not (_column(have) + losses >= _column(deal_w)).all(axis=0).any():
                continue  # none of them, as things stand
            for i, loss in zip(block, losses.T.tolist(), strict=True):
                without = add(have, loss)
                if covers(without, deal_w):
                    del swapped[i]
                    have = without


def _column(plan: Plan) -> Watts:
    return np.array(plan, dtype=np.int64)[:, None]


def _biggest_first(missing: Plan, adds: Watts) -> list[int]:
    """Places in `adds`: again and again the one that adds the most to what is still missing, ties to the first,
    until it is covered or none adds anything."""
    chosen, places = [], np.arange(adds.shape[1])
    while len(more := _at_once(adds, places, missing)) * _WORTH > len(places):
        chosen += more.tolist()
        missing = shortfall(missing, _sums(adds[:, more]))
        places = np.setdiff1d(places, more, assume_unique=True)
    heap = _gains(adds, places, missing)
    some = [i for _, i in heap]
    rows = dict(zip(some, adds[:, some].T.tolist(), strict=True))
    stale = 0
    while heap and any(missing):
        _, i = heappop(heap)
        gain = _gain(rows[i], missing)  # gains only shrink, so the top of the heap is the best if its own is up to date
        if gain and heap and (-gain, i) > heap[0]:
            heappush(heap, (-gain, i))
            stale += 1
        elif gain:
            chosen.append(i)
            missing, stale = shortfall(missing, tuple(rows[i])), 0
        if stale > _STALE:
            heap, stale = _gains(adds, np.array([i for _, i in heap]), missing), 0
    return chosen


def _in_turn(missing: Plan, adds: Watts, lately: Sequence[int]) -> list[int]:
    """The same, where what one adds counts for less by how lately it was woken."""
    rows = adds.T.tolist()

    def gain(i: int) -> int:
        return _gain(rows[i], missing) * _TURN // (_TURN + lately[i])

    chosen, heap = list[int](), [(-gain(i), i) for i in range(len(rows))]
    heapify(heap)
    while heap and any(missing):
        _, i = heappop(heap)
        more = gain(i)
        if heap and (-more, i) > heap[0]:
            heappush(heap, (-more, i))
        elif _gain(rows[i], missing):
            chosen.append(i)
            missing = shortfall(missing, tuple(rows[i]))
    return chosen


def _at_once(adds: Watts, places: NDArray[np.intp], missing: Plan) -> NDArray[np.intp]:
    """The first of them to be chosen, as far as each still adds what it would add if it were the very first: all others
    then add less than it, for gains only shrink."""
    gains = np.minimum(adds[:, places], _column(missing)).sum(axis=0)
    order = np.argsort(-gains, kind="stable")
    gains, places = gains[order], places[order]
    each = adds[:, places]
    left = np.maximum(_column(missing) - (np.cumsum(each, axis=1) - each), 0)
    same = (np.minimum(each, left).sum(axis=0) == gains) & (gains > 0)
    return places if same.all() else places[: int(same.argmin())]


def _gains(adds: Watts, places: NDArray[np.intp], missing: Plan) -> list[tuple[int, int]]:
    """A heap of those that add anything to what is missing, the biggest first."""
    gains = np.minimum(adds[:, places], _column(missing)).sum(axis=0)
    some = gains > 0
    heap = list(zip((-gains[some]).tolist(), places[some].tolist(), strict=True))
    heapify(heap)
    return heap


def _gain(plan: Sequence[int], missing: Plan) -> int:
    return sum(map(min, plan, missing))
