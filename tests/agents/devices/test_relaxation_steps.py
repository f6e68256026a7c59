"""S52: what its owner agreed to in advance is loosened, the mildest step that covers what is asked first."""

from datetime import timedelta
from typing import Any

import pytest
from device_cases import UP, ask, directions, follow, plans, setpoints, soc_at, vehicles
from hypothesis import given, settings
from worlds import START, T0, vehicle

from agents.devices.contract import Flexibility
from agents.devices.vehicle import Vehicle
from agents.drivers.simulated import build_driver
from agents.settings.devices import VehicleSpec
from protocol.messages import Restriction
from protocol.plan import Plan
from protocol.units import Direction

ALL = tuple(Restriction)


def car(restriction: str, *steps: int, **changes: Any) -> VehicleSpec:
    agreed = ({"restriction": restriction, "steps": steps},)
    return vehicle(
        "ev", **({"charge_efficiency_pct": 100, "discharge_efficiency_pct": 100, "relaxations": agreed} | changes)
    )


def relaxed(spec: VehicleSpec, *power_w: int, of: tuple[Restriction, ...] = ALL, **more: Any) -> Flexibility:
    return Vehicle(spec).flexibility(ask(*power_w, relaxed=of, **more))


def test_nothing_is_loosened_unless_asked() -> None:
    spec = car("reserve_soc", 4_000, soc_wh=9_000, departure_soc_wh=0)
    assert relaxed(spec, 6_000, of=()).power_w == (2_000,)
    assert relaxed(spec, 6_000, of=(Restriction.DEPARTURE_SOC,)).power_w == (2_000,)
    assert relaxed(spec, 6_000, of=(Restriction.RESERVE_SOC,)).power_w == (6_000,)


def test_nothing_is_loosened_that_the_owner_did_not_agree_to() -> None:
    spec = vehicle("ev", soc_wh=8_000, departure_soc_wh=0)
    assert relaxed(spec, 6_000).power_w == (0,)


@pytest.mark.parametrize(("asked_w", "given_w"), [(2_000, 2_000), (3_000, 3_000), (5_000, 5_000), (6_000, 6_000)])
def test_the_mildest_step_that_covers_what_is_asked_is_taken(asked_w: int, given_w: int) -> None:
    """The most that it could give tells how far it went: to a reserve of 7, 6 or 4 kWh."""
    spec = car("reserve_soc", 7_000, 6_000, 4_000, soc_wh=9_000, departure_soc_wh=0)
    answer = relaxed(spec, asked_w)
    assert answer.power_w == (given_w,)
    assert answer.available_w == {2_000: (2_000,), 3_000: (4_000,), 5_000: (6_000,), 6_000: (6_000,)}[asked_w]


def test_the_last_step_is_the_end() -> None:
    answer = relaxed(car("reserve_soc", 7_500, 7_000, soc_wh=8_000, departure_soc_wh=0), 6_000)
    assert answer.power_w == (2_000,)
    assert answer.binding == (Restriction.RESERVE_SOC,)


def test_a_lower_departure_soc_frees_energy() -> None:
    spec = car("departure_soc", 28_000, departs_at=START + timedelta(hours=1))
    assert relaxed(spec, 6_000, 6_000, of=()).power_w == (0, 0)
    assert relaxed(spec, 6_000, 6_000).power_w == (2_000, 2_000)


def test_more_relay_operations_let_it_take_part() -> None:
    spec = car("relay_ops", 2, relay_ops_left=0)
    assert relaxed(spec, 3_000, of=()).power_w == (0,)
    assert relaxed(spec, 3_000).power_w == (3_000,)


def test_loosening_never_tightens() -> None:
    assert relaxed(car("relay_ops", 1, relay_ops_left=2), 9_000).power_w == (6_000,)
    assert relaxed(car("relay_ops", 1), 9_000).power_w == (6_000,)
    assert relaxed(car("power_limit", 5_000), 9_000).power_w == (6_000,)
    assert relaxed(car("reserve_soc", 20_000), 6_000).power_w == (6_000,)


def test_a_higher_power_limit_counts_both_ways_but_gives_no_discharge_to_a_charger_without() -> None:
    assert relaxed(car("power_limit", 7_000, 8_000), 8_000).power_w == (8_000,)
    assert relaxed(car("power_limit", 8_000), 8_000, direction=UP).power_w == (8_000,)
    assert relaxed(car("power_limit", 8_000, max_discharge_w=0), 8_000).power_w == (0,)


def test_a_departure_put_off_gives_time_to_charge_again() -> None:
    spec = car("plug_window", 3_600, departs_at=START + timedelta(hours=1))
    assert relaxed(spec, 6_000, 6_000, of=()).power_w == (0, 0)
    answer = relaxed(spec, 6_000, 6_000)
    assert answer.power_w == (6_000, 6_000)
    driver = build_driver(spec)
    follow(driver, setpoints(ask(6_000, 6_000), answer), START)
    assert soc_at(driver, START + timedelta(hours=2)) == spec.departure_soc_wh


@settings(max_examples=100, deadline=None)
@given(vehicles(ops=True), directions, plans(4))
def test_a_driver_delivers_a_relaxed_offer_and_it_is_no_smaller(
    spec: VehicleSpec, direction: Direction, asked_w: Plan
) -> None:
    agreed = [
        {"restriction": "departure_soc", "steps": (spec.departure_soc_wh * 8 // 10, spec.departure_soc_wh // 2)},
        {"restriction": "reserve_soc", "steps": (spec.reserve_wh // 2,)},
        {"restriction": "relay_ops", "steps": (4, 6)},
        {"restriction": "power_limit", "steps": (8_000,)},
        {"restriction": "plug_window", "steps": (1_800, 3_600)},
    ]
    spec = VehicleSpec.model_validate(spec.model_dump() | {"relaxations": agreed})
    device = Vehicle(spec)
    own = device.flexibility(ask(*asked_w, direction=direction))
    asked = ask(*asked_w, direction=direction, relaxed=ALL)
    answer = device.flexibility(asked)
    assert sum(answer.power_w) >= sum(own.power_w) - len(asked_w)
    orders = setpoints(asked, answer)
    measured = follow(build_driver(spec), orders, T0)
    assert measured == pytest.approx({at: power / 2 for at, power in orders.items()}, abs=1.5)
