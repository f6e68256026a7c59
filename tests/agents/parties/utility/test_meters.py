"""What a slot of a smart meter may be, counted once for all values."""

from datetime import UTC, datetime

import pytest

from agents.negotiation.out import Out
from agents.negotiation.parent import ParentParty
from agents.negotiation.subject import Subject
from agents.parties.utility import meters
from agents.parties.utility.meters import LEAST_DOUBTED_WH, SmartMeters
from protocol import messages as m
from protocol.plan import Plan
from protocol.units import Direction

START = datetime(2026, 1, 14, 18, tzinfo=UTC)


def told(asked_w: Plan, by_slot: dict[str, dict[int, int]]) -> SmartMeters:
    subject = Subject("e1", Direction.DECREASE_LOAD, m.IntervalPeriod(start=START), asked_w, 1)
    made = SmartMeters(Out(ParentParty("utility", (), {}), "e1"), subject, asks=True)
    made.by_slot = by_slot
    return made


def test_what_a_value_can_be_is_computed_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 336 values of each home was once compared with all 336 slots: a late one of a day took the utility seconds."""
    computed, plain = [0], meters.energy_wh

    def counting(plan: Plan, *given: object) -> int:
        computed[0] += 1
        return plain(plan, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(meters, "energy_wh", counting)
    made = told((9_000,) * 336, {f"h{home}": dict.fromkeys(range(336), 7) for home in range(20)})
    assert made.delivered_wh == 20 * 336 * 7
    assert made.told(335) == {}
    assert computed[0] < 5


def test_value_beyond_what_the_largest_slot_asks_is_not_counted() -> None:
    most_wh = 10 * 400_000
    values = {"h0": {0: most_wh, 1: -most_wh}, "h1": {0: most_wh + 1}, "ra/b": {0: 5, 1: -most_wh - 1}}
    made = told((1_000, 800_000), values)
    assert made.delivered_wh == 5
    assert made.told(1) == {"storage_wh": 5, "values_impossible": 2}
    assert told((0,), {"h0": {0: LEAST_DOUBTED_WH}, "h1": {0: LEAST_DOUBTED_WH + 1}}).delivered_wh == LEAST_DOUBTED_WH
