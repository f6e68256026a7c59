"""An event slot by slot in figures: a row a slot, a column a quantity. Rungs of other versions get a column, too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from agents.negotiation.watch import ENOUGH_PCT
from agents.pages.console.event_view import EventView

COLUMNS = ("offers", "surplus", "own storage", "relaxed")
"""Rungs that always have a column: that one added nothing is worth seeing."""


@dataclass(frozen=True, slots=True)
class SlotColumn:
    """One quantity: W a slot (of what was metered the mean); None: not known, or not yet."""

    name: str
    power_w: tuple[int | None, ...]
    total_wh: int | None
    warned: frozenset[int] = frozenset()
    """Slots in which something is lost by it."""


def columns(view: EventView) -> tuple[SlotColumn, ...]:
    """What is asked, what each rung gave, what is awarded and delivered, what is missing."""
    none: tuple[None, ...] = (None,) * view.slots
    parts = {part.name: part.power_w for part in view.parts}
    found = [_column(view, "requested", view.requested_w)]
    for name in (*COLUMNS, *(name for name in parts if name not in COLUMNS)):
        found.append(_column(view, name, parts.get(name, none)))
    found.append(_column(view, "as alternative", view.proposed_w or none))
    found.append(_column(view, "available", view.available_w or none))
    found.append(_column(view, "awarded", view.awarded_w or none))
    found.append(_delivered(view))
    short = _column(view, "short", view.shortfall_w or none)
    found.append(replace(short, warned=frozenset(slot for slot, power_w in enumerate(short.power_w) if power_w)))
    return tuple(one for one in found if len(one.power_w) == view.slots)


def _column(view: EventView, name: str, power_w: Sequence[int | None]) -> SlotColumn:
    known = tuple(one or 0 for one in power_w)
    total_wh = view.total_wh(known) if any(one is not None for one in power_w) else None
    return SlotColumn(name, tuple(power_w), total_wh)


def _delivered(view: EventView) -> SlotColumn:
    length, told = timedelta(seconds=view.slot_s), view.delivered_wh
    power_w = tuple(
        round(told[slot] * timedelta(hours=1) / length) if slot in told else None for slot in range(view.slots)
    )
    less = (slot for slot in told if 100 * told[slot] < ENOUGH_PCT * (view.slot_wh(view.secured_w, slot) or 0))
    return SlotColumn("delivered", power_w, sum(told.values()) if told else None, frozenset(less))
