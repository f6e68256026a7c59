"""The unused potential ratio, by hand."""

from dataclasses import replace

import pytest

from agents.runtime.files.from_csv import Plugged
from agents.tools.study import results, table
from agents.tools.study.optimum import Optimum
from agents.tools.study.runs import Case, StudyOutcome
from agents.tools.study.unused import unused_potential_pct
from agents.tools.study.variants import StudyBooks

CASE = Case("1", Plugged.AS_RECORDED, StudyBooks.KNOWN, 150, "no_fallback")


@pytest.mark.parametrize(
    ("reached", "best", "worst", "said"),
    [
        (10.0, 10.0, 30.0, 0.0),  # as good as the optimum
        (30.0, 10.0, 30.0, 100.0),  # as if nobody were flexible
        (15.0, 10.0, 30.0, 25.0),  # 5 of 20 are left unused
        (8.0, 8.0, 8.0, None),
    ],
)
def test_unused_potential_is_what_is_missed_of_what_the_optimum_saves(
    reached: float, best: float, worst: float, said: float | None
) -> None:
    assert unused_potential_pct(reached, best, worst) == said


def test_unused_potential_of_a_row_is_the_mean_of_its_events() -> None:
    first = StudyOutcome(CASE, 4_000, 2_400, True, False, 10, 0, 5, level_pm=600, best=Optimum(750, 3_000))
    none = replace(first, case=replace(CASE, event="2"), secured_wh=0, level_pm=0, concluded=False)
    full = replace(first, case=replace(CASE, event="3"), secured_wh=4_000, level_pm=1_000, best=Optimum(1_000, 4_000))
    (row,) = results.rows([first, none, full])
    # by hand: 1,600 Wh are missing where 1,000 had to and 4,000 would without: 600 of 3,000; then all of it; then nothing
    assert row.unused_energy_pct == 40.0
    # 400 thousandths are missing where 250 had to: 150 of 750; all; nothing
    assert row.unused_level_pct == 40.0
    assert "| 64.0 % | 60.0 % | 40.0 % | 40.0 % |" in table.beside_optimum(
        [row]
    )  # 6,400 of 10,000 Wh; mean of 80, 0, 100


def test_unused_potential_is_not_told_where_no_optimum_was_computed() -> None:
    (row,) = results.rows([StudyOutcome(CASE, 4_000, 2_400, True, False, 10, 0, 5)])
    assert (row.unused_energy_pct, row.unused_level_pct) == (None, None)
