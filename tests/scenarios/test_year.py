"""A week of examples/year.toml in each half of the year, over a clock change: owners get what they agreed to, and what is
told as delivered is what devices did beside what they would have done by themselves."""

import tomllib
from datetime import datetime, timedelta
from typing import Any

import pytest
from paths import ROOT

from agents.drivers.build import build_driver
from agents.drivers.simulated import SimulatedDriver
from agents.drivers.state import driver_memory, remember_driver
from agents.parties.der.actor import Der
from agents.runtime.files.scenario import build_scenario
from agents.settings.scenario import Scenario
from agents.tools.run.life import Life
from agents.tools.run.simulate import build_simulation
from protocol.actor import Note

WEEK = timedelta(days=7)


def a_week_from(day: str) -> Scenario:
    """Two homes of each kind, asked for a fifth."""
    tables: dict[str, Any] = tomllib.loads((ROOT / "examples" / "year.toml").read_text())
    start_at = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    tables["scenario"] |= {"start_at": start_at, "ends_at": start_at + WEEK}
    for home in tables["homes"]:
        home["count"] = 2
    for event in tables["daily_events"]:
        event["power_w"] = [power // 5 for power in event["power_w"]]
    return build_scenario(tables, "year")


class Twins(Life):
    """Beside every device of a home with an award lives another one that no event moves."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.physical_wh = 0
        self.starts: list[datetime] = []
        self._specs = {spec.resource_id: spec for home in scenario.homes for spec in home.devices}
        self._twins: dict[tuple[str, str], dict[str, SimulatedDriver]] = {}

    def tell(self, at: datetime, who: str, note: Note) -> None:
        super().tell(at, who, note)
        assert self.simulation is not None
        actor = self.simulation.actor(who)
        if note.name == "event_issued" and isinstance(note.data["start"], datetime):
            self.starts.append(note.data["start"])
        if isinstance(actor, Der) and note.name == "standing_by":
            start = actor.events[note.event_id].request.interval_period.start
            self.simulation.at(start, lambda: self._born(who, note.event_id, start))
        if isinstance(actor, Der) and note.name == "closed" and note.data["outcome"] == "completed":
            self._compare(actor, note.event_id)

    def _born(self, who: str, event_id: str, start: datetime) -> None:
        assert self.simulation is not None
        twins = self._twins[who, event_id] = {}
        for name, driver in self.simulation.nodes[who].stepper.drivers.items():
            assert isinstance(driver, SimulatedDriver)
            driver.advance(start)
            twin, memory = build_driver(self._specs[name]), driver_memory(driver)
            assert isinstance(twin, SimulatedDriver)
            assert memory is not None
            remember_driver(twin, memory)
            twin.orders = []
            twins[name] = twin

    def _compare(self, home: Der, event_id: str) -> None:
        assert self.simulation is not None
        request = home.events[event_id].request
        start, end = request.interval_period.start, request.interval_period.slot_start(len(request.power_w))
        for name, twin in self._twins.pop((home.name, event_id)).items():
            driver = self.simulation.nodes[home.name].stepper.drivers[name]
            was, would = driver.measure(start, end).energy_wh, twin.measure(start, end).energy_wh
            assert was is not None
            assert would is not None
            self.physical_wh += request.direction.sign * (was - would)


@pytest.mark.parametrize("day", ["2026-03-26", "2026-10-22"])
def test_week_over_a_clock_change_keeps_what_owners_and_utility_were_told(day: str) -> None:
    life = Twins(a_week_from(day))
    life.simulation = build_simulation(life.scenario, 1, tell=life.tell)
    life.simulation.run(until=life.scenario.ends_at)
    found = life.summary()
    assert found["events"] >= 18
    assert found["concluded_pct"] >= 60
    assert found["departures"] > 30
    assert found["departures_as_agreed"] == found["departures"]
    assert found["delivered_wh"] == found["metered_wh"]
    assert found["delivered_wh"] == pytest.approx(life.physical_wh, rel=0.005)
    assert {key.split(" ")[0] for key in found["moved_wh"]} == {"vehicle", "storage", "load", "solar", "climate"}
    assert len({at.hour for at in life.starts}) > 3  # the same time on the wall is another instant behind the change


def test_nothing_of_what_is_over_is_kept() -> None:
    scenario = a_week_from("2026-03-26")
    life = Life(scenario)
    simulation = life.simulation = build_simulation(scenario, 1, tell=life.tell)
    simulation.run(until=scenario.ends_at)
    assert (simulation.posts, simulation.notes, simulation.trace) == ([], [], [])
    assert {len(node.journal) for node in simulation.nodes.values()} == {0}
    orders = [len(driver.orders) for node in simulation.nodes.values() for driver in node.stepper.drivers.values()]  # type: ignore[attr-defined]
    assert max(orders) <= 3 * 2 * 4
