"""What an owner may change of a device while its home runs."""

import pytest
from worlds import battery, vehicle

from agents.settings.limits import UnfitLimits, limits_of, with_limits


def test_limits_take_the_place_of_those_of_the_settings_and_of_nothing_else() -> None:
    spec = vehicle("ev-1")
    made = with_limits(spec, {"departure_soc_wh": 24_000, "relay_ops_a_day": 2})
    assert (made.departure_soc_wh, made.relay_ops_a_day) == (24_000, 2)
    assert made == spec.model_copy(update={"departure_soc_wh": 24_000, "relay_ops_a_day": 2})
    assert limits_of(made)["departure_soc_wh"] == 24_000
    assert "max_charge_w" not in limits_of(made)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"reserve_wh": 50_000}, "ev-1: .*cannot be above capacity_wh"),
        ({"reserve_wh": "much"}, "ev-1: reserve_wh"),
        ({"max_charge_w": 1}, "ev-1 has no limit max_charge_w"),
        ({"least_c": 20}, "ev-1 has no limit least_c"),
        ({"relaxations": [{"restriction": "reserve_soc", "steps": [9_000]}]}, "9000 is not below reserve_wh"),
    ],
)
def test_limits_that_a_device_cannot_have_are_refused_in_a_sentence(limits: dict[str, object], text: str) -> None:
    with pytest.raises(UnfitLimits, match=text):
        with_limits(vehicle("ev-1"), limits)


def test_battery_has_a_reserve_only() -> None:
    assert limits_of(battery("bat-1", reserve_wh=2_000)) == {"reserve_wh": 2_000}
