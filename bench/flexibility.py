"""The computations behind an answer, at 100,000 homes: `python bench/flexibility.py [--quick]`.

Against each stands the least that the same figures cost: one NumPy pass over the arrays that are read. Vehicles of
this bench draw nothing while they stand by; where they do, most choices of the relay have to be tried, and 48 slots
take far longer (docs of `agents/fleet/relays.py`).
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datetime import UTC, datetime, timedelta

from agents.aggregator.alternative import alternatives
from agents.aggregator.apportion import Candidate, apportion
from agents.aggregator.request_values import Asked, request_values
from agents.der.device import Ask
from agents.der.specs import VehicleSpec
from agents.der.vehicle import Vehicle
from agents.fleet.flexibility import VehicleFleet
from agents.settings import SharePolicy, ValuePolicy
from bench.measure import Row, machine, row, show
from protocol.messages import IntervalPeriod, OptionBasis
from protocol.units import Direction

T0 = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)
PERIOD = IntervalPeriod(start=T0 + timedelta(hours=1))
DOWN = Direction.DECREASE_LOAD


def specs(n: int) -> list[VehicleSpec]:
    """Vehicles with a limit of relay operations that arrive over four hours and leave the next morning."""
    rng = np.random.default_rng(1)
    found = []
    for i in range(n):
        capacity = int(rng.integers(20_000, 60_000))
        found.append(
            VehicleSpec(
                kind="vehicle",
                resource_id=f"v{i}",
                capacity_wh=capacity,
                soc_wh=capacity * int(rng.integers(30, 101)) // 100,
                state_at=T0,
                plugs_in_at=T0 + timedelta(minutes=int(rng.integers(0, 240))),
                departs_at=T0 + timedelta(minutes=int(rng.integers(600, 1_700))),
                departure_soc_wh=capacity * int(rng.integers(50, 90)) // 100,
                reserve_wh=capacity // 5,
                max_charge_w=6_000,
                max_discharge_w=6_000,
                relay_ops_left=int(rng.choice([2, 4, 6])),
            )
        )
    return found


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rows(quick: bool) -> list[Row]:
    """Medians of rounds; ours and the NumPy pass in turns, in seconds."""
    n, rounds = (10_000, 2) if quick else (100_000, 3)
    vehicles = specs(n)
    fleet = VehicleFleet(vehicles)
    plan = np.full((48, n), 2_000, dtype=np.int64)
    names = [f"hems-{i}" for i in range(n)]
    members = [Asked(name, (3_000 + i % 7,) * 48, 80) for i, name in enumerate(names)]
    candidates = [Candidate(name, (2_000 + i % 977,) * 48) for i, name in enumerate(names)]
    deal, request = (1_500 * n,) * 48, (1_000 * n,) * 48
    ask = Ask(DOWN, PERIOD, (2_000,) * 4)

    def many(slots: int) -> Callable[[], Any]:
        return lambda: fleet.flexibility(DOWN, PERIOD, plan[:slots], available=False)

    def pass_over(slots: int) -> Callable[[], Any]:
        return lambda: plan[:slots] + fleet.now.max_charge_w

    works: list[tuple[str, int, Callable[[], Any], Callable[[], Any]]] = [
        ("S50 one vehicle x 4", 1, lambda: Vehicle(vehicles[0]).flexibility(ask), lambda: plan[:4, :1] + 1),
        ("S50 many x 4", n, many(4), pass_over(4)),
        ("S50 many x 48", n, many(48), pass_over(48)),
        (
            "S21 request values x 48",
            n,
            lambda: request_values(request, members, policy=ValuePolicy.FAIR, over_request=True),
            pass_over(48),
        ),
        ("S32 alternatives x 48", n, lambda: alternatives(request, deal, (OptionBasis.OFFERS,)), pass_over(48)),
        (
            "S35 apportion x 48",
            n,
            lambda: apportion(deal, candidates, (0,) * 48, SharePolicy.PROPORTIONAL),
            pass_over(48),
        ),
    ]
    found = []
    for name, size, ours, theirs in works:
        theirs()
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
        found.append(row(name, size, pairs, "s", "one NumPy pass"))
    return found


if __name__ == "__main__":
    show(rows("--quick" in sys.argv), machine())
