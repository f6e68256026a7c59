"""How fast a recorded day is verified (`bench/replay.py`), beside the floor: reading the same rows and doing nothing."""

import tempfile
import time
from pathlib import Path

from agents.runtime.journal.file import JournalFile
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from bench.measure import Row, row
from bench.replay import recorded

EVENTS = 4


async def rows(quick: bool) -> list[Row]:
    """Entries and virtual hours a second."""
    devices = 100 if quick else 1_000
    entries_a_s: list[tuple[float, float]] = []
    hours_a_s: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="gridpact-bench-") as name:
        folder = Path(name)
        await recorded(folder, devices, EVENTS)
        for _ in range(3):
            result = verify(RecordingSource(folder))
            if result.divergence is not None:
                raise RuntimeError(f"the recorded day is not verified: {result.divergence}")
            began = time.perf_counter()
            for path in sorted(folder.glob("*.journal")):
                for _kept in JournalFile(path).entries():
                    pass
            read_s = time.perf_counter() - began
            entries_a_s.append((result.entries / result.took_s, result.entries / read_s))
            hours_a_s.append((24 / result.took_s, 24 / read_s))
    return [
        row("replay, entries", devices, entries_a_s, "entries/s", "reading alone"),
        row("replay, time", devices, hours_a_s, "virtual h/s", "reading alone"),
    ]
