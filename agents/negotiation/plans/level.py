"""What is too much is taken from those who give the greatest share of their offers, down to one level."""

from collections.abc import Sequence

STEPS = 1_000
"""In so many steps of an offer the level is found."""


def levelled(parts: Sequence[tuple[int, int, int]], over_w: int) -> list[int]:
    """How much less is asked of each, W, so that `over_w` less comes of it; in the order of the parts. A part: what is
    awarded, what is offered, W, and how much of its award is expected, percent."""
    if not over_w:
        return [0] * len(parts)
    low, high = 0, STEPS
    while low < high:  # the highest level at which enough is taken
        level = (low + high + 1) // 2
        if sum(_above(part, level) * part[2] // 100 for part in parts) >= over_w:
            low = level
        else:
            high = level - 1
    cuts, left_w = [], over_w
    for part in parts:
        less_w = min(_above(part, low), left_w * 100 // part[2] if part[2] else 0)
        left_w -= less_w * part[2] // 100
        cuts.append(less_w)
    return cuts


def _above(part: tuple[int, int, int], level: int) -> int:
    awarded_w, offered_w, _ = part
    return max(0, awarded_w - offered_w * level // STEPS)
