"""Many vehicles at once answer integer for integer what each would answer alone."""

import random
from datetime import timedelta
from importlib import import_module

import numpy as np
import pytest
from device_cases import DOWN, UP, directions, plans, vehicles
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import START, T0, vehicle

from agents.devices.contract import Ask, Flexibility, Segment
from agents.devices.rows.cars import car_of
from agents.devices.rows.flexibility import COMPILED, RESTRICTIONS, Answers, VehicleFleet
from agents.devices.vehicle import Vehicle
from agents.settings.devices import Relaxation, VehicleSpec
from protocol.actor import Measured
from protocol.messages import IntervalPeriod, Restriction
from protocol.plan import Plan
from protocol.units import SLOT, Direction

ALL = tuple(Restriction)


@pytest.fixture(autouse=True)
def _compiled_from_the_first_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.devices.rows.flexibility.FEW", 0)


def answer(answers: Answers, i: int) -> Flexibility:
    return Flexibility(
        tuple(answers.power_w[:, i].tolist()),
        tuple(answers.available_w[:, i].tolist()),
        tuple(RESTRICTIONS[code] for code in answers.binding[:, i].tolist()),
        tuple(answers.schedule_w[:, i].tolist()),
    )


def same(
    specs: list[VehicleSpec],
    direction: Direction,
    period: IntervalPeriod,
    asked: list[Plan],
    relaxed: tuple[Restriction, ...] = (),
) -> Answers:
    """Compare all with each by itself; returns the answers."""
    many = VehicleFleet(specs).flexibility(direction, period, np.array(asked, dtype=np.int64).T, relaxed)
    for i, (spec, plan) in enumerate(zip(specs, asked, strict=True)):
        alone = Vehicle(spec).flexibility(Ask(direction, period, plan, (), relaxed))
        assert answer(many, i) == alone, (i, spec, plan)
    return many


@st.composite
def relaxations(draw: st.DrawFn) -> tuple[Relaxation, ...]:
    names = draw(st.lists(st.sampled_from(["departure_soc", "reserve_soc", "relay_ops", "power_limit", "plug_window"]),
        unique=True, max_size=3))  # fmt: skip
    most = {"relay_ops": 4, "plug_window": 7_200}
    return tuple(
        Relaxation(restriction=name, steps=tuple(draw(st.lists(st.integers(0, most.get(name, 9_000)), min_size=1, max_size=3))))
        for name in names
    )  # fmt: skip


@st.composite
def any_vehicle(draw: st.DrawFn) -> VehicleSpec:
    spec = draw(st.one_of(vehicles(), vehicles(ops=True), vehicles(min_power=True), vehicles(ops=True, min_power=True)))
    early = timedelta(minutes=draw(st.sampled_from([0, 0, 0, 17, 75])))
    return spec.model_copy(update={"relaxations": draw(relaxations()), "state_at": T0 + early})


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_many_vehicles_answer_as_each_alone(data: st.DataObject) -> None:
    slots = data.draw(st.integers(1, 7))
    period = IntervalPeriod(start=START, duration=data.draw(st.sampled_from([SLOT, SLOT / 2, SLOT * 2])))
    specs = data.draw(st.lists(any_vehicle(), min_size=1, max_size=6))
    asked = [data.draw(plans(slots)) for _ in specs]
    relaxed = data.draw(st.sampled_from([(), ALL, ALL[:2]]))
    same(specs, data.draw(directions), period, asked, relaxed)


def crowd(rng: random.Random, n: int) -> list[VehicleSpec]:
    """Vehicles of every make; figures that divide evenly and figures that do not."""
    specs = []
    for i in range(n):
        capacity = rng.choice([10_000, 20_000, 40_000, rng.randint(4_000, 60_000)])
        reserve = rng.choice([0, capacity // 5, rng.randint(0, capacity // 3)])
        specs.append(
            vehicle(
                f"v{i}",
                capacity_wh=capacity,
                reserve_wh=reserve,
                soc_wh=rng.choice([capacity, reserve, rng.randint(0, capacity)]),
                departure_soc_wh=rng.choice([capacity, reserve, rng.randint(0, capacity)]),
                state_at=T0 + timedelta(minutes=rng.choice([0, 0, 30, 45, 90])),
                plugs_in_at=T0 + timedelta(minutes=rng.choice([0, 0, 0, 60, 73, 120])),
                departs_at=T0 + timedelta(minutes=rng.choice([180, 200, 240, 480, 840])),
                max_charge_w=rng.choice([0, 3_000, 6_000, rng.randint(1, 9_000)]),
                max_discharge_w=rng.choice([0, 3_000, 6_000, rng.randint(1, 9_000)]),
                charge_efficiency_pct=rng.choice([100, 95, 50, 77]),
                discharge_efficiency_pct=rng.choice([100, 95, 50, 77]),
                standby_w=rng.choice([0, 0, 50, 100, 5_000]),
                relay_ops_left=rng.choice([None, 0, 1, 2, 3, 4, 6]),
                min_power_w=rng.choice([0, 0, 1_400, 3_500]),
                relaxations=rng.choice(
                    [(), [{"restriction": "departure_soc", "steps": [8_000, 5_000]}, {"restriction": "relay_ops", "steps": [4]}]]
                ),
            )
        )  # fmt: skip
    return specs


@pytest.mark.parametrize("seed", range(8))
def test_a_crowd_of_every_make_answers_as_each_alone(seed: int) -> None:
    rng = random.Random(seed)
    slots, n = rng.choice([1, 2, 4, 6]), 80
    shapes = [(rng.choice([0, 500, 2_000, 3_000, 6_000, 15_000]),) * slots for _ in range(n // 2)]
    shapes += [tuple(rng.choice([0, 1, 1_000, 4_000, 9_000]) for _ in range(slots)) for _ in range(n - n // 2)]
    direction = rng.choice([UP, DOWN])
    same(crowd(rng, n), direction, IntervalPeriod(start=START), shapes, rng.choice([(), ALL]))


def test_a_day_of_48_slots_is_answered_as_alone() -> None:
    rng = random.Random(3)
    specs = crowd(rng, 40)
    same(specs, DOWN, IntervalPeriod(start=START), [(3_000,) * 48] * 40)
    same(specs, UP, IntervalPeriod(start=START), [(1_500, 3_000) * 24] * 40)
    same(specs, DOWN, IntervalPeriod(start=START), [(500, 0, 3_000, 100) * 12] * 40)


def test_vehicles_beyond_one_piece_are_answered_on_all_processors_in_their_order() -> None:
    few = crowd(random.Random(5), 250)
    asked = np.full((3, 5_000), 2_000, dtype=np.int64)
    many = VehicleFleet(few * 20).flexibility(DOWN, IntervalPeriod(start=START), asked)
    alone = VehicleFleet(few).flexibility(DOWN, IntervalPeriod(start=START), asked[:, :250])
    for found, expected in zip(many.arrays(), alone.arrays(), strict=True):
        assert (found == np.tile(expected, 20)).all()


@pytest.mark.skipif(not COMPILED, reason="numba is not installed")
def test_a_crowd_is_computed_by_the_compiled_lines() -> None:
    rng = random.Random(9)
    many = same(crowd(rng, 60), DOWN, IntervalPeriod(start=START), [(3_000,) * 4] * 60)
    assert many.uncompiled == 0


def test_without_numba_the_answers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.devices.rows.flexibility.COMPILED", False)
    many = same(crowd(random.Random(2), 20), UP, IntervalPeriod(start=START), [(3_000,) * 4] * 20, ALL)
    assert many.uncompiled == 20


def test_a_small_fleet_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.devices.rows.flexibility.FEW", 20)
    assert same(crowd(random.Random(2), 20), DOWN, IntervalPeriod(start=START), [(3_000,) * 4] * 20).uncompiled == 20


@pytest.mark.skipif(not COMPILED, reason="numba is not installed")
def test_any_kind_of_array_is_taken_without_compiling_anew() -> None:
    kernel = import_module("agents.devices.rows.compiled")
    fleet = VehicleFleet(crowd(random.Random(2), 6))
    before = len(kernel.compiled().signatures)
    asked = np.broadcast_to(np.array([3_000, 0, 0, 500], dtype=np.int32)[::2, None], (2, 3))
    fleet.flexibility(DOWN, IntervalPeriod(start=START), asked, ALL, np.arange(6)[::-2])
    assert len(kernel.compiled().signatures) == before == 1


def test_what_another_event_holds_is_computed_in_python() -> None:
    period = IntervalPeriod(start=START)
    reserved = (Segment(START + SLOT, START + 2 * SLOT, -3_000), Segment(T0, T0 + SLOT, 1_000))
    specs = [vehicle(f"v{i}", relay_ops_left=2) for i in range(3)]
    fleet, singles = VehicleFleet(specs), [Vehicle(spec) for spec in specs]
    fleet.now.read(np.array([1]), np.array([29_000]), T0 + SLOT)
    singles[1].observe(Measured("v1", T0 + SLOT, 29_000))
    asked = np.full((4, 2), 4_000, dtype=np.int64)
    many = fleet.flexibility(DOWN, period, asked, index=np.array([2, 1]), reserved={1: reserved})
    assert answer(many, 0) == singles[2].flexibility(Ask(DOWN, period, (4_000,) * 4))
    assert answer(many, 1) == singles[1].flexibility(Ask(DOWN, period, (4_000,) * 4, reserved))
    assert many.uncompiled == (1 if COMPILED else 2)


def test_a_vehicle_too_big_for_64_bits_is_computed_in_python() -> None:
    steps = ({"restriction": "power_limit", "steps": [10**12]},)
    ship = vehicle("ship", capacity_wh=10**12, soc_wh=10**12, relay_ops_left=2, standby_w=9)
    laser = vehicle("laser", max_discharge_w=10**11, relay_ops_left=2, standby_w=10**10)
    specs = [ship, laser, vehicle("agreed", relay_ops_left=2, standby_w=9, relaxations=steps), vehicle("a")]
    asked = [(9_000,) * 4] * 4
    assert same(specs, DOWN, IntervalPeriod(start=START), asked, ALL).uncompiled == (3 if COMPILED else 4)


def test_plans_and_vehicles_have_to_match() -> None:
    fleet, period = VehicleFleet([vehicle("a"), vehicle("b")]), IntervalPeriod(start=START)
    for count, index in ((3, None), (1, None), (2, [0, 2]), (2, [0, -1]), (2, [0])):
        asked, places = np.zeros((4, count), dtype=np.int64), None if index is None else np.array(index)
        with pytest.raises(ValueError, match="of 2 vehicles"):
            fleet.flexibility(DOWN, period, asked, index=places)


def test_a_reading_counts_as_for_one_vehicle() -> None:
    fleet = VehicleFleet([vehicle("a"), vehicle("b")])
    fleet.now.read(np.array([0, 1]), np.array([9_000, 99_000]), T0 + SLOT)
    fleet.now.read(np.array([0]), np.array([30_000]), T0)
    assert fleet.now.soc_wh.tolist() == [9_000, 40_000]
    single = Vehicle(vehicle("a"))
    single.observe(Measured("a", T0 + SLOT, 9_000))
    single.observe(Measured("a", T0, 30_000))
    assert fleet.now.car(0) == car_of(single.spec, vehicle("a"))
