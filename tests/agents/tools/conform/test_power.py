"""What flowed in a slot is compared with what should have: by reports, or by a meter that holds its last value."""

from datetime import timedelta

import pytest
from trial_device import PROFILE, START

from agents.tools.conform.power import Expected, TrialMeter, flowed
from protocol import messages as m
from protocol.units import Direction

SLOT = timedelta(seconds=36)


def request(direction: Direction = Direction.DECREASE_LOAD) -> m.Request:
    return m.Request(
        message_id="r", sent_at=START, event_id="e", request_id="e.1.1", round=1, revision=1, program_id="p",
        direction=direction, interval_period=m.IntervalPeriod(start=START, duration=SLOT), power_w=(3_000,),
        reply_by=START, decide_by=START,
    )  # fmt: skip


def reading(energy_wh: int, baseline_wh: int) -> m.Reading:
    return m.Reading(slot=0, energy_wh=energy_wh, baseline_wh=baseline_wh, state=m.EventStatus.ACTIVE)


def test_meter_holds_its_last_value_and_passes_over_what_is_no_number() -> None:
    meter = TrialMeter()
    assert meter.energy_wh(START, START + SLOT) is None
    for at_s, told in ((-5, b"1000"), (9, b"-1000"), (18, b"nan"), (20, b"on"), (27, b"0")):
        meter.tell(START + timedelta(seconds=at_s), told)
    assert meter.energy_wh(START, START + SLOT) == pytest.approx((1000 * 9 - 1000 * 18) / 3600)


@pytest.mark.parametrize(("direction", "sign"), [(Direction.DECREASE_LOAD, -1), (Direction.INCREASE_LOAD, 1)])
def test_delivery_is_counted_in_the_direction_of_the_event(direction: Direction, sign: int) -> None:
    found = flowed({"car": reading(3 + sign * 30, 3)}, None, request(direction), 0)
    assert found is not None
    assert found.given_wh(request(direction)) == 30


def test_meter_counts_and_not_what_the_device_says() -> None:
    meter = TrialMeter([(START, 300.0)])
    found = flowed({"car": reading(-27, 3)}, meter, request(), 0)
    assert found is not None
    assert found.given_wh(request()) == 0


def test_meter_tells_the_baseline_where_no_report_does() -> None:
    meter = TrialMeter([(START - timedelta(seconds=5), 300.0), (START, -2_700.0)])
    cut = reading(-10, 1).model_copy(update={"state": m.EventStatus.CANCELLED})
    for readings in ({}, {"car": cut}):
        found = flowed(readings, meter, request(), 0)
        assert found is not None
        assert not found.is_whole
        assert found.given_wh(request()) == pytest.approx(30)


def test_nothing_is_known_without_report_and_meter() -> None:
    assert flowed({}, None, request(), 0) is None
    assert flowed({}, TrialMeter(), request(), 0) is None


@pytest.mark.parametrize(
    ("given_wh", "most", "right"),
    [(30, False, True), (26.2, False, True), (25.5, False, False), (35, False, False), (0, False, False),
     (0, True, True), (-5, True, False), (35, True, False)],
)  # fmt: skip
def test_delivery_is_right_within_rounding_accuracy_and_ramp(given_wh: float, most: bool, right: bool) -> None:
    expected = Expected(request(), 0, 3_000, 100, most)
    assert expected.energy_wh == 30
    assert expected.shown_by(given_wh, PROFILE) is right
