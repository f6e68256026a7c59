"""Time for live carriers: real time follows the machine's clock, scaled time does not; neither runs backwards."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.clock import MACHINE, Clock, ClockChange, ClockSources

ORIGIN = datetime(2026, 1, 14, 17, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """The machine's clocks, moved by hand."""

    def __init__(self) -> None:
        self.utc, self.passed_s, self.awake_s = datetime(2026, 5, 1, tzinfo=UTC), 100.0, 40.0

    @property
    def sources(self) -> ClockSources:
        return ClockSources(lambda: self.utc, lambda: self.passed_s, lambda: self.awake_s)

    def wait(self, seconds: float, *, asleep: bool = False) -> None:
        self.utc += timedelta(seconds=seconds)
        self.passed_s += seconds
        self.awake_s += 0 if asleep else seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_scaled_clock_is_the_same_in_processes_that_start_at_other_times(machine: Machine) -> None:
    anchor = machine.utc
    first = Clock(ORIGIN, anchor, 60.0, machine.sources)
    machine.wait(10)
    second = Clock(ORIGIN, anchor, 60.0, machine.sources)
    assert first.now() == second.now() == ORIGIN + timedelta(minutes=10)


def test_step_of_the_machines_clock_changes_no_scaled_time(machine: Machine) -> None:
    clock = Clock(ORIGIN, machine.utc, 60.0, machine.sources)
    machine.wait(1)
    machine.utc += HOUR
    assert clock.look() is None
    assert clock.now() == ORIGIN + timedelta(minutes=1)


def test_real_time_jumps_to_where_the_clock_is_set_forward(machine: Machine) -> None:
    clock = Clock(sources=machine.sources)
    machine.wait(1)
    machine.utc += HOUR
    assert clock.now() == machine.utc - HOUR
    assert clock.look() == ClockChange(3600.0, 0.0)
    assert clock.now() == machine.utc
    assert clock.look() is None


def test_real_time_that_is_set_back_stands_still_until_real_time_has_caught_up(machine: Machine) -> None:
    clock = Clock(sources=machine.sources)
    machine.wait(1)
    before = clock.now()
    machine.utc -= HOUR
    assert clock.look() == ClockChange(-3600.0, 0.0)
    assert clock.now() == before
    machine.wait(1800)
    assert clock.now() == before
    assert clock.real_seconds_until(before + timedelta(seconds=5)) == 1805.0
    assert (clock.real_seconds_until(before), clock.ahead_s) == (0.0, 1800.0)
    machine.wait(1805)
    assert clock.now() == before + timedelta(seconds=5) == machine.utc
    assert clock.ahead_s == 0.0


def test_real_time_steps_back_when_it_is_told_to(machine: Machine) -> None:
    clock = Clock(sources=machine.sources)
    machine.utc -= HOUR
    clock.look()
    clock.step_back()
    assert clock.now() == clock.running() == machine.utc


def test_clock_that_is_kept_right_is_followed_without_a_word(machine: Machine) -> None:
    clock = Clock(sources=machine.sources)
    for drift_s in (0.4, -0.4):
        machine.wait(10)
        machine.utc += timedelta(seconds=drift_s)
        before = clock.now()
        assert clock.look() is None
        assert clock.now() == max(before, machine.utc)


def test_suspend_counts_and_is_told(machine: Machine) -> None:
    clock = Clock(sources=machine.sources)
    machine.wait(720, asleep=True)
    assert clock.now() == machine.utc
    assert clock.look() == ClockChange(0.0, 720.0)
    assert clock.look() is None


def test_scaled_time_does_not_count_a_suspend(machine: Machine) -> None:
    clock = Clock(ORIGIN, machine.utc, 60.0, machine.sources)
    machine.wait(720, asleep=True)
    assert clock.now() == ORIGIN


def test_stands_still_at_an_instant_until_it_has_come(machine: Machine) -> None:
    clock, later = Clock(sources=machine.sources), machine.utc + timedelta(seconds=30)
    clock.not_before(later)
    assert clock.now() == later
    machine.wait(31)
    assert clock.now() == machine.utc


def test_real_seconds_until_shrinks_with_the_speed(machine: Machine) -> None:
    clock = Clock(ORIGIN, machine.utc, 120.0, machine.sources)
    assert clock.real_seconds_until(ORIGIN + HOUR) == pytest.approx(30.0)
    assert clock.real_seconds_until(ORIGIN - HOUR) == 0.0


def test_this_machines_clocks_run() -> None:
    first = MACHINE.passed(), MACHINE.awake()
    assert MACHINE.passed() >= first[0] >= first[1] - 1 > 0
    assert MACHINE.utc().tzinfo is not None


def test_speed_has_to_be_above_zero() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(speed=0)
