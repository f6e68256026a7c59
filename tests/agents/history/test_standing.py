"""An actor's status in the words and figures of the history."""

from typing import Any

import pytest

from agents.history.standing import PartyStage, WhyUnknown, of_status


def status(**changes: Any) -> dict[str, Any]:
    return {"stage": "standby", "outcome": None, "requested_w": [100, 100], "deal_w": [90, 80]} | changes


def test_der_and_parent_have_one_word_for_the_deal_that_stands() -> None:
    der = {"stage": "awarded", "outcome": "", "requested_w": [6], "awarded_w": [5]}
    assert (of_status(der).stage, of_status(der).secured_w) == (PartyStage.STANDBY, (5,))
    assert of_status(status()).stage is PartyStage.STANDBY
    assert of_status(der | {"stage": "active"}).stage is PartyStage.DELIVERING


@pytest.mark.parametrize("outcome", ["cancelled", "no_deal", "not_needed", "withdrawn", "expired"])
def test_deal_of_an_event_that_ended_without_one_does_not_stand(outcome: str) -> None:
    assert of_status(status(stage="closed", outcome=outcome)).secured_w is None
    assert of_status(status(stage="closed", outcome="concluded")).secured_w == (90, 80)


def test_what_is_available_is_told_before_the_deal_and_never_above_the_request() -> None:
    assert of_status(status(stage="collecting", available_w=[150, 60])).available_w == (100, 60)
    assert of_status(status(available_w=[150, 60])).available_w is WhyUnknown.NOT_NOTED


def test_word_of_another_version_is_not_known() -> None:
    assert of_status(status(stage="dreaming")).stage is WhyUnknown.NOT_NOTED
    assert of_status({}).secured_w is None


def test_json_says_why_something_is_not_known() -> None:
    noted = of_status(status()).as_json()
    assert (noted["stage"], noted["available_w"]) == ("standby", None)
    assert noted["unknown"] == {"available_w": "not_told", "delivered_wh": "not_told"}
