"""A scenario in virtual time, without a broker: the same actors, the same bytes, seeded faults."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from agents.drivers.build import build_drivers, build_feeds
from agents.history.line import NoteLine
from agents.parties.der.actor import Der
from agents.runtime.behaviour import intercept
from agents.runtime.build import build_actor
from agents.runtime.journal.file import write_journal
from agents.settings.behaviour import Behaviour
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import DerSettings
from agents.settings.scenario import Scenario
from agents.tools.run.life import LONG, Life, show
from agents.tools.run.view import View
from broker.chance import Faults
from broker.simulation import SimulatedParty, Simulation
from protocol.actor import Entry, Note

HOMES = "homes"


def build_simulation(
    scenario: Scenario,
    seed: int,
    faults: Faults | None = None,
    keep_trace: bool = False,
    der: Callable[[DerSettings], Der] = Der,
    tell: Callable[[datetime, str, Note], None] | None = None,
) -> Simulation:
    """All parties of a scenario on a simulated bus; nothing has run yet. `der` makes the actor of a home; `tell` hears
    the notes, which are not kept then."""
    found = [SimulatedParty(build_actor(scenario.utility)), SimulatedParty(build_actor(scenario.coordinator))]
    found += [SimulatedParty(build_actor(settings), build_drivers(settings)) for settings in scenario.aggregators]
    for home in scenario.homes:
        changed = intercept(_behaviour(scenario.behaviours, home.name))
        drivers = build_drivers(home)
        feeds = build_feeds(home, drivers)
        found.append(SimulatedParty(der(home), drivers, intercept=changed, feeds=feeds))
    return Simulation(found, scenario.start_at, seed, faults, keep_trace=keep_trace, tell=tell)


def _behaviour(behaviours: Mapping[str, Behaviour], name: str) -> Behaviour:
    return behaviours.get(name, Behaviour.NORMAL)


def simulate(
    scenario: Scenario, seed: int, view: View, faults: Faults | None = None, journals: Path | None = None
) -> dict[str, object]:
    """Run to the scenario's end and show it; the summary. One of days is shown in sums, without its journals. Raises
    JournalError."""
    if is_long(scenario) and journals is None:
        return live_through(scenario, seed, view, faults)
    simulation = build_simulation(scenario, seed, faults, keep_trace=journals is not None)
    simulation.run(until=scenario.ends_at)
    if journals is not None:
        asyncio.run(keep_journals(scenario, simulation.trace, journals))
    with view:
        for at, party, note in simulation.notes:
            view.tell(NoteLine.of(at, party, note))
        return view.finish()


def is_long(scenario: Scenario) -> bool:
    """Whether it lasts for days."""
    return scenario.ends_at - scenario.start_at > LONG


def live_through(scenario: Scenario, seed: int, view: View, faults: Faults | None = None) -> dict[str, object]:
    """Run a scenario of days, weeks or years, and show what it came to; the summary."""
    life = Life(scenario)
    life.simulation = build_simulation(scenario, seed, faults, tell=life.tell)
    life.simulation.run(until=scenario.ends_at)
    summary = life.summary()
    with view:
        view.say_all(summary, show)
    return summary


def processes(scenario: Scenario) -> dict[str, PartiesConfig]:
    """The processes of a scenario, by the names of their journals: one a party, and one for all homes."""
    found = {scenario.utility.name: PartiesConfig(utility=scenario.utility)}
    found[scenario.coordinator.name] = PartiesConfig(coordinator=scenario.coordinator)
    found |= {settings.name: PartiesConfig(aggregator=settings) for settings in scenario.aggregators}
    return found | ({HOMES: PartiesConfig(ders=scenario.homes)} if scenario.homes else {})


async def keep_journals(scenario: Scenario, trace: Iterable[Entry], folder: Path) -> None:
    """The journals that a live run would have left."""
    found = processes(scenario)
    entries: dict[str, list[Entry]] = {name: [] for name in found}
    for entry in trace:
        entries[entry.actor if entry.actor in entries else HOMES].append(entry)
    for name, configuration in found.items():
        await write_journal(folder / f"{name}.journal", entries[name], configuration)
