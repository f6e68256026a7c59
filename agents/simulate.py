"""A scenario in virtual time, without a broker: the same actors, the same bytes, seeded faults."""

from collections.abc import Mapping

from agents.aggregator.actor import Aggregator
from agents.behaviour import Behaviour, intercept
from agents.board import Told
from agents.coordinator import Coordinator
from agents.der.actor import Der
from agents.drivers.simulated import build_driver
from agents.scenario import Scenario
from agents.utility import Utility
from agents.view import View
from broker.simulation import Faults, Party, Simulation


def build_simulation(
    scenario: Scenario, seed: int, faults: Faults | None = None, keep_trace: bool = False
) -> Simulation:
    """All parties of a scenario on a simulated bus; nothing has run yet."""
    found = [Party(Utility(scenario.utility)), Party(Coordinator(scenario.coordinator))]
    for settings in scenario.aggregators:
        own = {spec.resource_id: build_driver(spec) for spec in settings.storage}
        found.append(Party(Aggregator(settings), own))
    for home in scenario.homes:
        drivers = {spec.resource_id: build_driver(spec) for spec in home.devices}
        changed = intercept(_behaviour(scenario.behaviours, home.name))
        found.append(Party(Der(home), drivers, intercept=changed))
    return Simulation(found, scenario.start_at, seed, faults, keep_trace=keep_trace)


def _behaviour(behaviours: Mapping[str, Behaviour], name: str) -> Behaviour:
    return behaviours.get(name, Behaviour.NORMAL)


def simulate(scenario: Scenario, seed: int, view: View, faults: Faults | None = None) -> dict[str, object]:
    """Run to the scenario's end and show it; the summary."""
    simulation = build_simulation(scenario, seed, faults)
    simulation.run(until=scenario.ends_at)
    with view:
        for at, party, note in simulation.notes:
            view.tell(Told.of(at, party, note))
        return view.finish()
