"""What a device gives where a watt is worth more in some slots than in others, and which profiles can be mixed."""

import numpy as np
import pytest
from device_cases import DOWN, UP, ask, batteries, directions, plans, vehicles
from hypothesis import given, settings
from hypothesis import strategies as st
from vehicle_program import Case, Program, tolerance_w
from worlds import vehicle

from agents.devices.rows.flexibility import VehicleFleet
from agents.devices.storage import Storage
from agents.devices.vehicle import Vehicle
from agents.settings.devices import StorageSpec, VehicleSpec
from protocol.plan import Plan
from protocol.units import Direction

SLOTS = 6
weights = st.tuples(*[st.integers(0, 10)] * SLOTS)
shares = st.lists(st.integers(0, 100), min_size=3, max_size=3)


def worth(power_w: Plan, weighed: Plan) -> int:
    return sum(power * weight for power, weight in zip(power_w, weighed, strict=True))


@settings(max_examples=120, deadline=None)
@given(vehicles(standby=False), directions, plans(SLOTS), weights)
def test_weighted_profile_is_the_optimum_of_the_linear_program(
    spec: VehicleSpec, direction: Direction, asked_w: Plan, weighed: Plan
) -> None:
    plain = ask(*asked_w, direction=direction)
    answer = Vehicle(spec).flexibility(ask(*asked_w, direction=direction, weights=weighed))
    program = Program(Case(spec, plain), answer.schedule_w)
    program.always_closed()
    if not any(weighed):
        assert answer == Vehicle(spec).flexibility(plain)
        return
    best = program.worth_most(weighed)
    assert best is not None
    assert worth(answer.power_w, weighed) == pytest.approx(best, abs=10 * tolerance_w(Case(spec, plain)))


@settings(max_examples=40, deadline=None)
@given(st.lists(vehicles(ops=True, min_power=True), min_size=1, max_size=4), directions, plans(SLOTS), weights)
def test_many_vehicles_weigh_as_each_alone(
    specs: list[VehicleSpec], direction: Direction, asked_w: Plan, weighed: Plan
) -> None:
    fleet = VehicleFleet(specs)
    fleet.compiled = False
    period, asked = ask(*asked_w).period, np.array([asked_w] * len(specs), dtype=np.int64).T
    many = fleet.flexibility(direction, period, asked, weights=weighed)
    for i, spec in enumerate(specs):
        alone = Vehicle(spec).flexibility(ask(*asked_w, direction=direction, weights=weighed))
        assert tuple(many.power_w[:, i].tolist()) == alone.power_w


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_compiled_vehicles_weigh_as_each_alone(direction: Direction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.devices.rows.flexibility.FEW", 0)
    specs = [
        vehicle(f"v{i}", capacity_wh=30_000, soc_wh=8_000 + 900 * i, departure_soc_wh=14_000, reserve_wh=4_000,
            relay_ops_left=(None, 2)[i % 2], min_power_w=(0, 0, 1_400)[i % 3])
        for i in range(12)
    ]  # fmt: skip
    asked_w, weighed = (9_000,) * SLOTS, (1, 5, 3, 9, 9, 2)
    asked = np.array([asked_w] * len(specs), dtype=np.int64).T
    many = VehicleFleet(specs).flexibility(direction, ask(*asked_w).period, asked, weights=weighed)
    for i, spec in enumerate(specs):
        alone = Vehicle(spec).flexibility(ask(*asked_w, direction=direction, weights=weighed))
        assert tuple(many.power_w[:, i].tolist()) == alone.power_w
        assert tuple(many.available_w[:, i].tolist()) == alone.available_w


@settings(max_examples=100, deadline=None)
@given(vehicles(), directions, st.lists(weights, min_size=3, max_size=3), shares)
def test_mix_of_a_vehicles_profiles_is_granted(
    spec: VehicleSpec, direction: Direction, weighed: list[Plan], parts: list[int]
) -> None:
    device = Vehicle(spec)
    if not device.mixes(direction):
        return
    most = (device.capacity_w(direction),) * SLOTS
    profiles = [device.flexibility(ask(*most, direction=direction, weights=each)).power_w for each in weighed]
    mix = mixed(profiles, parts)
    assert device.flexibility(ask(*mix, direction=direction)).power_w == mix


@settings(max_examples=60, deadline=None)
@given(batteries(), directions, st.lists(weights, min_size=3, max_size=3), shares)
def test_mix_of_a_batterys_profiles_is_granted(
    spec: StorageSpec, direction: Direction, weighed: list[Plan], parts: list[int]
) -> None:
    device = Storage(spec)
    most = (device.capacity_w(direction),) * SLOTS
    profiles = [device.flexibility(ask(*most, direction=direction, weights=each)).power_w for each in weighed]
    mix = mixed(profiles, parts)
    assert device.flexibility(ask(*mix, direction=direction)).power_w == mix


def mixed(profiles: list[Plan], parts: list[int]) -> Plan:
    whole = max(1, sum(parts))
    return tuple(
        sum(power * part for power, part in zip(powers, parts, strict=True)) // whole
        for powers in zip(*profiles, strict=True)
    )


@pytest.mark.parametrize(
    ("changes", "direction", "mixes"),
    [
        ({}, DOWN, True),
        ({"relay_ops_left": 4}, DOWN, False),
        ({"min_power_w": 1_400}, UP, False),
        ({"standby_w": 50}, UP, False),
        ({"standby_w": 50}, DOWN, True),
    ],
)
def test_vehicle_says_whether_its_profiles_can_be_mixed(
    changes: dict[str, int], direction: Direction, mixes: bool
) -> None:
    assert Vehicle(vehicle("ev", **changes)).mixes(direction) is mixes
