"""What a charger draws of a surplus, and when full power has to begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.devices.rows.sunshine import charging_h, usable_w


@pytest.mark.parametrize(
    ("surplus_w", "drawn_w"), [(0, 0), (1_399, 0), (1_400, 1_400), (5_999, 5_999), (6_000, 6_000), (9_000, 6_000)]
)
def test_draw_is_between_the_least_and_the_greatest_power(surplus_w: int, drawn_w: int) -> None:
    assert usable_w(surplus_w, 6_000, 1_400, 95, 50) == drawn_w


def test_draw_that_stand_by_would_take_is_left() -> None:
    assert usable_w(50, 6_000, 0, 100, 50) == 0
    assert usable_w(51, 6_000, 0, 100, 50) == 51


def test_full_power_begins_when_the_rest_would_be_too_late() -> None:
    assert charging_h(4_000.0, 0.0, 4_000.0, 3.0, 3.0) == (2.0, 1.0)
    assert charging_h(4_000.0, 2_000.0, 8_000.0, 3.0, 3.0) == (2.0, 1.0)
    assert charging_h(4_000.0, 0.0, 9_000.0, 2.0, 2.0) == (0.0, 2.0)


def test_nothing_is_charged_without_need_or_power() -> None:
    assert charging_h(4_000.0, 2_000.0, 0.0, 3.0, 3.0) == (0.0, 0.0)
    assert charging_h(0.0, 0.0, 1_000.0, 3.0, 3.0) == (0.0, 0.0)


@given(st.floats(100, 7_000), st.floats(0, 1), st.floats(1, 30_000), st.floats(0.1, 12))
def test_all_is_there_at_the_departure_if_full_power_could_bring_it(
    gain_w: float, share: float, need_wh: float, left_h: float
) -> None:
    on_sun_h, full_h = charging_h(gain_w, share * gain_w, need_wh, left_h, left_h)
    assert on_sun_h + full_h <= left_h + 1e-9
    gained_wh = on_sun_h * share * gain_w + full_h * gain_w
    assert gained_wh == pytest.approx(min(need_wh, gain_w * left_h), abs=1e-3)
