"""Limits as a household says them, and back."""

from typing import Any

import pytest
from worlds import battery, vehicle

from agents.pages.home.household import UnsayableForm, fields_of, limits_said
from agents.pages.home.tongue import LANGUAGES, Tongue
from agents.pages.home.view import HomeDevice
from agents.pages.web.site import Mistaken
from agents.settings.kinds import kind_of

LOOSE = [{"restriction": "reserve_soc", "steps": [6_000, 4_000]}, {"restriction": "power_limit", "steps": [7_000]}]
ROOM: dict[str, Any] = {
    "resource_id": "heat", "kind": "climate", "mode": "heating", "rated_w": 1_000, "capacity_wh_per_k": 500.0,
    "loss_w_per_k": 100.0, "wished_c": 21.0, "least_c": 20.0, "most_c": 23.0, "room_c": 21.0, "outdoor_c": (5.0,),
    "state_at": "2026-01-14T17:00:00Z", "outdoor_at": "2026-01-14T17:00:00Z", "comfort_steps_k": (0.5, 1.0),
}  # fmt: skip


def device(spec: Any) -> HomeDevice:
    return HomeDevice(
        spec.resource_id, spec.kind, None, None, "", "", None, getattr(spec, "capacity_wh", None), None, None, spec
    )


CAR = device(vehicle("ev-1", relaxations=LOOSE))
AS_IT_IS = {"reserve_wh-loosen": "yes", "reserve_wh-to": "10"}


def test_fields_are_what_the_device_has_in_per_cent_times_and_degrees() -> None:
    assert [(one.key, one.value, one.unit, one.loosened) for one in fields_of(CAR)] == [
        ("departure_soc_wh", "75", "%", ""),
        ("reserve_wh", "20", "%", "10"),
        ("relay_ops_left", "", "", ""),
        ("relay_ops_a_day", "", "", ""),
    ]
    assert [
        (one.key, one.value, one.unit) for one in fields_of(device(kind_of("climate").Settings.model_validate(ROOM)))
    ] == [
        ("least_c", "20", "°C"),
        ("most_c", "23", "°C"),
        ("comfort_steps_k", "1", "K"),
    ]
    assert [one.key for one in fields_of(device(battery("bat-1")))] == ["reserve_wh"]


def test_form_that_was_not_touched_changes_nothing() -> None:
    shown = {one.key: one.value for one in fields_of(CAR)}
    assert limits_said(CAR, shown | AS_IT_IS) == {}


def test_what_a_household_says_is_what_the_device_has() -> None:
    said = {"departure_soc_wh": "60", "relay_ops_a_day": "2"}
    assert limits_said(CAR, said | AS_IT_IS) == {"departure_soc_wh": 24_000, "relay_ops_a_day": 2}
    warm = device(kind_of("climate").Settings.model_validate(ROOM))
    assert limits_said(warm, {"least_c": "19,5", "comfort_steps_k": ""}) == {"least_c": 19.5, "comfort_steps_k": []}


def test_what_may_be_loosened_is_said_or_taken_back_and_the_rest_of_it_stays() -> None:
    power = LOOSE[1]
    assert limits_said(CAR, {}) == {"relaxations": [power]}
    less = {"reserve_wh-loosen": "yes", "reserve_wh-to": "15"}
    assert limits_said(CAR, less) == {"relaxations": [power, {"restriction": "reserve_soc", "steps": [6_000]}]}
    more = AS_IT_IS | {"departure_soc_wh-loosen": "yes", "departure_soc_wh-to": "50"}
    assert limits_said(CAR, more) == {"relaxations": [*LOOSE, {"restriction": "departure_soc", "steps": [20_000]}]}


def test_steps_that_loosen_nothing_any_more_go_with_the_limit() -> None:
    assert limits_said(CAR, AS_IT_IS | {"reserve_wh": "12"}) == {
        "reserve_wh": 4_800,
        "relaxations": [{"restriction": "reserve_soc", "steps": [4_000]}, LOOSE[1]],
    }
    assert limits_said(CAR, AS_IT_IS | {"reserve_wh": "5"}) == {"reserve_wh": 2_000, "relaxations": [LOOSE[1]]}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"reserve_wh": "110"}, "110 % is not between 0 and 100"),
        ({"reserve_wh": "much"}, "'much' is no number of %"),
        ({"reserve_wh": ""}, "a number is missing"),
        ({"reserve_wh": "nan"}, "no number of %"),
        ({"relay_ops_a_day": "1.5"}, "no number of times"),
        ({"reserve_wh-to": "30"}, "12000 is not below reserve_wh"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(said: dict[str, str], text: str) -> None:
    with pytest.raises(Mistaken, match=text) as told:
        limits_said(CAR, AS_IT_IS | said)
    assert isinstance(told.value, UnsayableForm)
    for language in LANGUAGES:
        assert Tongue(language).text(f"wrong_{told.value.key}", **told.value.figures)
