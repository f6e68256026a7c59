"""Recordings for tests: a simulated scenario's journals, in a folder."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import paths

from agents.runtime.files.scenario import load_scenario
from agents.settings.daemon import PartiesConfig
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation, keep_journals
from broker.chance import Faults
from broker.recording_file import Header, RecordedMessage, RecordingWriter

SHIPPED = paths.EVENINGS


def simulated(folder: Path, scenario: Scenario, seed: int = 1, faults: Faults | None = None) -> Path:
    """The journals of a simulated run."""
    folder.mkdir(parents=True, exist_ok=True)
    simulation = build_simulation(scenario, seed, faults, keep_trace=True)
    simulation.run()
    asyncio.run(keep_journals(scenario, simulation.trace, folder))
    return folder


def evening_peak(folder: Path, seed: int = 1) -> Path:
    return simulated(folder / "evening", load_scenario(Path("evening_peak")), seed)


def on_the_bus(
    path: Path,
    scenario: Scenario,
    keep: Callable[[str], bool] = lambda topic: True,
    configurations: tuple[PartiesConfig, ...] = (),
) -> Path:
    """What a tap would have heard of a simulated run."""
    simulation = build_simulation(scenario, 1)
    simulation.run()
    given = tuple(one.model_dump(mode="json", exclude_none=True) for one in configurations)
    writer = RecordingWriter(path, Header("bus", "test", scenario.start_at, given))
    for at, _, post in simulation.posts:
        if keep(post.topic):
            writer.write(RecordedMessage(int(at.timestamp() * 1e9), at, post.topic, post.payload, retain=post.retain))
    writer.close()
    return path


def negotiators(scenario: Scenario) -> tuple[PartiesConfig, ...]:
    """The settings of everybody above the devices."""
    above = [PartiesConfig(utility=scenario.utility), PartiesConfig(coordinator=scenario.coordinator)]
    return (*above, *(PartiesConfig(aggregator=settings) for settings in scenario.aggregators))
