"""How fast the simulator is: steps and virtual hours a second.

Evenings of homes with a vehicle each, without faults, as the tests and the hunter run them. The floor does for every
step what no simulator can leave out: an instant popped from a heap and pushed again, a message of that size to JSON and
back.
"""

import heapq
import sys
import time
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "support"))

from worlds import START, World

from agents.runtime.files.scenario import build_scenario
from agents.tools.run.simulate import build_simulation
from bench.measure import Row, alone, row
from protocol import messages as m
from protocol.actor import Received
from protocol.codec import encode


def ours(homes: int) -> tuple[float, int, float, bytes]:
    """Seconds, steps, virtual hours of an evening; and a message of it."""
    world = World()
    world.simple("ra-1", homes)
    world.event(4_000 * homes, 4_000 * homes)
    simulation = world.build(seed=1)
    began = time.perf_counter()
    simulation.run()
    seconds = time.perf_counter() - began
    trace = simulation.trace
    offers = (
        entry.input.message
        for entry in trace
        if isinstance(entry.input, Received) and isinstance(entry.input.message, m.Offer)
    )
    hours = (trace[-1].at - min(trace[0].at, START)).total_seconds() / 3600
    return seconds, len(trace), hours, encode(next(offers))


def year(days: int) -> float:
    """Steps a second of so many days of one home of examples/year.toml: a vehicle that comes and goes by a plan, three
    events a day, and the parties above it."""
    tables: dict[str, Any] = tomllib.loads((ROOT / "examples" / "year.toml").read_text())
    outline = tables["scenario"]
    outline["ends_at"] = outline["start_at"] + timedelta(days=days)
    tables["homes"] = [tables["homes"][0] | {"count": 1}]
    tables["aggregators"] = tables["aggregators"][:1]
    for event in tables["daily_events"]:
        event["power_w"] = [power // 10 for power in event["power_w"]]
    scenario = build_scenario(tables, "year")
    simulation = build_simulation(scenario, 1, tell=lambda at, who, note: None)
    began = time.perf_counter()
    simulation.run(until=scenario.ends_at)
    return simulation.steps / (time.perf_counter() - began)


def floor_s(steps: int, payload: bytes) -> float:
    """Seconds for as many heap operations and JSON both ways."""
    heap = [(index * 7919 % steps, index) for index in range(1_000)]
    heapq.heapify(heap)
    began = time.perf_counter()
    for index in range(steps):
        at, _ = heapq.heappop(heap)
        heapq.heappush(heap, (at + 997, index))
        orjson.dumps(orjson.loads(payload))
    return time.perf_counter() - began


def rows(quick: bool) -> list[Row]:
    """Steps and virtual hours, for a small and a larger world."""
    found: list[Row] = []
    ours(10)  # what is built once (pydantic's validators, numpy) is not the simulator's speed
    for homes, rounds in ((10, 5), (300 if quick else 1_000, 3)):
        steps_a_s: list[tuple[float, float]] = []
        hours_a_s: list[tuple[float, float]] = []
        for _ in range(rounds):
            seconds, steps, hours, payload = ours(homes)
            floor = floor_s(steps, payload)
            steps_a_s.append((steps / seconds, steps / floor))
            hours_a_s.append((hours / seconds, hours / floor))
        found.append(row("simulator, steps", homes, steps_a_s, "steps/s", "heap and JSON alone"))
        found.append(row("simulator, time", homes, hours_a_s, "virtual h/s", "heap and JSON alone"))
    days = 14 if quick else 365
    found.append(alone("a year of a home, steps", days, [year(days) for _ in range(3)], "steps/s", note="n: days"))
    return found
