"""S5: what a re-request asks of whom. The residual never grows: firm offers are locked, only the rest is asked for."""

from collections.abc import Mapping

from protocol.plan import Plan, least, scaled, shortfall


def share_residual(residual_w: Plan, surplus: Mapping[str, Plan]) -> dict[str, Plan]:
    """The residual over those with a surplus, in their order, none above its surplus; W per slot. The parts sum to
    min(residual, all surplus)."""
    parts: dict[str, Plan] = {}
    left = residual_w
    for name, over in surplus.items():
        part = least(over, left)
        if any(part):
            parts[name] = part
            left = shortfall(left, part)
    return parts


def reduced(proposal_w: Plan, margin_pct: int) -> Plan:
    """What a short aggregator is asked for: its proposal less a margin (下回る), or with 0 just its proposal."""
    return scaled(proposal_w, 100 - margin_pct, 100)
