"""Stages are planned by how long those who are asked take to answer, where time allows."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.negotiation.plans.timing import most_collecting_pct, stage_end, time_needed, too_slow
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, Rung

NOW = datetime(2026, 1, 14, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def slow(name: str, seconds: int | None) -> Member:
    return Member(name=name, answers_within_s=seconds)


def test_stage_of_quick_members_ends_as_planned() -> None:
    assert stage_end(NOW, NOW + 5 * MINUTE, NOW + 9 * MINUTE, []) == NOW + 5 * MINUTE
    assert stage_end(NOW, NOW + 5 * MINUTE, NOW + 9 * MINUTE, [slow("a", 60)]) == NOW + 5 * MINUTE


def test_stage_lasts_for_the_slowest_who_is_asked() -> None:
    asked = [slow("a", 60), slow("b", 360), slow("c", None)]
    end = stage_end(NOW, NOW + 5 * MINUTE, NOW + 9 * MINUTE, asked)
    assert end == NOW + time_needed(360) == NOW + timedelta(seconds=402)
    assert too_slow(asked, end - NOW) == []


def test_stage_ends_in_time_for_what_comes_behind_it_and_says_who_is_too_slow() -> None:
    asked = [slow("a", 3_600), slow("b", 60)]
    end = stage_end(NOW, NOW + 5 * MINUTE, NOW + 9 * MINUTE, asked)
    assert end == NOW + 9 * MINUTE
    assert too_slow(asked, end - NOW) == ["a"]


@pytest.mark.parametrize(
    ("settings", "pct"),
    [
        ({}, 75),
        ({"ladder": (Rung.ALTERNATIVE,)}, 90),
        ({"relax_from_above": True}, 90),
        ({"collect_pct": 80}, 80),
    ],
)
def test_rung_that_asks_once_more_keeps_its_time(settings: dict[str, object], pct: int) -> None:
    assert most_collecting_pct(AggregatorSettings.model_validate({"name": "ra", "parent": "ac", **settings})) == pct
