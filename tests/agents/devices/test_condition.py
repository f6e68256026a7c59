"""A device is counted on while its state is fresh and it has no fault."""

from dataclasses import fields, replace
from datetime import timedelta

from worlds import T0, battery

from agents.devices.condition import is_state, limits, tells_more, trouble
from protocol.actor import Measured

MINUTE = timedelta(minutes=1)


def test_state_that_is_older_than_the_contract_allows_is_not_counted_on() -> None:
    spec, told = battery("bat", state_valid_s=600), Measured("bat", T0, 5_000)
    assert trouble(spec, told, T0 + 10 * MINUTE) is None
    assert trouble(spec, told, T0 + 11 * MINUTE) == "its state is 660 s old, 600 s count"
    assert trouble(spec, None, T0) == "it was never read"


def test_without_a_word_in_the_contract_no_state_is_too_old() -> None:
    assert trouble(battery("bat"), None, T0) is None
    assert trouble(battery("bat"), Measured("bat", T0), T0 + 10_000 * MINUTE) is None


def test_what_a_device_never_tells_is_not_too_old() -> None:
    assert trouble(battery("bat", state_valid_s=600), Measured("bat", T0), T0 + MINUTE) is None


def test_fault_is_told_in_the_devices_words() -> None:
    assert trouble(battery("bat"), Measured("bat", T0, fault="no contact"), T0) == "faulty: no contact"


def test_limits_are_those_below_what_the_settings_say() -> None:
    told = Measured("bat", T0, most_charge_w=0, most_discharge_w=9_000)
    assert limits(battery("bat"), told) == {"max_charge_w": 0}


def test_reading_tells_more_once_any_of_the_newer_fields_is_told() -> None:
    assert not tells_more(Measured("bat", T0, 5_000, -50, "e1", 3))
    of_energy = ("step_wh", "estimated")
    later = [field.name for field in fields(Measured)[6:] if field.name not in of_energy]
    assert later[0] == "plugged"
    assert all(tells_more(replace(Measured("bat", T0), **{name: 0})) for name in later)


def test_answer_of_a_meter_is_a_state_only_where_it_tells_one() -> None:
    assert not is_state(Measured("bat", T0, energy_wh=-50, event_id="e1", slot=3))
    assert not is_state(Measured("bat", T0, event_id="e1", slot=3))
    assert is_state(Measured("bat", T0, 5_000, -50, "e1", 3))
    assert is_state(Measured("bat", T0))
