"""S5: what a re-request asks of whom. The residual never grows: firm offers are locked, only the rest is asked for."""

from collections.abc import Iterable, Mapping

from protocol.plan import Plan, least, scaled, shortfall, total


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


def reduced(proposal_w: Plan, margin_pct: int) -> Plan:
    """What a short aggregator is asked for, W: its proposal less a margin of 0 to 100 % (下回る), rounded down, or
    with 0 just its proposal. Raises ValueError for another margin."""
    if not 0 <= margin_pct <= 100:
        raise ValueError(f"a margin of {margin_pct} % is not within 0 to 100 %")
    return scaled(proposal_w, 100 - margin_pct, 100)
