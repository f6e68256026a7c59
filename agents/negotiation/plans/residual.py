"""S5: what a re-request asks of whom. The residual never grows: firm offers are locked, only the rest is asked for."""

from collections.abc import Iterable, Mapping

from protocol.plan import Plan, add, excess, least, scaled, shortfall, total


def residual(asked_w: Plan, locked: Iterable[Plan]) -> Plan:
    """What is still missing in each slot once the locked plans are taken off, W >= 0."""
    return shortfall(asked_w, total(locked, len(asked_w)))


def share_residual(residual_w: Plan, surplus: Mapping[str, Plan]) -> dict[str, Plan]:
    """The residual over those with a surplus, in their order (the caller's: the members' or the merit order), none
    above its surplus; W per slot. The parts sum to min(residual, all surplus); who gets nothing is left out."""
    parts: dict[str, Plan] = {}
    left = residual_w
    for name, over in surplus.items():
        part = least(over, left)
        if any(part):
            parts[name] = part
            left = shortfall(left, part)
    return parts


def exchanged(
    missing_w: Plan, over: Mapping[str, Plan], parts: Mapping[str, Plan], takers: Iterable[str]
) -> dict[str, Plan]:  # fmt: skip
    """Where some have something over in other slots than the missing ones, W: by name what changes in the parts of all. One
    with something `over` takes over what a taker was to give there, and that one is asked for as much energy more where it
    is missing, if it gives anything there."""
    left_w, changed, moves = missing_w, dict[str, Plan](), dict[str, bool]()
    for giver, over_w in over.items():
        for taker in takers:
            if taker == giver or moves.get(giver) is False or moves.get(taker) is True:
                continue
            part_w = changed.get(taker, parts[taker])
            there = tuple(power if part else 0 for power, part in zip(left_w, part_w, strict=True))
            free = tuple(0 if power else free for power, free in zip(missing_w, least(over_w, part_w), strict=True))
            moved = min(sum(there), sum(free))
            if not moved:
                continue
            more, less = (scaled(plan, moved, sum(plan)) for plan in (there, free))
            changed[taker] = add(shortfall(part_w, less), more)
            changed[giver] = add(changed.get(giver, parts[giver]), less)
            over_w, left_w = excess(over_w, less), shortfall(left_w, more)
            moves |= {giver: True, taker: False}
    return changed


def reduced(proposal_w: Plan, margin_pct: int) -> Plan:
    """What a short aggregator is asked for, W: its proposal less a margin of 0 to 100 % (下回る), rounded down, or
    with 0 just its proposal. Raises ValueError for another margin."""
    if not 0 <= margin_pct <= 100:
        raise ValueError(f"a margin of {margin_pct} % is not within 0 to 100 %")
    return scaled(proposal_w, 100 - margin_pct, 100)
