"""A vehicle with a plan: which stay answers, what begins one, and what nobody can count on."""

from datetime import datetime, timedelta
from typing import Any

from device_cases import DOWN, UP, ask
from worlds import START, T0, vehicle

from agents.devices.vehicle import Vehicle
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture
from protocol.actor import Measured, Planned, PlannedStay
from protocol.messages import Restriction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEKLY = OwnersPlan(zone="Europe/Oslo", departures=(WeeklyDeparture(days=WEEKDAYS, at="07:30"),))
TOMORROW = START + DAY


def living(*stays: PlannedStay, now: datetime = T0, **changes: Any) -> Vehicle:
    made = Vehicle(vehicle("ev", plan=WEEKLY, **changes))
    made.plan(Planned("ev", T0 + 8 * DAY, stays))
    made.look(now)
    return made


def read(of: Vehicle, at: datetime, soc_wh: int | None = 30_000, **told: Any) -> None:
    of.observe(Measured("ev", at, soc_wh, **{"plugged": True, **told}))
    of.look(at)


def test_vehicle_answers_for_its_present_stay_as_one_without_a_plan_does() -> None:
    planned, alone = living(PlannedStay(T0 + 14 * HOUR)), Vehicle(vehicle("ev"))
    read(planned, T0)
    for direction in (DOWN, UP):
        asked = ask(6_000, 6_000, 4_000, direction=direction)
        assert planned.flexibility(asked) == alone.flexibility(asked)


def test_vehicle_that_is_back_on_the_next_day_takes_part_again() -> None:
    of = living(PlannedStay(T0 + 14 * HOUR), PlannedStay(T0 + 38 * HOUR))
    read(of, T0)
    read(of, T0 + 14 * HOUR, plugged=False)
    assert of.flexibility(ask(5_000, start=TOMORROW)).binding == (Restriction.PLUG_WINDOW,)
    read(of, TOMORROW - HOUR, 25_000)
    assert of.flexibility(ask(5_000, start=TOMORROW)).power_w == (5_000,)


def test_return_is_counted_on_only_with_a_time_and_an_energy() -> None:
    def given(**told: Any) -> tuple[int, ...]:
        of = living(PlannedStay(T0 + 14 * HOUR), PlannedStay(T0 + 38 * HOUR, **told))
        read(of, T0)
        return of.flexibility(ask(5_000, 5_000, start=TOMORROW)).power_w

    assert given(plugs_in_at=TOMORROW, arrives_wh=30_000) == (5_000, 5_000)
    assert given(plugs_in_at=TOMORROW + HOUR / 2, arrives_wh=30_000) == (0, 5_000)
    assert given(plugs_in_at=TOMORROW) == given(arrives_wh=30_000) == given() == (0, 0)


def test_who_is_late_is_not_counted_on_any_more() -> None:
    of = living(PlannedStay(T0 + 14 * HOUR, None, T0 - HOUR, 30_000))
    of.observe(Measured("ev", T0, 20_000, plugged=False))
    of.look(T0)
    assert of.flexibility(ask(5_000)).binding == (Restriction.PLUG_WINDOW,)


def test_departure_as_the_car_knows_it_goes_before_the_owners_plan() -> None:
    of = living(PlannedStay(T0 + 14 * HOUR))
    read(of, T0, departs_at=START + HOUR)
    assert of.flexibility(ask(0, 0, 5_000)).binding == (None, None, Restriction.PLUG_WINDOW)


def test_energy_wanted_at_the_departure_is_that_of_its_day() -> None:
    modest, full = living(PlannedStay(START + HOUR, 20_000)), living(PlannedStay(START + HOUR, 30_000))
    for of in (modest, full):
        read(of, T0)
    assert modest.flexibility(ask(6_000)).power_w == (6_000,)
    assert full.flexibility(ask(6_000)).power_w[0] < 6_000


def test_plan_that_changes_changes_the_present_stay() -> None:
    of = living(PlannedStay(START + HOUR))
    read(of, T0)
    assert of.flexibility(ask(5_000, 5_000, 5_000)).power_w[2] == 0
    of.plan(Planned("ev", T0 + 8 * DAY, (PlannedStay(T0 + 38 * HOUR),)))
    assert of.flexibility(ask(5_000, 5_000, 5_000)).power_w[2] == 5_000


def test_vehicle_that_nobody_plans_a_departure_for_stays_until_the_plan_ends() -> None:
    of = living()
    read(of, T0)
    assert of.flexibility(ask(5_000)).power_w == (5_000,)
    assert of.spec.departs_at == T0 + 8 * DAY


def test_event_over_two_stays_has_the_own_schedule_of_both() -> None:
    of = living(
        PlannedStay(START + HOUR),
        PlannedStay(START + 14 * HOUR, None, START + 2 * HOUR, 20_000),
        departure_soc_wh=40_000,
    )
    read(of, T0, 30_000)
    given = of.flexibility(ask(*(0,) * 10))
    assert given.schedule_w[:6] == (6_000, 3_052, 0, 0, 6_000, 6_000)


def test_limits_at_this_moment_bound_what_is_offered() -> None:
    of = living(PlannedStay(T0 + 14 * HOUR))
    read(of, T0, most_discharge_w=2_000)
    assert of.flexibility(ask(6_000)).power_w == (2_000,)
    read(of, T0, most_discharge_w=0)
    assert of.flexibility(ask(6_000)).power_w == (0,)
    read(of, T0)
    assert of.flexibility(ask(6_000)).power_w == (6_000,)


def test_relay_operations_that_were_counted_today_are_taken_off_those_of_a_day() -> None:
    of = living(PlannedStay(T0 + 14 * HOUR), relay_ops_a_day=4)
    read(of, T0, relay_ops_today=1)
    assert of.spec.relay_ops_left == 3
    read(of, T0, relay_ops_today=9)
    assert of.spec.relay_ops_left == 0
    both = living(PlannedStay(T0 + 14 * HOUR), relay_ops_a_day=8, relay_ops_left=2)
    read(both, T0, relay_ops_today=1)
    assert both.spec.relay_ops_left == 2


def test_reading_without_an_energy_moves_no_state_of_charge() -> None:
    of = living(PlannedStay(T0 + 14 * HOUR))
    read(of, T0, 25_000)
    read(of, T0 + HOUR / 2, None)
    assert (of.spec.soc_wh, of.spec.state_at) == (25_000, T0)
