"""Journals of this version for all later ones: `python tests/support/make_fixtures.py`, once, when a release is cut.

All parties of a scenario are stopped at each of the instants of `released.STOPS`, as a daemon stops that is told to.
"""

import asyncio
import lzma
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from release import version
from released import ENDING, FIXTURES, SCENARIO, STOPS, Stop, journal_of, shells, stage_of

from agents.runtime.files.scenario import load_scenario
from agents.runtime.journal.journal import Journal
from agents.runtime.journal.outbox import leaves
from agents.settings.daemon import PartiesConfig
from agents.tools.run.simulate import build_simulation, processes
from broker.simulation import Simulation
from protocol.actor import Entry


def evening(stop: Stop) -> Simulation:
    """The scenario up to a stop."""
    scenario = load_scenario(SCENARIO)
    simulation = build_simulation(scenario, scenario.seed, keep_trace=True)
    simulation.run(until=stop.at)
    return simulation


async def write(path: Path, entries: list[Entry], configuration: PartiesConfig) -> None:
    """A journal as its daemon leaves it at a clean stop: all has left, and what each party knows stands beside it."""
    journal = Journal(path, configuration=configuration.as_bytes())
    journal.start()
    for entry in entries:
        number = journal.append(entry)
        for place, effect in enumerate(entry.effects):
            if leaves(effect):
                journal.sent(entry.actor, (number, place))
    await journal.all_durable()
    await journal.close()
    again = journal_of(path)
    again.start()
    for shell in shells(again):
        shell.fold()
        shell.keep_snapshot()
    await again.close()


def stages(simulation: Simulation, stop: Stop) -> dict[str, str]:
    """Where the event is at the parties of a stop."""
    return {name: stage_of(simulation.actor(name)) for name in stop.stages}


def make(folder: Path) -> None:
    """All journals of all stops, packed."""
    evenings = {name: evening(stop) for name, stop in STOPS.items()}
    for name, simulation in evenings.items():
        assert stages(simulation, STOPS[name]) == STOPS[name].stages, (name, stages(simulation, STOPS[name]))
    for name, simulation in evenings.items():
        (folder / name).mkdir(parents=True)
        for process, configuration in processes(load_scenario(SCENARIO)).items():
            parties = configuration.names()
            entries = [entry for entry in simulation.trace if entry.actor in parties]
            with TemporaryDirectory() as made:
                path = Path(made) / "journal"
                asyncio.run(write(path, entries, configuration))
                (folder / name / f"{process}{ENDING}").write_bytes(lzma.compress(path.read_bytes(), preset=9))


def main() -> int:
    """0 when the journals of this version were made; 1 when there are some."""
    folder = FIXTURES / version()
    if folder.exists():
        print(f"{folder} is there: journals of a release are never made anew", file=sys.stderr)
        return 1
    make(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
