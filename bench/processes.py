"""One aggregator's members spread over aggregators below it, a process each: what a second core brings.

The homes are the crowd of `bench/crowd.py`; time runs from the request to the top aggregator until its offer is on
the wire, everything journalled. Theirs: the same homes under one process in the same round. On a machine with two
cores the broker, the crowd and the top aggregator share them, so more than two processes cannot help there.
"""

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.crowd import collected_s
from bench.daemons import base_config, daemon
from bench.ingest import EACH_W
from bench.measure import Row, row
from broker.mosquitto import private_broker


def member(name: str, kind: str, power_w: int) -> dict[str, Any]:
    return {
        "name": name, "kind": kind, "resources": [f"ev-{name[-6:]}" if kind == "der" else name],
        "increase_load_w": power_w, "decrease_load_w": power_w,
    }  # fmt: skip


def tree(homes: int, processes: int) -> dict[str, dict[str, Any]]:
    """Name -> tables of the aggregators; one process: the homes are the top's own members."""
    names = [f"hems-{number:06}" for number in range(homes)]
    book = [member(name, "der", EACH_W) for name in names]
    if processes == 1:
        return {"ra-1": {"name": "ra-1", "parent": "ac", "members": book}}
    found: dict[str, dict[str, Any]] = {}
    for number in range(processes):
        own = book[number::processes]
        found[f"sub-{number + 1}"] = {"name": f"sub-{number + 1}", "parent": "ra-1", "members": own}
    subs = [member(name, "aggregator", EACH_W * len(tables["members"])) for name, tables in found.items()]
    return found | {"ra-1": {"name": "ra-1", "parent": "ac", "members": subs}}


async def spread_s(homes: int, processes: int) -> float:
    """Seconds from the request to the top to its offer."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpact-bench-")))
        broker = await stack.enter_async_context(private_broker())
        aggregators = tree(homes, processes)
        for name, tables in aggregators.items():
            config = base_config(name, broker.port, folder) | {"aggregator": tables}
            one = await stack.enter_async_context(daemon("aggregator", name, config, folder))
            await one.ready()
        leaves = list(aggregators)[:-1] or ["ra-1"]
        return await collected_s(broker.port, leaves, homes)


async def rows(quick: bool) -> list[Row]:
    """1, 2 and 4 processes, homes a second."""
    homes, rounds = (2_000, 1) if quick else (10_000, 3)
    speeds: dict[int, list[float]] = {1: [], 2: [], 4: []}
    for _ in range(rounds):
        for processes, found in speeds.items():
            found.append(homes / await spread_s(homes, processes))
    return [
        row(f"{processes} processes", homes, list(zip(found, speeds[1], strict=True)), "homes/s", "one process")
        for processes, found in speeds.items()
        if processes > 1
    ]
