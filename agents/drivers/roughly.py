"""How far from a power what is metered may lie, and the device follows it all the same: meters and cars are not exact. Pure."""

ROUGH_W, ROUGH_PCT = 300, 10


def rough_w(power_w: int) -> float:
    """So far at most, W: ten per cent, and of small powers 300 W."""
    return max(ROUGH_W, abs(power_w) * ROUGH_PCT / 100)
