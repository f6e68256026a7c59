"""What an operator may write of an event is what a request can say."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from agents.settings.checked import sentence
from agents.settings.parties import EventSettings

SOUND: dict[str, Any] = {
    "event_id": "e",
    "issue_at": "2026-01-14T08:00:00Z",
    "direction": "decrease_load",
    "start": "2026-01-14T09:00:00Z",
    "power_w": [1_000],
}


def told(**fields: Any) -> str:
    with pytest.raises(ValidationError) as error:
        EventSettings.model_validate(SOUND | fields)
    return sentence(error.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"start": "3026-01-14T09:00:00Z"}, "start: lies in the year 3026; the years 2000 to 2199 are taken"),
        ({"start": "9999-12-31T23:59:59-01:00"}, "start: lies in the year 9999; the years 2000 to 2199 are taken"),
        ({"start": "2199-12-31T23:45:00Z"}, "the last slot has to end before 2200-01-01"),
        ({"slot_s": 86_400, "power_w": [1] * 32}, "all slots together last at most 31 days"),
        ({"power_w": [10**11 + 1]}, "power_w[0]: input should be less than or equal to 100000000000"),
    ],
)
def test_event_that_no_request_can_ask_for_is_told_in_a_sentence(fields: dict[str, Any], said: str) -> None:
    assert said in told(**fields)


def test_longest_event_is_taken() -> None:
    event = EventSettings.model_validate(SOUND | {"slot_s": 86_400, "power_w": [10**11] * 31})
    assert event.start == datetime(2026, 1, 14, 9, tzinfo=UTC)
