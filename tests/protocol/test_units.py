"""Units: energy from power, durations as text, the sign of a direction."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from protocol.units import Direction, Duration, energy_wh, iso_duration


def test_energy_is_rounded_towards_zero_for_both_signs() -> None:
    assert energy_wh(3, timedelta(minutes=30)) == 1
    assert energy_wh(-3, timedelta(minutes=30)) == -1


def test_more_load_is_positive() -> None:
    assert (Direction.INCREASE_LOAD.sign, Direction.DECREASE_LOAD.sign) == (1, -1)


@pytest.mark.parametrize(("seconds", "text"), [(1800, "PT30M"), (3600, "PT1H"), (5401, "PT1H30M1S"), (86_400, "PT24H")])
def test_a_duration_is_iso_8601_text_and_is_read_back(seconds: int, text: str) -> None:
    span = timedelta(seconds=seconds)
    assert iso_duration(span) == text
    assert TypeAdapter(Duration).validate_json(f'"{text}"') == span


@pytest.mark.parametrize("text", ["PT0S", "-PT30M", "PT0.5S"])
def test_a_duration_is_a_positive_number_of_whole_seconds(text: str) -> None:
    with pytest.raises(ValidationError, match="whole seconds"):
        TypeAdapter(Duration).validate_json(f'"{text}"')
