"""How fast the simulator is: steps and virtual hours a second.

Evenings of homes with a vehicle each, without faults, as the tests and the hunter run them. The floor does for every
step what no simulator can leave out: an instant popped from a heap and pushed again, a message of that size to JSON and
back.
"""

import heapq
import sys
import time
from pathlib import Path

import orjson

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from worlds import START, World

from bench.measure import Row, row
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
    return found
