"""In which steps a meter counts, as it travels, and what it means for what was given."""

from datetime import UTC, datetime

import pytest

from agents.negotiation.meter_step import KEY, beside, given_wh, told
from protocol import messages as m

REPORT = m.Report(
    message_id="h.report.e1.1.0",
    sent_at=datetime(2026, 1, 14, 18, 30, tzinfo=UTC),
    event_id="e1",
    request_id="e1.1",
    round=1,
    revision=1,
    resource_id="h",
    readings=(m.Reading(slot=0, energy_wh=0, baseline_wh=0, state=m.EventStatus.ACTIVE),),
    extensions={"own": 1},
)


def test_step_travels_beside_what_others_say_in_a_report() -> None:
    said = beside(REPORT, 100)
    assert said.extensions == {"own": 1, "step_wh": 100}
    assert told(said.extensions) == 100
    assert beside(REPORT, 0) is REPORT


@pytest.mark.parametrize("value", [None, True, "100", 0, 1, -100, 1.5, 10**18, [100]])
def test_step_that_cannot_be_is_none(value: object) -> None:
    assert told({KEY: value}) == 0


def test_half_a_step_is_no_shortfall_and_more_than_what_was_due_is_not_given() -> None:
    assert given_wh((1_500, 1_500), (1_450, 1_500), 100) == 3_000
    assert given_wh((1_500, 1_500), (1_600, 1_400), 100) == 3_000
    assert given_wh((1_500, 1_500), (1_600, 1_600), 100) == 3_000


def test_what_is_missing_beyond_a_step_is_a_shortfall() -> None:
    assert given_wh((1_500, 1_500), (1_400, 1_400), 100) == 2_800
    assert given_wh((1_500, 1_500), (1_450, 1_500), 0) == 2_950
    assert given_wh((1_500, 1_500), (1_900, 1_000), 100) == 2_600  # one step above what was due counts, and no more
    assert given_wh((400, 400), (-900, 0), 100) == 0
