from agents.negotiation.plans.baseline import DeclaredBaseline
from protocol.messages import EventStatus, Reading


def reading(energy_wh: int, baseline_wh: int) -> Reading:
    return Reading(slot=1, energy_wh=energy_wh, baseline_wh=baseline_wh, state=EventStatus.ACTIVE)


def test_declared_schedules_are_added_whatever_was_metered_before() -> None:
    earlier = [{"a": reading(10, 999)}]
    readings = {"a": reading(-500, 100), "b": reading(0, -250)}
    assert DeclaredBaseline().baseline_wh(1, readings, earlier) == -150
    assert DeclaredBaseline().baseline_wh(0, {}, []) == 0
