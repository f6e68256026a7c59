"""Where the shapes of a slot chart stand."""

import pytest

from agents.pages.web.chart import BOTTOM, HEIGHT, TOP, slot_chart

FLOOR = HEIGHT - BOTTOM


def test_parts_stand_on_each_other_and_the_line_above_them() -> None:
    chart = slot_chart(("a–b", "b–c"), (100, 50), (("offers", (60, 50)), ("storage", (40, 0))), (100, 50), {0: 80}, "x")
    first, second, other = chart.bars
    assert first.y + first.height == pytest.approx(FLOOR)
    assert second.y + second.height == pytest.approx(first.y)
    assert second.y == TOP  # all of the 100 W, which is also the end of the scale
    assert (first.tone, second.tone, other.tone) == (0, 1, 0)
    assert chart.line.startswith(f"M50 {float(TOP)}")
    assert [one.name for one in chart.legend] == ["requested", "offers", "storage", "awarded", "delivered"]


def test_chart_of_nothing_has_a_scale() -> None:
    chart = slot_chart(("a–b",), (0,), (), None, {}, "x")
    assert not chart.bars
    assert [tick.text for tick in chart.ticks] == ["0", "0.001"]


def test_long_event_has_at_most_twelve_labels() -> None:
    labels = [f"{slot}–{slot + 1}" for slot in range(336)]
    chart = slot_chart(labels, (1_000,) * 336, (("offers", (1_000,) * 336),), None, {}, "x")
    assert len(chart.labels) == 12
    assert chart.labels[0].text == "0"


def test_more_rungs_than_colours_begin_again() -> None:
    parts = [(f"rung {number}", (1,)) for number in range(10)]
    assert [bar.tone for bar in slot_chart(("a–b",), (10,), parts, None, {}, "x").bars] == [*range(8), 0, 1]
