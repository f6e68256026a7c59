"""Which of a device's states a party is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.drivers.contract import DeviceReading
from agents.drivers.news import AGAIN_AFTER, News

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)
S = timedelta(seconds=1)
STATE = DeviceReading(plugged=True, soc_wh=20_000, power_w=3_000)


def test_first_state_is_news_and_the_same_again_is_none() -> None:
    news = News("ev", 40_000)
    told = news.of(STATE, T0)
    assert told is not None
    assert (told.resource_id, told.at, told.soc_wh, told.plugged, told.power_w) == ("ev", T0, 20_000, True, 3_000)
    assert news.of(STATE, T0 + 10 * S) is None


@pytest.mark.parametrize(
    "change",
    [
        {"plugged": False}, {"fault": "overheated"}, {"soc_wh": 20_400}, {"power_w": 3_100}, {"power_w": None},
        {"most_charge_w": 0}, {"departs_at": T0}, {"relay_ops_today": 1},
    ],
)  # fmt: skip
def test_change_by_a_step_is_news(change: dict[str, object]) -> None:
    news = News("ev", 40_000)
    news.of(STATE, T0)
    assert news.of(replace(STATE, **change), T0 + S) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"soc_wh": 20_399}, {"power_w": 3_099}])
def test_change_below_a_step_is_none(change: dict[str, object]) -> None:
    news = News("ev", 40_000)
    news.of(STATE, T0)
    assert news.of(replace(STATE, **change), T0 + S) is None  # type: ignore[arg-type]


def test_slow_change_adds_up_to_news() -> None:
    news = News("ev", 40_000)
    told = [news.of(replace(STATE, soc_wh=20_000 + 100 * n), T0 + n * S) for n in range(9)]
    assert [one.soc_wh for one in told if one is not None] == [20_000, 20_400, 20_800]


def test_state_is_told_again_when_it_has_aged() -> None:
    news = News("ev")
    news.of(STATE, T0)
    assert news.of(STATE, T0 + AGAIN_AFTER - S) is None
    assert news.of(STATE, T0 + AGAIN_AFTER) is not None


def test_share_is_told_in_wh_only_where_the_capacity_is_known() -> None:
    told = [News("ev", capacity).of(DeviceReading(soc_pct=25.0), T0) for capacity in (40_000, None)]
    assert [one and one.soc_wh for one in told] == [10_000, None]


def test_silence_is_told_once_and_again_when_it_goes_on() -> None:
    news = News("ev")
    news.of(STATE, T0)
    silent = news.faulty("silent", "no answer", T0 + 70 * S)
    assert silent is not None
    assert (silent.fault, silent.soc_wh, silent.plugged) == ("silent: no answer", None, None)
    assert news.faulty("silent", "another reason", T0 + 80 * S) is None
    assert news.faulty("silent", "", T0 + 70 * S + AGAIN_AFTER) is not None
    back = news.of(STATE, T0 + 400 * S)
    assert back is not None
    assert back.fault is None
