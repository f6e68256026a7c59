"""Delivery under trouble: what a plan with hindsight gives, and that what is played is what is told."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.settings.parties import EventSettings
from bench.hindsight import Fate, hindsight_wh
from bench.trouble import Delivered, Trouble, delivered, rows

START = datetime(2026, 1, 14, 18, tzinfo=UTC)


def event(*power_w: int) -> EventSettings:
    return EventSettings(
        event_id="e", issue_at=START - timedelta(hours=1), direction="decrease_load", start=START, power_w=power_w
    )


def test_hindsight_uses_the_offers_of_those_who_give_and_no_more_than_the_deal() -> None:
    offers = {"a": (4_000, 4_000, 4_000), "b": (4_000, 4_000, 4_000)}
    asked = event(4_000, 4_000, 4_000)
    assert hindsight_wh((4_000,) * 3, offers, {}, asked, 0) == 4_000
    assert hindsight_wh((4_000,) * 3, offers, {"a": Fate(50), "b": Fate(25)}, asked, 0) == 3_000
    assert hindsight_wh((4_000,) * 3, offers, {"a": Fate(50), "b": Fate(25)}, asked, 200) == 3_400


def test_hindsight_counts_a_home_until_it_drops_out() -> None:
    dropped = Fate(0, START + timedelta(minutes=75))
    assert hindsight_wh((4_000,) * 3, {"a": (4_000,) * 3}, {"a": dropped}, event(4_000, 4_000, 4_000), 0) == 3_000


def test_row_says_what_was_missing_without_mending_and_with_it() -> None:
    played = [
        Delivered("e", Trouble.SILENT.value, mended, 100, 5, flowed, flowed, (flowed // 2, flowed // 2), 50)
        for mended, flowed in ((False, 80), (True, 90))
    ]
    (row,) = rows(played)
    assert (row.unmended_pct, row.mended_pct, row.hindsight_pct) == (80, 90, 90)
    assert (row.told_pct, row.most_pct, row.explained_pct) == (100, 90, 50)


@pytest.mark.parametrize("trouble", [Trouble.SILENT, Trouble.WEAK])
def test_mending_delivers_more_of_a_small_event(trouble: Trouble) -> None:
    from agents.runtime.files.scenario import build_scenario

    scenario = build_scenario(small(), "small")
    before, after = (delivered(scenario, trouble, mended, 0) for mended in (False, True))
    assert before is not None
    assert after is not None
    assert before.flowed_wh < after.flowed_wh <= after.awarded_wh * 1.05
    assert after.told_wh == pytest.approx(after.flowed_wh, rel=0.01)


def small() -> dict[str, object]:
    """Ten cars that could give twice what is asked, members that answer their dispatches."""
    car = {
        "kind": "vehicle",
        "resource_id": "ev-{n}",
        "capacity_wh": 40_000,
        "soc_wh": 30_000,
        "departure_soc_wh": 20_000,
        "reserve_wh": 8_000,
        "max_charge_w": 6_000,
        "max_discharge_w": 6_000,
        "departs_at": START + timedelta(hours=14),
    }
    return {
        "scenario": {"name": "small", "start_at": START - timedelta(hours=2), "ends_at": START + timedelta(hours=3)},
        "utility": {"events": [event(*[25_000] * 4).model_dump()]},
        "coordinator": {"name": "ac"},
        "aggregators": [{"name": "ra-1"}],
        "homes": [
            {
                "name": "h-{n}",
                "parent": "ra-1",
                "count": 10,
                "devices": [car],
                "reliability_pct": 50,
                "answers_dispatch": True,
            }
        ],
    }
