"""Power and energy as people read them, the only place where W become kW in a text.

Four digits are enough for a person: to the W below 1 kW, so that nothing that is there reads as nothing, to a tenth
below 1000 kW, whole beyond. What is compared line by line is written exactly.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

TENTHS_FROM, WHOLE_FROM = 1_000, 1_000_000
MOST_FIGURES = 8
"""Of a plan that is told slot by slot."""


def kilo(quantity: int, *, exact: bool = False, signed: bool = False) -> str:
    """W as kW, or Wh as kWh, without the unit: `2.2`, `0.04`; exactly `2.167`; signed `+2.2`."""
    size = abs(quantity)
    decimals = 3 if exact or size < TENTHS_FROM else 1 if size < WHOLE_FROM else 0
    text = f"{quantity / 1000:{'+' if signed else ''}.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def kilowatts(power_w: Sequence[int] | int | None) -> str:
    """`24 24 18 kW`; one figure with how often when all slots have the same (`24 kW x 3`), or nothing (`0 kW`); `-`
    when there is no plan. A long plan tells equal neighbours once: `24 x 40, 18 x 8 kW`."""
    if power_w is None:
        return "-"
    if isinstance(power_w, int):
        return f"{kilo(power_w)} kW"
    if not any(power_w):
        return "0 kW"
    if len(power_w) > 1 and len(set(power_w)) == 1:
        return f"{kilo(power_w[0])} kW x {len(power_w)}"
    if len(power_w) <= MOST_FIGURES:
        return " ".join(map(kilo, power_w)) + " kW"
    runs = [(text, len(list(alike))) for text, alike in groupby(map(kilo, power_w))]
    return ", ".join(text if count == 1 else f"{text} x {count}" for text, count in runs) + " kW"


def exact_kilowatts(plan: Iterable[int]) -> str:
    """A plan to the watt, for what is compared line by line: ``[26 19.529] kW``."""
    return "[" + " ".join(kilo(power_w, exact=True) for power_w in plan) + "] kW"


def kilowatt_hours(energy_wh: int) -> str:
    """`187.5 kWh`."""
    return f"{kilo(energy_wh)} kWh"
