"""How fast a recorded day is verified: `python bench/replay.py [DEVICES] [EVENTS]`.

A simulated day of 24 hours with one aggregator, so many homes and events, written as journals, is read and taken again.
"""

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests" / "support")]

from worlds import START, T0, World

from agents.runtime.journal.file import write_journal
from agents.settings.daemon import PartiesConfig
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify


async def recorded(folder: Path, devices: int, events: int) -> None:
    """The journals of a simulated day."""
    world = World()
    world.simple("ra-1", devices)
    apart = timedelta(hours=24) / events
    for number in range(events):
        later = apart * number
        issue_at, start = T0 + timedelta(minutes=5) + later, START + later
        world.event(3_000 * devices, 3_000 * devices, event_id=f"e{number}", issue_at=issue_at, start=start)
    simulation = world.run().simulation
    actors = {name: simulation.actor(name) for name in world.names}
    utility, coordinator = actors["utility"].settings, actors["ac"].settings
    files = {
        "utility": PartiesConfig(utility=utility),
        "ac": PartiesConfig(coordinator=coordinator),
        "ra-1": PartiesConfig(aggregator=world.aggregators[0]),
    }
    for name, configuration in files.items():
        await write_journal(folder / f"{name}.journal", (e for e in simulation.trace if e.actor == name), configuration)
    homes = (e for e in simulation.trace if e.actor not in files)
    await write_journal(folder / "homes.journal", homes, PartiesConfig(ders=tuple(world.homes)))


def main() -> None:
    devices = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(recorded(Path(folder), devices, events))
        result = verify(RecordingSource(Path(folder)))
    assert result.divergence is None, result.divergence
    hours = 24 / result.took_s
    print(
        f"a day with {devices} devices and {events} events, {result.entries} entries: verified in "
        f"{result.took_s:.1f} s, {hours:.2f} hours/s, {hours * 3600:,.0f} times real time, "
        f"{result.entries / result.took_s:,.0f} entries/s"
    )


if __name__ == "__main__":
    main()
