"""What a plan with hindsight could still have delivered: a linear program (HiGHS) that knows from the start who gives how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import highspy

from agents.settings.parties import EventSettings
from protocol.plan import Plan


@dataclass(frozen=True, slots=True)
class Fate:
    """What a home does from an instant on: so much of what is due."""

    gives_pct: int = 100
    from_at: datetime | None = None


def hindsight_wh(
    deal_w: Plan, offers: Mapping[str, Plan], fates: Mapping[str, Fate], event: EventSettings, storage_wh: float
) -> int:
    """The most that can be delivered of a deal from the second slot on, Wh: every offer may be used in full, as far as its
    home still gives it, and `storage_wh` in each slot of own storage."""
    model, hours = highspy.Highs(), event.slot_s / 3600
    model.silent()
    total: Any = 0.0
    for slot in range(1, len(deal_w)):
        parts = [
            model.addVariable(0, plan[slot] * hours * _gives(fates.get(home, Fate()), event, slot))
            for home, plan in offers.items()
        ]
        parts.append(model.addVariable(0, storage_wh))
        sum_wh = sum(parts[1:], parts[0])
        model.addConstr(sum_wh <= deal_w[slot] * hours)
        total = sum_wh if slot == 1 else total + sum_wh
    if len(deal_w) < 2:
        return 0
    model.maximize(total)
    return round(model.getInfo().objective_function_value)


def _gives(fate: Fate, event: EventSettings, slot: int) -> float:
    """The share of its offer that a home can give in a slot."""
    length = timedelta(seconds=event.slot_s)
    begins = event.start + length * slot
    before = 1.0 if fate.from_at is None else max(0.0, min(1.0, (fate.from_at - begins) / length))
    return fate.gives_pct / 100 if fate.from_at is None else before + (1 - before) * fate.gives_pct / 100
