"""One vehicle by hand for every restriction: what it gives, and what it says why it is not more (S50)."""

from datetime import timedelta
from typing import Any

import pytest
from device_cases import DOWN, UP, ask
from worlds import START, T0, vehicle

from agents.devices.contract import Ask, Flexibility, Segment
from agents.devices.vehicle import Vehicle
from protocol.actor import Measured
from protocol.messages import Restriction
from protocol.units import SLOT

LOSSLESS = {"charge_efficiency_pct": 100, "discharge_efficiency_pct": 100}


def answer(asked: Ask, **changes: Any) -> Flexibility:
    """Of a 40 kWh vehicle without losses that is plugged in from T0 for 14 hours."""
    return Vehicle(vehicle("ev", **(LOSSLESS | changes))).flexibility(asked)


def test_what_is_asked_is_given_where_nothing_binds() -> None:
    given = answer(ask(4_000, 0, 5_000))
    assert given.power_w == (4_000, 0, 5_000)
    assert given.binding == (None, None, None)
    assert given.schedule_w == (0, 0, 0)


def test_the_power_limit_binds_where_more_is_asked() -> None:
    given = answer(ask(9_000, 6_000))
    assert given.power_w == (6_000, 6_000)
    assert given.binding == (Restriction.POWER_LIMIT, None)


def test_curtailed_charging_adds_to_discharging() -> None:
    given = answer(ask(15_000), soc_wh=10_000)
    assert given.schedule_w == (6_000,)
    assert given.power_w == (12_000,)


def test_a_vehicle_that_cannot_feed_back_only_stops_charging() -> None:
    given = answer(ask(9_000, 9_000), soc_wh=10_000, max_discharge_w=0)
    assert given.power_w == (6_000, 6_000)
    assert given.binding == (Restriction.POWER_LIMIT,) * 2


def test_the_reserve_binds_evenly_over_the_slots() -> None:
    given = answer(ask(6_000, 6_000, 6_000, 6_000), soc_wh=12_000, departure_soc_wh=8_000)
    assert given.power_w == (2_000,) * 4
    assert given.binding == (Restriction.RESERVE_SOC,) * 4


def test_the_departure_soc_binds_where_too_little_time_is_left_to_charge() -> None:
    """Two hours of event, then one hour at 6 kW before it leaves: 6 kWh can be lent."""
    given = answer(ask(6_000, 6_000, 6_000, 6_000), departs_at=START + timedelta(hours=3))
    assert given.power_w == (3_000,) * 4
    assert given.binding == (Restriction.DEPARTURE_SOC,) * 4


def test_an_unreachable_departure_soc_gives_nothing_and_says_so() -> None:
    given = answer(ask(3_000, 3_000), soc_wh=10_000, departs_at=START + timedelta(hours=2), departure_soc_wh=40_000)
    assert given.power_w == (0, 0)
    assert given.binding == (Restriction.DEPARTURE_SOC,) * 2
    assert given.schedule_w == (6_000, 6_000)


def test_the_capacity_binds_a_vehicle_that_is_to_charge_more() -> None:
    given = answer(ask(6_000, 6_000, direction=UP), soc_wh=38_000)
    assert given.power_w == (2_000, 2_000)
    assert given.binding == (Restriction.CAPACITY,) * 2


def test_a_vehicle_that_charges_at_full_power_cannot_charge_more() -> None:
    given = answer(ask(3_000, direction=UP), soc_wh=10_000)
    assert (given.power_w, given.binding) == ((0,), (Restriction.POWER_LIMIT,))


def test_the_plug_window_binds_slots_that_it_is_not_plugged_in_for_throughout() -> None:
    """Arrival rounds up to a slot, departure rounds down."""
    given = answer(
        ask(1_000, 1_000, 1_000, 1_000),
        plugs_in_at=START + timedelta(minutes=10),
        departs_at=START + timedelta(minutes=110),
        departure_soc_wh=20_000,
    )
    assert given.power_w == (0, 1_000, 1_000, 0)
    assert given.binding == (Restriction.PLUG_WINDOW, None, None, Restriction.PLUG_WINDOW)


def test_an_event_after_the_departure_gets_nothing() -> None:
    given = answer(ask(1_000), departs_at=START - SLOT)
    assert (given.power_w, given.binding) == ((0,), (Restriction.PLUG_WINDOW,))


def test_one_closed_stretch_costs_two_operations() -> None:
    given = answer(ask(2_000, 0, 2_000), relay_ops_left=1)
    assert given.power_w == (0, 0, 0)
    assert given.binding == (Restriction.RELAY_OPS, None, Restriction.RELAY_OPS)
    assert answer(ask(2_000, 0, 2_000), relay_ops_left=2).power_w == (2_000, 0, 2_000)


def test_a_relay_that_stays_open_in_between_costs_two_more() -> None:
    """Stand-by draw over a long pause would take all that there is above the reserve."""
    pause = ask(500, 0, 0, 0, 500)
    shape: dict[str, Any] = {"soc_wh": 8_700, "departure_soc_wh": 8_000, "standby_w": 100}
    assert answer(pause, relay_ops_left=4, **shape).power_w == (500, 0, 0, 0, 500)
    few = answer(pause, relay_ops_left=2, **shape)
    assert sum(few.power_w) == 900
    assert few.binding == (Restriction.RESERVE_SOC, None, None, None, Restriction.RESERVE_SOC)


def test_charging_up_after_the_event_with_an_open_relay_costs_two_operations_too() -> None:
    """It is charging when the event begins: open for a slot and closed again, then open at the end."""
    shape: dict[str, Any] = {"soc_wh": 5_000, "max_discharge_w": 0, "departure_soc_wh": 30_000, "reserve_wh": 0}
    assert answer(ask(6_000), relay_ops_left=3, **shape).power_w == (6_000,)
    kept = answer(ask(6_000), relay_ops_left=1, standby_w=0, **shape)
    assert kept.power_w == (6_000,)
    assert kept.schedule_w == (6_000,)


def test_the_least_power_of_the_charger_gathers_scarce_energy_in_few_slots() -> None:
    """2 kWh over four slots would be 1 kW in each; at 1.5 kW at the least, two slots get it."""
    given = answer(ask(3_000, 3_000, 3_000, 3_000), soc_wh=10_000, departure_soc_wh=8_000, min_power_w=1_500)
    assert sum(given.power_w) == 4_000
    assert all(power == 0 or power >= 1_500 for power in given.power_w)
    assert Restriction.MIN_POWER in given.binding


def test_charging_more_never_costs_more_stand_by_than_it_brings() -> None:
    given = answer(ask(40, 200, direction=UP), standby_w=50)
    assert given.power_w == (0, 200)
    assert given.binding == (Restriction.MIN_POWER, None)


def test_the_least_power_of_the_charger_binds_a_small_ask() -> None:
    given = answer(ask(1_000, 2_000), min_power_w=1_500)
    assert given.power_w == (0, 2_000)
    assert given.binding == (Restriction.MIN_POWER, None)


def test_charging_is_not_curtailed_into_the_gap_below_the_least_power() -> None:
    given = answer(ask(5_000), soc_wh=10_000, max_discharge_w=0, min_power_w=1_500)
    assert given.power_w == (4_500,)
    assert given.binding == (Restriction.MIN_POWER,)


def test_what_another_event_holds_is_part_of_the_schedule_and_not_given_twice() -> None:
    reserved = (Segment(START, START + SLOT, -4_000),)
    given = answer(ask(6_000, 6_000, reserved=reserved))
    assert given.schedule_w[0] == -4_000
    assert given.power_w[0] == 2_000
    assert given.binding[0] is Restriction.COMMITTED


def test_nothing_is_given_against_another_event() -> None:
    reserved = (Segment(START, START + SLOT, 4_000),)
    given = answer(ask(6_000, 6_000, reserved=reserved))
    assert given.power_w == (0, 6_000)
    assert given.binding == (Restriction.COMMITTED, None)


def test_energy_that_a_later_event_holds_stays_in_the_battery() -> None:
    """4 kWh above the reserve, 3 kWh of them promised for later, and no charging above the departure SoC."""
    reserved = (Segment(START + 4 * SLOT, START + 5 * SLOT, -6_000),)
    given = answer(ask(6_000, reserved=reserved), soc_wh=12_000, departure_soc_wh=8_000)
    assert given.power_w == (2_000,)
    assert given.binding == (Restriction.COMMITTED,)


def test_room_that_a_later_event_holds_stays_free() -> None:
    reserved = (Segment(START + 4 * SLOT, START + 5 * SLOT, 6_000),)
    assert answer(ask(6_000, direction=UP, reserved=reserved), soc_wh=36_000).power_w == (2_000,)


def test_losses_stand_between_the_battery_and_the_grid() -> None:
    given = answer(ask(6_000, 6_000), soc_wh=10_000, departure_soc_wh=8_000, discharge_efficiency_pct=80)
    assert given.power_w == (1_600, 1_600)


def test_what_it_could_give_at_most_goes_beyond_what_is_asked() -> None:
    given = answer(ask(1_000, 0, 1_000), soc_wh=14_000, departure_soc_wh=8_000)
    assert given.power_w == (1_000, 0, 1_000)
    assert given.available_w == (6_000, 0, 6_000)


def test_a_level_profile_lets_like_vehicles_cover_the_last_slots_too() -> None:
    given = answer(ask(2_000, 4_000, 2_000), soc_wh=10_000, departure_soc_wh=8_000)
    assert given.power_w == (1_000, 2_000, 1_000)


def test_a_newer_reading_counts_and_an_older_one_does_not() -> None:
    car = Vehicle(vehicle("ev", **(LOSSLESS | {"departure_soc_wh": 8_000})))
    car.observe(Measured("ev", T0 + SLOT, soc_wh=9_000))
    car.observe(Measured("ev", T0, soc_wh=30_000))
    assert car.flexibility(ask(6_000)).power_w == (2_000,)
    car.observe(Measured("ev", T0 + SLOT, soc_wh=99_000))
    assert car.spec.soc_wh == 40_000


@pytest.mark.parametrize(("direction", "most_w"), [(UP, 6_000), (DOWN, 12_000)])
def test_the_book_of_members_gets_the_most_that_it_could_ever_change(direction: Any, most_w: int) -> None:
    assert Vehicle(vehicle("ev")).capacity_w(direction) == most_w


def test_what_is_held_at_its_schedule_makes_nothing_up_for_what_was_led_before() -> None:
    """1 kWh above the reserve, 600 Wh of it led in the slot before: it would charge them again in the next one, but is held
    at its schedule, which is idle."""
    led = Segment(START - SLOT, START, -1_200, 0)
    held = tuple(Segment(START + i * SLOT, START + (i + 1) * SLOT, 0, 0) for i in range(2))
    given = answer(ask(6_000, 6_000, reserved=(led, *held)), reserve_wh=29_000)
    assert given.schedule_w == (0, 0)
    assert given.power_w == (400, 400)
    assert answer(ask(6_000, 6_000, reserved=(led,)), reserve_wh=29_000).schedule_w == (1_200, 0)


def test_two_events_that_cancel_out_lead_a_vehicle_at_the_schedule_that_they_stand_on() -> None:
    both = (Segment(START, START + SLOT, -2_000, 0), Segment(START, START + SLOT, 2_000, 0))
    assert answer(ask(0, 0, reserved=both), soc_wh=29_000, state_at=START).schedule_w == (0, 2_000)


def test_what_another_event_led_before_the_newest_reading_is_in_it() -> None:
    led, read_at = Segment(START, START + SLOT, -2_000, 0), START + SLOT
    given = answer(ask(0, 6_000, reserved=(led,)), state_at=read_at, soc_wh=29_000, reserve_wh=28_000)
    assert given.power_w == (0, 4_000)  # it charges 1 kWh by itself, and has 1 kWh above its reserve
    assert given.schedule_w == (-2_000, 2_000)
