"""In which steps a meter counts: what it tells of a slot may be wrong by one of them, and whoever compares it with anything
allows for that. It travels beside the readings."""

from collections.abc import Iterable, Mapping
from typing import Any

from protocol import messages as m
from protocol.plan import Plan
from protocol.units import MAX_ENERGY_WH

KEY = "step_wh"
"""Of the extensions of a report: Wh; of a sum, the steps of all its meters together. Not told: whole Wh."""
MOST_WH = 1_000
"""A home's meter counts in 1 kWh at the coarsest: more is not believed of one that is judged by it."""


def told(extensions: Mapping[str, Any]) -> int:
    """What a report says of it; 0 where it says nothing, or what cannot be."""
    step_wh = extensions.get(KEY)
    return step_wh if type(step_wh) is int and 1 < step_wh <= MAX_ENERGY_WH else 0


def extension(step_wh: int) -> dict[str, Any]:
    """As it travels."""
    return {KEY: step_wh} if step_wh else {}


def beside(report: m.Report, step_wh: int) -> m.Report:
    """The report with what is to be said of its meter's steps."""
    more = extension(step_wh)
    return report.model_copy(update={"extensions": {**report.extensions, **more}}) if more else report


def given_wh(due_wh: Plan, changes_wh: Iterable[int], step_wh: int) -> int:
    """What was given of what was due, both Wh by slot. What a step puts into one slot is missing in its neighbour: it may be
    above what was due there, and over all slots one step is no shortfall."""
    due, changes = sum(due_wh), zip(due_wh, changes_wh, strict=True)
    given = sum(max(-step_wh, min(slot_wh + step_wh, change_wh)) for slot_wh, change_wh in changes)
    return due if due - given <= step_wh else max(0, given)
