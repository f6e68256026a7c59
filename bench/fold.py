"""How long a daemon with a long journal takes to be back: `python bench/fold.py [ENTRIES]`.

An aggregator's journal is written by simulated evenings (500 homes), then read and folded as at a start; beside it the
floor: reading the same rows and doing nothing.
"""

import asyncio
import gc
import sys
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

from worlds import START, T0, World

from agents.aggregator.actor import Aggregator
from agents.journal import Journal
from broker.stepper import Stepper
from protocol.entries import decode_input

HOMES = 500


async def written(path: Path, entries: int) -> int:
    """Write at least so many entries; how many."""
    journal = Journal(path)
    journal.start()
    world = World()
    world.simple("ra-1", HOMES)
    events = -(-entries // (HOMES * 3))
    for number in range(events):
        later = timedelta(hours=2 * number)
        world.event(
            3_000 * HOMES, event_id=f"e{number}", issue_at=T0 + later + timedelta(minutes=5), start=START + later
        )
    trace = world.run().simulation.trace
    mine = [entry for entry in trace if entry.actor == "ra-1"][:entries]
    for entry in mine:
        number = journal.append(entry)
    await journal.durable(number)
    await journal.close()
    global build
    build = partial(Aggregator, world.aggregators[0])
    return len(mine)


def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ra-1.journal"
        count = asyncio.run(written(path, entries))
        times: list[tuple[float, float]] = []
        for _ in range(3):
            journal = Journal(path)
            began = time.perf_counter()
            for _kept in journal.entries("ra-1"):
                pass
            read_s = time.perf_counter() - began
            gc.collect()
            gc.disable()
            stepper, began = Stepper(build()), time.perf_counter()
            for kept in journal.entries("ra-1"):
                stepper.fold_bytes(kept.at, decode_input(kept.input), kept.effects, devices_too=False)
            times.append((time.perf_counter() - began, read_s))
            gc.enable()
            asyncio.run(journal.close())
        fold_s, read_s = sorted(times)[1]
        print(f"{count} entries, {path.stat().st_size / count:.0f} bytes each: folded in {fold_s:.2f} s", end="")
        print(
            f" ({count / fold_s:.0f}/s), read alone in {read_s:.2f} s; a million at this rate: {fold_s / count * 1e6:.0f} s"
        )


if __name__ == "__main__":
    main()
