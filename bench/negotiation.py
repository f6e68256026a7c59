"""A whole negotiation over a real Mosquitto: request, offers, relaxation, alternative, awards, confirmations.

Utility, coordinator and aggregator are daemons with journals. The homes are the crowd of `bench/crowd.py`. They offer six tenths of what is asked and eight relaxed, so every rung is climbed
and the coordinator buys an alternative. Time runs from the operator's order to the last award confirmed; every stage
ends because all have answered. The floor: the time that two raw clients need to move the same number of messages of
the same sizes, in the same stages, through a broker with the same configuration.

The same runs give the growth (processor time of the aggregator for each home) and its memory.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agents.runtime.daemon.client import ask
from bench.crowd import Crowd
from bench.daemons import Daemon, base_config, daemon
from bench.ingest import EACH_W, SLOTS, book
from bench.measure import Row, alone, row
from bench.wire import QOS1, RETAIN, RawClient, publish_frame
from broker.mosquitto import Broker, private_broker

FIRST_SLOT_S = 7_200
WITHIN_S = 900
OWN_PCT, RELAXED_PCT, ACCEPTED_PCT = 60, 80, 75
GIVEN_BACK_S = 15.0
"""After 5 s of quiet a snapshot is made; then what it took is given back."""
MOST_BYTES = 2_000
"""Target for the memory of an aggregator for each home."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """One negotiation."""

    homes: int
    seconds: float
    cpu_s: float
    """Of the aggregator, from the order to the last confirmation."""
    rss_peak: int
    rss_after: int
    """Once it has given back what it needed for a moment."""
    samples: dict[str, tuple[bytes, bytes]]


def configs(broker: Broker, folder: Path, homes: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> role and tables of the agents above the homes."""
    scale_w = EACH_W * homes
    member = {"name": "ra-1", "kind": "aggregator", "increase_load_w": scale_w, "decrease_load_w": scale_w}
    roles: dict[str, tuple[str, dict[str, Any]]] = {
        "utility": ("utility", {"name": "utility", "children": ["ac"]}),
        "ac": ("coordinator", {"name": "ac", "members": [member], "accept_share_pct": ACCEPTED_PCT}),
        "ra-1": ("aggregator", {"name": "ra-1", "parent": "ac", "members_file": "members.csv"}),
    }
    return {
        name: (role, base_config(name, broker.port, folder) | {role: tables}) for name, (role, tables) in roles.items()
    }


def order(homes: int, event_id: str = "e1") -> dict[str, Any]:
    """The operator's order for all that the homes have."""
    now = datetime.now(UTC)
    return {
        "event_id": event_id,
        "issue_at": now,
        "direction": "decrease_load",
        "start": now + timedelta(seconds=FIRST_SLOT_S),
        "power_w": [EACH_W * homes] * SLOTS,
    }


@dataclass(frozen=True, slots=True)
class Above:
    """The agents above the homes, and the homes."""

    folder: Path
    started: dict[str, Daemon]
    crowd: Crowd


@asynccontextmanager
async def above(homes: int) -> AsyncIterator[Above]:
    """A fresh broker, fresh daemons, a fresh crowd."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpact-bench-")))
        book(folder, homes)
        broker = await stack.enter_async_context(private_broker())
        started: dict[str, Daemon] = {}
        for name, (role, config) in configs(broker, folder, homes).items():
            started[name] = await stack.enter_async_context(daemon(role, name, config, folder))
        await asyncio.gather(*(one.ready() for one in started.values()))
        crowd = await Crowd(["ra-1"], OWN_PCT, RELAXED_PCT).connect(broker.host, broker.port)
        stack.callback(crowd.close)
        yield Above(folder, started, crowd)


async def negotiated(homes: int) -> Negotiated:
    """One negotiation."""
    async with above(homes) as agents:
        ra = agents.started["ra-1"]
        cpu_before = ra.cpu_s()
        began = time.perf_counter()
        await ask(agents.folder / "control" / "utility.sock", {"do": "issue", "event": order(homes)})
        async with asyncio.timeout(WITHIN_S):
            await ra.told("all_confirmed")
        seconds = time.perf_counter() - began
        cpu_s = ra.cpu_s() - cpu_before
        await asyncio.sleep(GIVEN_BACK_S)
        return Negotiated(homes, seconds, cpu_s, ra.peak_rss(), ra.rss(), agents.crowd.samples)


STAGES = (("request", "offer"), ("relax", "relaxed"), ("award", "confirm"))


async def floor_s(homes: int, samples: dict[str, tuple[bytes, bytes]]) -> float:
    """Seconds that raw clients need for the same messages in the same stages."""
    names = [f"{number:06}".encode() for number in range(homes)]
    answer, heard, complete = samples["offer"], 0, asyncio.Event()

    def ask_again(topic: bytes, payload: bytes) -> None:
        if payload:
            home = topic.rpartition(b"/")[2]
            crowd.publish(answer[0][: -len(home)] + home, answer[1])

    def count(topic: bytes, payload: bytes) -> None:
        nonlocal heard
        heard += 1
        if heard == homes:
            complete.set()

    async with private_broker() as broker:
        crowd, parent = RawClient("crowd", ask_again), RawClient("ra-1", count)
        await crowd.connect(broker.host, broker.port, [f"dr/{kind}/ra-1/+" for kind in ("request", "relax", "award")])
        await parent.connect(broker.host, broker.port, ["dr/offer/ra-1/+", "dr/confirm/ra-1/+"])
        began = time.perf_counter()
        for down, up in STAGES:
            topic, payload = samples[down]
            answer, heard = samples[up], 0
            complete.clear()
            flags = QOS1 | RETAIN if down == "request" else QOS1
            made = [
                publish_frame(topic[:-6] + name, payload, index % 65535 + 1, flags) for index, name in enumerate(names)
            ]
            await parent.publish_all(made)
            async with asyncio.timeout(WITHIN_S):
                await complete.wait()
        seconds = time.perf_counter() - began
        crowd.close()
        parent.close()
    return seconds


async def measured(homes: int, rounds: int) -> tuple[list[Negotiated], list[float]]:
    """Rounds of ours and of the floor, in turn."""
    ours: list[Negotiated] = []
    floors: list[float] = []
    for _ in range(rounds):
        ours.append(await negotiated(homes))
        floors.append(await floor_s(homes, ours[-1].samples))
    return ours, floors


async def rows(quick: bool) -> list[Row]:
    """Negotiation, growth and memory."""
    sizes = {100: 3, 1_000: 3, 3_000: 1} if quick else {100: 3, 1_000: 3, 10_000: 3, 100_000: 1}
    found: list[Row] = []
    runs: dict[int, list[Negotiated]] = {}
    for homes, rounds in sizes.items():
        runs[homes], floors = await measured(homes, rounds)
        if homes >= 1_000:
            pairs = [(run.seconds, floor) for run, floor in zip(runs[homes], floors, strict=True)]
            found.append(row("negotiation", homes, pairs, "s", "raw clients, same messages"))
    return [*found, *growth(runs), *memory(runs)]


def growth(runs: dict[int, list[Negotiated]]) -> list[Row]:
    """Processor time of the aggregator for each home, against that at 1,000 homes."""
    base = alone("", 1_000, [each_ms(run) for run in runs[1_000]], "").ours
    return [
        row("growth", homes, [(each_ms(run), base) for run in done], "ms/home", "the same at 1,000 homes")
        for homes, done in runs.items()
    ]


def each_ms(run: Negotiated) -> float:
    return run.cpu_s / run.homes * 1000


def memory(runs: dict[int, list[Negotiated]]) -> list[Row]:
    """Bytes for each home above 1,000 with one event open: what stays, and the most there was, against the target."""
    found = []
    for name, resident in (("memory", _after), ("memory, peak", _peak)):
        base = alone("", 1_000, [resident(run) for run in runs[1_000]], "").ours
        for homes, done in runs.items():
            if homes > 1_000:
                each = [(resident(run) - base) / (homes - 1_000) for run in done]
                found.append(alone(name, homes, each, "B/home", MOST_BYTES))
    return found


def _after(run: Negotiated) -> float:
    return run.rss_after


def _peak(run: Negotiated) -> float:
    return run.rss_peak
