"""What vehicles need, in our units: energies, states of charge, limits, and what has moved since they said it."""

import pytest

from agents.drivers.ocpp.connector import IMPORTED, Connector, Sample
from agents.drivers.ocpp.needs import needs_of
from agents.drivers.ocpp.obedience import Obedience
from agents.drivers.ocpp.options import OcppOptions

V2X = {
    "requested_energy_transfer": "AC_BPT",
    "departure_time": "2026-01-15T06:30:00Z",
    "v2x_charging_parameters": {
        "min_charge_power": 1_400,
        "max_charge_power": 7_000,
        "min_discharge_power": 1_000,
        "max_discharge_power": 6_000,
        "ev_target_energy_request": 12_000,
        "ev_min_energy_request": -8_000,
        "ev_max_energy_request": 20_000,
        "target_soc": 80,
    },
}


def served(**options: object) -> Connector:
    """A connector at which a vehicle charges; its register stands at 1 kWh."""
    made = Connector(OcppOptions.model_validate({"charge_point": "CP-1", "discharges": True} | options))
    made.be("Charging", "", 0)
    made.begin("t", 0, 0)
    made.meter([Sample(IMPORTED, "", 1_000)], 0, 0)
    return made


def test_powers_of_phases_are_added_where_each_is_told() -> None:
    of = {"max_charge_power": 2_000, "max_charge_power_l2": 2_000, "max_charge_power_l3": 1_500}
    assert needs_of({"v2x_charging_parameters": of}).most_charge_w == 5_500


def test_direct_current_tells_state_of_charge_capacity_and_power() -> None:
    of = {"state_of_charge": 40, "ev_energy_capacity": 50_000, "ev_max_power": 11_000, "energy_amount": 9_000}
    needs = needs_of({"requested_energy_transfer": "DC", "dc_charging_parameters": of})
    assert (needs.both_ways, needs.soc_pct, needs.most_charge_w, needs.wanted_wh) == (False, 40, 11_000, 9_000)
    assert needs.after(5_000, None).soc_pct == pytest.approx(50)


def test_vehicle_that_goes_both_ways_says_least_most_and_departure() -> None:
    one = served(capacity_wh=40_000)
    one.need(needs_of(V2X))
    reading = one.reading(0)
    assert reading is not None
    assert (reading.most_charge_w, reading.most_discharge_w, reading.least_w) == (7_000, 6_000, 1_400)
    assert (reading.soc_pct, reading.wanted_wh) == (50.0, 12_000)
    assert reading.departs_at is not None
    assert reading.departs_at.isoformat() == "2026-01-15T06:30:00+00:00"


def test_energies_follow_the_register() -> None:
    one = served(capacity_wh=40_000)
    one.need(needs_of(V2X))
    one.meter([Sample(IMPORTED, "", 5_000)], 60, 60)
    reading = one.reading(60)
    assert reading is not None
    assert (reading.soc_pct, reading.wanted_wh) == (60.0, 8_000)


@pytest.mark.parametrize(("request_wh", "most_w"), [(-1, 6_000), (0, 0), (500, 0)])
def test_vehicle_at_its_least_energy_discharges_no_more(request_wh: int, most_w: int) -> None:
    one = served()
    one.need(needs_of(V2X | {"v2x_charging_parameters": V2X["v2x_charging_parameters"] | {"ev_min_energy_request": request_wh}}))  # type: ignore[operator]  # fmt: skip
    reading = one.reading(0)
    assert reading is not None
    assert reading.most_discharge_w == most_w


def test_vehicle_at_its_most_energy_charges_no_more() -> None:
    one = served()
    one.need(needs_of(V2X))
    one.meter([Sample(IMPORTED, "", 21_000)], 60, 60)
    reading = one.reading(60)
    assert reading is not None
    assert reading.most_charge_w == 0


def test_register_that_begins_anew_leaves_energies_unknown() -> None:
    one = served(capacity_wh=40_000)
    one.need(needs_of(V2X))
    one.meter([Sample(IMPORTED, "", 3)], 60, 60)
    reading = one.reading(60)
    assert reading is not None
    assert (reading.soc_pct, reading.wanted_wh, reading.most_discharge_w) == (None, None, 6_000)


def test_vehicle_that_may_not_discharge_here_does_not() -> None:
    one = served(discharges=False)
    one.need(needs_of(V2X))
    reading = one.reading(0)
    assert reading is not None
    assert (one.follows, reading.most_discharge_w, reading.least_w) == (False, 0, 1_380)


def test_state_of_charge_that_its_owner_expects_is_counted_on_by_the_register() -> None:
    one = served(arrives_pct=30, capacity_wh=50_000)
    one.meter([Sample(IMPORTED, "", 6_000)], 60, 60)
    reading = one.reading(60)
    assert reading is not None
    assert reading.soc_pct == pytest.approx(40)


def test_state_of_charge_that_is_metered_counts_before_any_other() -> None:
    one = served(arrives_pct=30, capacity_wh=50_000)
    one.meter([Sample("SoC", "", 55)], 60, 60)
    reading = one.reading(60)
    assert reading is not None
    assert reading.soc_pct == 55


def test_needs_are_those_of_the_vehicle_that_is_plugged_in() -> None:
    one = served(capacity_wh=40_000)
    one.need(needs_of(V2X))
    one.be("Available", "", 60)
    one.be("Charging", "", 90)
    one.begin("u", 90, 90)
    reading = one.reading(90)
    assert reading is not None
    assert (reading.soc_pct, reading.departs_at, reading.most_discharge_w) == (None, None, 0)


def test_what_flows_above_what_was_told_is_a_fault_once_it_had_time() -> None:
    one = Obedience(60)
    one.tell(2_300, 0, 1_000)
    one.meter(7_200, 59)
    assert one.fault() == ""
    one.meter(7_200, 61)
    assert one.fault() == "does not follow: 7,200 W flow, it was told 2,300 W"
    one.meter(2_500, 76)
    assert one.fault() == ""
    one.meter(7_200, 1_001)
    assert one.fault() == ""  # it is over


def test_vehicle_that_does_not_discharge_as_told_does_not_follow() -> None:
    one = Obedience(60)
    one.tell(-3_000, 0, 1_000)
    one.meter(0, 61)
    assert one.fault().startswith("does not follow")


def test_vehicle_that_does_not_wake_after_a_pause_is_told() -> None:
    one = Obedience(60)
    one.tell(0, 0, 10_000)
    one.tell(2_300, 3_600, 10_000)
    one.meter(0, 3_700)
    assert one.fault() == ""
    one.meter(0, 3_901)
    assert one.fault().startswith("does not wake")
    one.meter(2_000, 4_000)
    assert one.fault() == ""


def test_vehicle_that_draws_less_was_not_paused() -> None:
    one = Obedience(60)
    one.tell(2_300, 0, 10_000)
    one.meter(0, 5_000)
    assert one.fault() == ""


def test_limit_that_a_charger_lets_end_some_seconds_early_is_no_fault() -> None:
    """Its clock may be ahead by what is not noticed."""
    of = Obedience(follows_within_s=60)
    of.tell(0, now=0, ends_at=900)
    of.meter(0, at=889)
    of.meter(3_000, at=891)
    assert of.fault() == ""


def test_charger_that_does_not_follow_is_told_so_until_its_limit_is_over() -> None:
    of = Obedience(follows_within_s=60)
    of.tell(0, now=0, ends_at=900)
    of.meter(3_000, at=889)
    assert of.fault().startswith("does not follow")
    of.meter(3_000, at=899)
    assert of.fault().startswith("does not follow")
    of.meter(3_000, at=901)
    assert of.fault() == ""


def test_same_power_that_is_taken_again_after_its_end_has_its_time_to_be_followed() -> None:
    of = Obedience(follows_within_s=60)
    of.tell(0, now=0, ends_at=900)
    of.tell(0, now=903, ends_at=1_800)  # its answer came late
    of.meter(3_000, at=904)
    assert of.fault() == ""
    of.meter(3_000, at=964)
    assert of.fault().startswith("does not follow")


def test_same_power_that_is_taken_again_behind_an_early_end_has_its_time_to_be_followed() -> None:
    of = Obedience(follows_within_s=60)
    of.tell(0, now=0, ends_at=900)
    of.meter(0, at=885)
    of.meter(3_000, at=894)  # by a clock that is ahead
    of.tell(0, now=895, ends_at=1_800)
    assert of.fault() == ""
    of.meter(3_000, at=896)
    assert of.fault() == ""
    of.meter(3_000, at=955)
    assert of.fault().startswith("does not follow")


def test_charger_that_does_not_follow_is_no_better_for_being_told_again() -> None:
    of = Obedience(follows_within_s=60)
    of.tell(0, now=0, ends_at=900)
    of.meter(3_000, at=800)
    of.tell(0, now=895, ends_at=1_800)
    of.meter(3_000, at=904)
    assert of.fault().startswith("does not follow")
    of.meter(0, at=960)
    assert of.fault() == ""
