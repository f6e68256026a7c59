"""The form of a request: what can be meant, and what is told of the rest."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from agents.pages.console.orders import event_of, start_of
from agents.pages.web.site import Mistaken

NOW = datetime(2026, 1, 14, 17, 0, 3, tzinfo=UTC)
FORM = {"direction": "decrease_load", "start": "+45m", "slots": "2", "slot_minutes": "30", "power_kw": "100"}
OSLO = ZoneInfo("Europe/Oslo")


def test_one_power_is_that_of_every_slot() -> None:
    event = event_of(FORM, NOW, UTC)
    assert event.power_w == (100_000, 100_000)
    assert event.start == datetime(2026, 1, 14, 17, 45, 3, tzinfo=UTC)
    assert (event.event_id, event.program_id, event.slot_s) == ("op-20260114-170003", "dr", 1800)


@pytest.mark.parametrize("text", ["100 80.5", "100, 80.5", "100,80.5"])
def test_power_may_be_told_for_each_slot(text: str) -> None:
    assert event_of(FORM | {"power_kw": text}, NOW, UTC).power_w == (100_000, 80_500)


def test_start_is_read_on_the_clocks_of_the_viewer() -> None:
    assert start_of("2026-01-14 20:00", NOW, OSLO) == datetime(2026, 1, 14, 19, 0, tzinfo=UTC)
    assert start_of("2026-01-14T20:00+09:00", NOW, OSLO) == datetime(2026, 1, 14, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"start": "tonight"}, "neither"),
        ({"start": "2026-01-14 16:00"}, "in the past"),
        ({"start": "2026-03-29 02:30"}, "never show"),
        ({"start": "2026-10-25 02:30"}, "twice"),
        ({"slots": "0"}, "power"),
        ({"slots": "x"}, "whole number"),
        ({"slot_minutes": "0"}, "slot_s"),
        ({"power_kw": "100 80 60"}, "3 values for 2 slots"),
        ({"power_kw": "nan"}, "numbers in kW"),
        ({"power_kw": "1e99"}, "numbers in kW"),
        ({"power_kw": "-5"}, "power_w"),
        ({"direction": "up"}, "direction"),
        ({"event_id": "<script>"}, "event_id"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(change: dict[str, str], told: str) -> None:
    with pytest.raises(Mistaken, match=told):
        event_of(FORM | change, NOW, OSLO)
