"""A scenario that was played: what its devices were told, what flowed through them, and what was said to be delivered."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from worlds import Story, World

from agents.drivers.simulated import SimulatedDriver, VehiclePhysics
from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from broker.simulation import Simulation
from protocol.actor import Driver, Input, Setpoint

CASES = Path(__file__).parent.parent / "scenarios" / "one_course"


class Played:
    """A run, for asking."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.story = Story(simulation, World())

    def delivered_wh(self, event_id: str, who: str) -> int:
        """What a party told of an event in the end."""
        (note,) = [n for n in self.story.notes("delivered", who) if n.event_id == event_id]
        assert isinstance(note.data["delivered_wh"], int)
        return note.data["delivered_wh"]

    def slots_wh(self, event_id: str, who: str) -> list[object]:
        """The same, slot by slot."""
        return [n.data["delivered_wh"] for n in self.story.notes("slot_metered", who) if n.event_id == event_id]

    def driver(self, resource_id: str) -> SimulatedDriver:
        """A device by its name."""
        drivers = [node.stepper.drivers for node in self.simulation.nodes.values()]
        found: list[Driver] = [of[resource_id] for of in drivers if resource_id in of]
        assert len(found) == 1
        assert isinstance(found[0], SimulatedDriver)
        return found[0]

    def flowed_wh(self, resource_id: str, start: datetime, end: datetime) -> float:
        """Through a device between two instants, signed."""
        driver = self.driver(resource_id)
        driver.advance(end)
        return sum(
            wh * ((min(ends, end) - max(begins, start)) / (ends - begins))
            for begins, ends, wh in driver.flows
            if begins < end and ends > start
        )

    def left_with_wh(self, resource_id: str) -> float:
        """What a vehicle had when it departed."""
        driver = self.driver(resource_id)
        assert isinstance(driver.physics, VehiclePhysics)
        driver.advance(driver.physics.departs_at)
        return driver.physics.energy_wh

    def setpoints(self, *resource_ids: str) -> list[Setpoint]:
        """What devices were told, in the order of time; of all when none is named."""
        return [
            effect
            for entry in self.simulation.trace
            for effect in entry.effects
            if isinstance(effect, Setpoint) and (not resource_ids or effect.resource_id in resource_ids)
        ]

    def told(self, resource_id: str) -> list[tuple[str, str, int]]:
        """The set-points that were in force at a device: from, until (hours and minutes) and W."""
        found: list[Setpoint] = []
        for new in self.setpoints(resource_id):
            before = [one for one in found if one.at < new.at]
            found = [Setpoint(resource_id, one.power_w, one.at, min(one.until, new.at)) for one in before]
            found += [new] if new.power_w is not None else []
        return [(f"{one.at:%H:%M}", f"{one.until:%H:%M}", one.power_w or 0) for one in found]


def play(path: Path, given: Iterable[tuple[datetime, str, Input]] = (), seed: int = 1) -> Played:
    """A scenario, with inputs at their instants."""
    scenario = load_scenario(path)
    simulation = build_simulation(scenario, seed, keep_trace=True)
    for at, who, item in given:
        simulation.give(at, who, item)
    simulation.run(until=scenario.ends_at)
    return Played(simulation)


def at(text: str) -> datetime:
    """An instant of ISO text."""
    return datetime.fromisoformat(text)
