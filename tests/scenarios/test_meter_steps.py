"""Homes whose meters count in 0.1 kWh, and one whose meter had a gap: nobody is taken for short, and what is not exact is
told as such up to the utility's account."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import Story, World

from agents.history.line import NoteLine
from agents.history.narrate import words
from agents.parties.state import UTILITY, remember_utility, utility_state
from protocol import messages as m
from protocol.actor import Driver, Measured

STEP_WH = 100


@dataclass
class SteppedDriver:
    """Of a device whose meter counts in steps, from another place in a step for each."""

    driver: Driver
    pct: int
    began_wh: int
    register_wh: float = 0.0
    estimates: bool = False

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        self.driver.set_power(None if power_w is None else power_w * self.pct // 100, at, until)

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        exact = self.driver.measure(from_at, until)
        before = self._counted()
        self.register_wh -= exact.energy_wh or 0  # of exports
        energy_wh = -STEP_WH * (self._counted() - before)
        return replace(exact, energy_wh=energy_wh, step_wh=STEP_WH, estimated=True if self.estimates else None)

    def _counted(self) -> int:
        return int(self.began_wh + self.register_wh) // STEP_WH


@dataclass
class SteppedWorld(World):
    """Every home's meter counts in steps."""

    pcts: dict[str, int] = field(default_factory=dict)
    estimating: str = ""

    def _party(self, build: Callable[[], Any], *given: Any) -> Any:
        party = super()._party(build, *given)
        name = party.actor.name
        if party.drivers and name not in ("ra-1",):
            began_wh, pct = int(name[-1]) * 17, self.pcts.get(name, 100)
            party.drivers = {
                key: SteppedDriver(driver, pct, began_wh, estimates=name == self.estimating)
                for key, driver in party.drivers.items()
            }
        return party


def world() -> SteppedWorld:
    """Six homes that give 287.5 Wh each in a quarter of an hour: no whole steps."""
    made = SteppedWorld()
    made.simple("ra-1", 6, reliability_half_life_days=30)
    made.event(*[6_900] * 8, slot_s=900)
    return made


def test_home_that_gives_what_is_due_is_not_short_by_its_meters_steps() -> None:
    story = world().run()
    told = [report.readings[0].energy_wh for report in story.sent("report", "ra-1-h3") if isinstance(report, m.Report)]
    assert set(told) == {-200, -300}  # a step shows early, or late
    assert all(wh % STEP_WH == 0 for wh in told)
    assert story.notes("gives_less") == []
    assert story.notes("impossible_reading") == []
    learned = story.world.actors["ra-1"].learning.conduct.known
    assert {(one.given > 0, one.not_given) for one in learned.values()} == {(True, 0)}


def test_home_that_gives_half_is_short_all_the_same() -> None:
    made = world()
    made.pcts = {"ra-1-h2": 50}
    story = made.run()
    assert {note.data["child"] for note in story.notes("gives_less", "ra-1")} == {"ra-1-h2"}


def test_steps_are_told_up_to_the_utilitys_account() -> None:
    story = world().run()
    assert {note.data["step_wh"] for note in story.notes("slot_metered", "ra-1")} == {6 * STEP_WH}
    for name in ("ac", "utility"):
        assert {note.data["step_wh"] for note in story.notes("slot_metered", name)} == {6 * STEP_WH}
    account = story.notes("settled", "utility")[-1]
    awarded_wh, delivered_wh = account.data["awarded_wh"], account.data["delivered_wh"]
    assert isinstance(awarded_wh, int)
    assert isinstance(delivered_wh, int)
    assert abs(delivered_wh - awarded_wh) <= account.data["step_wh"] == 6 * STEP_WH  # type: ignore[operator]
    line = NoteLine(datetime.min, "utility", "settled", "e1", "meter", dict(account.data))
    assert "meters count in steps: up to 0.6 kWh more or less" in words(line)
    assert "they count in steps: up to 0.6 kWh more or less" in words(line)


def test_replacement_values_are_told_as_such_to_aggregator_and_utility() -> None:
    made = world()
    made.estimating = "ra-1-h0"
    story = made.run()
    assert {note.data["estimated"] for note in story.notes("slot_metered", "ra-1")} == {1}
    account = story.notes("settled", "utility")[-1]
    assert account.data["values_estimated"] == 8
    line = NoteLine(datetime.min, "utility", "settled", "e1", "meter", dict(account.data))
    assert "8 of their values are replacement values" in words(line)


@pytest.mark.parametrize("slot", [2, 7])
def test_metered_value_takes_the_place_of_a_replacement_value_at_aggregator_and_utility(slot: int) -> None:
    made = world()
    made.estimating = "ra-1-h0"
    simulation = made.build()
    event = made.events[0]
    period_end = event.start + (slot + 1) * timedelta(seconds=event.slot_s)
    value = Measured(
        made.homes[0].devices[0].resource_id, period_end, energy_wh=-1_000, event_id="e1", slot=slot, step_wh=STEP_WH
    )
    simulation.give(period_end + timedelta(minutes=20), "ra-1-h0", value)
    simulation.run()
    story = Story(simulation, made)
    reports = [one for one in story.sent("report", "ra-1-h0") if isinstance(one, m.Report)]
    of_slot = [one for one in reports if one.readings and one.readings[0].slot == slot]
    assert [one.readings[0].reading_type for one in of_slot] == [m.ReadingType.ESTIMATED, m.ReadingType.DIRECT_READ]
    assert of_slot[1].readings[0].energy_wh == -1_000
    assert abs(of_slot[1].readings[0].baseline_wh - of_slot[0].readings[0].baseline_wh) <= 1
    assert story.notes("message_refused") == []
    for name in ("ra-1", "utility"):
        told = [note.data["delivered_wh"] for note in story.notes("slot_metered", name) if note.data["slot"] == slot]
        assert told[-1] > told[0]  # type: ignore[operator]
    assert story.notes("settled", "utility")[-1].data["values_estimated"] == 7
    assert len(story.notes("closed", "ra-1-h0")) == 1


def test_what_is_known_of_meters_survives_a_clean_stop() -> None:
    made = world()
    made.estimating = "ra-1-h0"
    simulation = made.build()
    simulation.run(until=made.events[0].start + timedelta(hours=1))
    utility = made.actors["utility"]
    meters = utility.events["e1"].role.meters
    assert meters.steps_wh
    assert meters.estimated
    state = UTILITY.load(UTILITY.dump(utility_state(utility)))
    fresh = type(utility)(utility.first_settings)
    remember_utility(fresh, state)
    again = fresh.events["e1"]
    assert (again.role.meters.steps_wh, again.role.meters.estimated) == (meters.steps_wh, meters.estimated)
    assert again.delivery.watch.steps_wh == utility.events["e1"].delivery.watch.steps_wh != {}
