"""The optimum of the coalition bounds every deal of it."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from agents.devices.flexibility import Store
from agents.runtime.files.from_csv import Plugged, RecordedRequest, Session
from agents.tools.study.optimum import Optimum, of_stores
from agents.tools.study.runs import outcomes
from agents.tools.study.variants import VARIANTS, StudyBooks, Variant, with_plan, with_surplus
from protocol.units import Direction

DAY = datetime(2023, 1, 24, tzinfo=UTC)


def world(seed: int) -> tuple[dict[str, list[Session]], RecordedRequest]:
    """A few cars, many of which leave while a request of any shape is under way."""
    random = Random(f"optimum {seed}")
    shares = [random.choice([0.0, 0.3, 0.6, 1.0]) for _ in range(random.randint(1, 6))]
    wanted = RecordedRequest("1", DAY + timedelta(hours=17), (1.0, *shares))
    sessions: dict[str, list[Session]] = {}
    for number in range(random.randint(4, 10)):
        leaves = DAY + timedelta(hours=17, minutes=random.choice([30, 60, 100, 150, 600, 840]))
        arrives = DAY + timedelta(hours=random.choice([12, 16]), minutes=random.randint(0, 59))
        sessions[f"U_{number}"] = [
            Session(
                arrives, leaves, random.choice([3.6, 7.4, 11.0]), random.choice([30.0, 60.0]), random.uniform(0.3, 0.9)
            )
        ]
    return sessions, wanted


def variant(seed: int) -> Variant:
    """Any ladder with its re-requests."""
    found = VARIANTS[Random(f"variant {seed}").choice([0, 1, 3, 4, 4, 4])]
    return (lambda one: one, with_plan, with_surplus)[seed % 3](found)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_no_deal_exceeds_the_optimum(seed: int) -> None:
    sessions, wanted = world(seed)
    direction = list(Direction)[seed % 2]
    found = list(
        outcomes(
            sessions, wanted, Plugged.EVERY_EVENING, books=list(StudyBooks)[seed // 2 % 2], seed=seed,
            sizes_pct=(100, 150, 200), variants=[variant(seed)], accept_pct=10, direction=direction, compare=True,
        )
    )  # fmt: skip
    assert found
    for outcome in found:
        assert outcome.best is not None
        assert outcome.secured_wh <= outcome.best.energy_wh <= outcome.asked_wh
        assert outcome.level_pm <= outcome.best.level_pm


def test_most_energy_is_told_also_where_the_best_level_costs_some() -> None:
    """By hand. In the first half hour charging less saves 0.45 Wh a W, in the second one discharging costs 0.6 Wh a W; 1,050
    Wh can be moved. Evenly 1,000 W are given in both, 1,000 Wh; but 2,000 W are 900 Wh in the first one, and 250 W more in
    the second, 1,125 Wh."""
    store = Store((3_000.0, 0.0), (3_000.0, 3_000.0), 0.45, 0.6, (1_050.0, 1_050.0))
    assert of_stores([store], (2_000, 2_000), timedelta(minutes=30)) == Optimum(500, 1_125)


def test_optimum_is_no_more_than_what_is_asked() -> None:
    store = Store((3_000.0,), (3_000.0,), 0.5, 0.5, (5_000.0,))
    assert of_stores([store], (1_001,), timedelta(minutes=30)) == Optimum(1_000, 500)  # 500.5 Wh are told as 500
