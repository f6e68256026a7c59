"""How long a daemon with a long journal takes to be back: `python bench/fold.py [ENTRIES]`.

An aggregator's journal is written by simulated evenings (500 homes), then read and folded as at a start; beside it the
floor: reading the same rows and doing nothing.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests" / "support")]

from worlds import START, T0, World

from agents.parties.aggregator.actor import Aggregator
from agents.runtime.journal.journal import Journal, StoredStep
from agents.runtime.snapshot import EVERY, pack, unpack
from bench.measure import Row, row
from broker.stepper import Stepper, no_collection
from protocol.entries import decode_input

HOMES = 500
ROUNDS = 3


async def written(path: Path, entries: int) -> tuple[int, Callable[[], Aggregator]]:
    """Write at least so many entries; how many, and what makes their actor."""
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
    return len(mine), partial(Aggregator, world.aggregators[0])


def take_again(stepper: Stepper, entries: Iterable[StoredStep]) -> None:
    """What a start does with its journal."""
    for kept in entries:
        stepper.fold_bytes(kept.at, decode_input(kept.input), kept.effects, devices_too=False)


async def folded(path: Path, build: Callable[[], Aggregator]) -> tuple[float, float]:
    """Seconds to fold the journal, and to read it alone."""
    journal = Journal(path)
    began = time.perf_counter()
    for _kept in journal.entries("ra-1"):
        pass
    read_s = time.perf_counter() - began
    gc.collect()
    with no_collection():
        stepper, began = Stepper(build()), time.perf_counter()
        take_again(stepper, journal.entries("ra-1"))
        fold_s = time.perf_counter() - began
    await journal.close()
    return fold_s, read_s


async def resumed(path: Path, build: Callable[[], Aggregator]) -> tuple[float, float, int]:
    """Seconds to make a snapshot, seconds to be back from it in the worst case (as many entries behind it as come
    before the next one), and its bytes."""
    journal = Journal(path)
    kept = list(journal.entries("ra-1"))
    await journal.close()
    before, behind = kept[: max(0, len(kept) - EVERY)], kept[max(0, len(kept) - EVERY) :]
    gc.collect()
    with no_collection():
        stepper = Stepper(build())
        take_again(stepper, before)
        began = time.perf_counter()
        body = pack(kept[0].at, stepper.actor, {}, {})
        packed = time.perf_counter()
        reborn = build()
        unpack(body, reborn, {})
        take_again(Stepper(reborn), behind)
        back = time.perf_counter()
    return packed - began, back - packed, len(body)


async def rows(quick: bool) -> list[Row]:
    """Entries a second at a start."""
    with tempfile.TemporaryDirectory(prefix="gridpact-bench-") as folder:
        path = Path(folder) / "ra-1.journal"
        count, build = await written(path, 5_000 if quick else 50_000)
        times = [await folded(path, build) for _ in range(ROUNDS)]
    pairs = [(count / fold_s, count / read_s) for fold_s, read_s in times]
    return [row("fold at a start", count, pairs, "entries/s", "reading alone")]


async def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ra-1.journal"
        count, build = await written(path, entries)
        fold_s, read_s = sorted([await folded(path, build) for _ in range(ROUNDS)])[ROUNDS // 2]
        size = path.stat().st_size / count
        pack_s, back_s, body = await resumed(path, build)
    print(f"{count} entries, {size:.0f} bytes each: folded in {fold_s:.2f} s ({count / fold_s:.0f}/s), ", end="")
    print(f"read alone in {read_s:.2f} s; a million at this rate: {fold_s / count * 1e6:.0f} s")
    print(
        f"from a snapshot ({body / 1e6:.1f} MB, made in {pack_s:.2f} s) with {EVERY} entries behind it: {back_s:.2f} s"
    )


if __name__ == "__main__":
    asyncio.run(main())
