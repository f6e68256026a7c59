"""The parts of a home's devices in what was awarded, where a charger cannot run below a power: what lies between nothing and
that is taken over by the other devices, or taken from them."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeAlias

from agents.parties.der.home_flexibility import HomeFlexibility
from protocol.plan import Plan
from protocol.units import Direction

Piece: TypeAlias = tuple[int, int]
"""From and to which part a device can run at any, W."""
MOST_CHARGERS = 4
"""In one slot: each has up to five pieces, and all are tried together."""


def runnable_parts(
    parts: Mapping[str, Plan], answer: HomeFlexibility, least_w: Mapping[str, int], direction: Direction
) -> dict[str, Plan]:
    """The parts with the same sum in each slot, W, each of which its device can run at; where there are none, with less.
    `least_w`: of chargers, 0 of those that run at any power."""
    names = list(parts)
    if len(names) == 1 or not any(least_w.get(name) for name in names):
        return dict(parts)
    slots: list[Plan] = []
    for slot, shares_w in enumerate(zip(*parts.values(), strict=True)):
        pieces = []
        for name, share_w in zip(names, shares_w, strict=True):
            most_w, own_w = answer.parts[name].power_w[slot], answer.parts[name].schedule_w[slot]
            pieces.append(_pieces(share_w, most_w, -direction.sign * own_w, least_w.get(name, 0)))
        slots.append(_moved(shares_w, pieces))
    return dict(zip(names, zip(*slots, strict=True), strict=True))


def _pieces(share_w: int, most_w: int, stops_w: int, least_w: int) -> list[Piece]:
    """Those of one device, the nearest to its share first. `stops_w`: the part at which nothing flows in it."""
    if not least_w:
        return [(0, most_w)]
    ends = [(0, stops_w - least_w), (stops_w, stops_w), (stops_w + least_w, most_w)]
    within = [(max(0, low), min(most_w, high)) for low, high in ends]
    found = {piece for piece in (*within, (0, 0), (most_w, most_w)) if piece[0] <= piece[1]}
    return sorted(found, key=lambda piece: (max(piece[0] - share_w, share_w - piece[1], 0), piece[0] - piece[1]))


def _moved(shares_w: Plan, pieces: Sequence[Sequence[Piece]]) -> Plan:
    """One slot: each device's part, W, the first ones first."""
    if all(one[0][0] <= share <= one[0][1] for share, one in zip(shares_w, pieces, strict=True)):
        return shares_w
    if sum(len(one) > 1 for one in pieces) > MOST_CHARGERS:
        return shares_w  # rounded to what is nearest
    wanted_w, best_w, best = sum(shares_w), -1, pieces[0][:0]
    for chosen in product(*pieces):
        if sum(low for low, _ in chosen) <= wanted_w and best_w < (most_w := sum(high for _, high in chosen)):
            best_w, best = min(wanted_w, most_w), chosen
            if best_w == wanted_w:
                break
    found, left_w = [], best_w - sum(low for low, _ in best)
    for low, high in best:
        found.append(low + min(high - low, left_w))
        left_w -= found[-1] - low
    return tuple(found)
