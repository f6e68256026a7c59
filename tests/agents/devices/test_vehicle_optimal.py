"""The offer of a vehicle against linear and mixed-integer programs that state its restrictions on their own."""

import pytest
from device_cases import ask, directions, plans, vehicles
from hypothesis import given, settings
from hypothesis import strategies as st
from vehicle_program import Case, Program, tolerance_w

from agents.devices.vehicle import Vehicle


def cases(slots: int = 6, standby: bool = True, ops: bool = False) -> st.SearchStrategy[Case]:
    return st.builds(
        lambda spec, direction, power_w: Case(spec, ask(*power_w, direction=direction)),
        vehicles(standby=standby, ops=ops),
        directions,
        plans(slots),
    )


@settings(max_examples=150, deadline=None)
@given(cases(standby=False))
def test_without_a_relay_limit_the_offer_is_the_optimum_of_the_linear_program(case: Case) -> None:
    answer = Vehicle(case.spec).flexibility(case.ask)
    program = Program(case, answer.schedule_w)
    program.always_closed()
    best = program.greatest_w()
    assert best is not None
    assert sum(answer.power_w) == pytest.approx(best, abs=tolerance_w(case))


@settings(max_examples=60, deadline=None)
@given(cases(standby=True))
def test_with_stand_by_draw_the_offer_reaches_the_linear_program(case: Case) -> None:
    answer = Vehicle(case.spec).flexibility(case.ask)
    program = Program(case, answer.schedule_w)
    program.always_closed()
    best = program.greatest_w()
    if best is not None:
        assert sum(answer.power_w) == pytest.approx(best, abs=tolerance_w(case))


@settings(max_examples=100, deadline=None)
@given(cases(ops=True, slots=5))
def test_within_the_relay_operations_left_the_offer_reaches_the_mixed_integer_program(case: Case) -> None:
    answer = Vehicle(case.spec).flexibility(case.ask)
    program = Program(case, answer.schedule_w)
    program.few_operations()
    best = program.greatest_w() or 0.0
    assert sum(answer.power_w) == pytest.approx(best, abs=tolerance_w(case))


@settings(max_examples=15, deadline=None)
@given(cases(ops=True, slots=16))
def test_over_many_slots_the_offer_reaches_the_mixed_integer_program(case: Case) -> None:
    answer = Vehicle(case.spec).flexibility(case.ask)
    program = Program(case, answer.schedule_w)
    program.few_operations()
    best = program.greatest_w() or 0.0
    assert sum(answer.power_w) == pytest.approx(best, abs=tolerance_w(case))
