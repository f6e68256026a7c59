"""W as people read them in kW: one rounding everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.kilowatts import kilo, kilowatt_hours, kilowatts


@pytest.mark.parametrize(
    ("power_w", "told"),
    [
        (0, "0"), (1, "0.001"), (-40, "-0.04"), (436, "0.436"), (1000, "1"), (2167, "2.2"), (-1540, "-1.5"),
        (10_000, "10"), (99_960, "100"), (999_960, "1000"), (1_234_567, "1235"), (3_900_000, "3900"),
    ],
)  # fmt: skip
def test_four_digits_are_told_and_nothing_that_is_there_reads_as_nothing(power_w: int, told: str) -> None:
    assert kilo(power_w) == told


@given(st.integers(-(10**12), 10**12))
def test_exact_figure_is_the_quantity_itself(power_w: int) -> None:
    assert round(float(kilo(power_w, exact=True)) * 1000) == power_w
    assert kilo(power_w, exact=True, signed=True).lstrip("+") == kilo(power_w, exact=True)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (None, "-"), (1500, "1.5 kW"), ((), "0 kW"), ((0, 0), "0 kW"), ((1500,), "1.5 kW"),
        ((24_000, 24_000), "24 kW x 2"), ([24_000, 24_000, 18_250], "24 24 18.2 kW"),
        ([24_000] * 40 + [18_000] * 7 + [0], "24 x 40, 18 x 7, 0 kW"),
    ],
)  # fmt: skip
def test_plan_tells_equal_slots_once(plan: tuple[int, ...] | int | None, told: str) -> None:
    assert kilowatts(plan) == told


def test_energy_has_the_same_digits() -> None:
    assert [kilowatt_hours(wh) for wh in (50, 187_500, 7_799_300)] == ["0.05 kWh", "187.5 kWh", "7799 kWh"]
