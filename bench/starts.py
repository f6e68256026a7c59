"""How long a process takes from its start until it is ready: each role, ten times, killed and started again.

A broker and the process alone, nothing under way; its journal has what it lived through before. The byte code of our
modules is there, as behind an installation. Half of its ends are kills (the broker tells its will), half are clean stops.
"""

import asyncio
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.daemons import base_config, daemon
from bench.measure import Row, alone
from bench.processes import member
from broker.mosquitto import private_broker

TIMES = 10
WITHIN_S = 2.0
HOME = {"name": "home-1", "parent": "ra-1", "devices": [{"kind": "storage", "resource_id": "bat-1", "capacity_wh": 10_000,
        "soc_wh": 5_000, "state_at": "2026-01-01T00:00:00Z", "max_charge_w": 3_000, "max_discharge_w": 3_000}]}  # fmt: skip
TABLES: Mapping[str, Mapping[str, Any]] = {
    "utility": {"utility": {"name": "utility", "children": ["ac"]}},
    "coordinator": {"coordinator": {"name": "ac", "members": [member("ra-1", "aggregator", 12_000)]}},
    "aggregator": {"aggregator": {"name": "ra-1", "parent": "ac", "members": [member("home-1", "der", 3_000)]}},
    "der": {"ders": [HOME]},
}
"""Role -> its party."""


async def ready_s(role: str, times: int) -> list[float]:
    """Seconds from the start to "ready", each time. The first start, with nothing there yet, is not counted."""
    found = []
    with tempfile.TemporaryDirectory(prefix="gridpact-bench-") as folder:
        compiled = {"PYTHONPYCACHEPREFIX": f"{folder}/compiled", "PYTHONDONTWRITEBYTECODE": ""}
        async with private_broker() as broker:
            config = base_config(role, broker.port, Path(folder)) | dict(TABLES[role])
            for number in range(times + 1):
                began = time.perf_counter()
                async with daemon(role, role, config, Path(folder), environment=compiled) as one:
                    await one.ready()
                    found.append(time.perf_counter() - began)
                    if number % 2:
                        one.process.send_signal(signal.SIGKILL)
                        await one.process.wait()
    return found[1:]


async def rows(quick: bool) -> list[Row]:
    """The slowest of all."""
    times = 3 if quick else TIMES
    return [
        alone(f"restart to ready, {role}: slowest", times, [max(await ready_s(role, times))], "s", WITHIN_S)
        for role in TABLES
    ]


async def main() -> None:
    for role in TABLES:
        print(role, *(f"{seconds:.2f}" for seconds in await ready_s(role, TIMES)))


if __name__ == "__main__":
    asyncio.run(main())
