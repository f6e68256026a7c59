"""Time for live carriers."""

from datetime import UTC, datetime, timedelta

import pytest

from broker import clock as clock_module
from broker.clock import Clock

ORIGIN = datetime(2026, 1, 14, 17, tzinfo=UTC)


class FakeTime:
    """The machine's two clocks, moved by hand."""

    def __init__(self) -> None:
        self.monotonic_s = 100.0
        self.utc = datetime(2026, 5, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.monotonic_s

    def now(self, zone: object) -> datetime:
        return self.utc


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(clock_module.time, "monotonic", fake.monotonic)
    monkeypatch.setattr(clock_module, "datetime", fake)
    return fake


def test_scaled_clock_is_the_same_in_processes_that_start_at_other_times(machine: FakeTime) -> None:
    anchor = machine.utc
    first = Clock(ORIGIN, anchor, 60.0)
    machine.utc += timedelta(seconds=10)
    machine.monotonic_s += 10
    second = Clock(ORIGIN, anchor, 60.0)
    assert first.now() == second.now() == ORIGIN + timedelta(minutes=10)


def test_step_of_the_wall_clock_changes_nothing(machine: FakeTime) -> None:
    clock = Clock()
    before = clock.now()
    machine.utc += timedelta(hours=1)
    machine.monotonic_s += 1
    assert clock.now() - before == timedelta(seconds=1)


def test_real_seconds_until_shrinks_with_the_speed(machine: FakeTime) -> None:
    clock = Clock(ORIGIN, machine.utc, 120.0)
    assert clock.real_seconds_until(ORIGIN + timedelta(hours=1)) == pytest.approx(30.0)
    assert clock.real_seconds_until(ORIGIN - timedelta(hours=1)) == 0.0


def test_speed_has_to_be_above_zero() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(speed=0)
