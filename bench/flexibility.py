"""The computations behind an answer, at 100,000 homes: `python bench/flexibility.py [--quick]`.

Against each stands the least that the same figures cost: one NumPy pass that reads every array that the work reads and
writes every array that it answers with. S21 and S35 take and give plans as Python's tuples, which alone costs more
than the pass. A few vehicles are computed by HiGHS, too: the same program, and how many sums are equal.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import highspy
import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from datetime import timedelta

from vehicle_program import Case, Program, tolerance_w
from worlds import START, T0

from agents.devices.contract import Ask
from agents.devices.rows.flexibility import VehicleFleet
from agents.devices.vehicle import Vehicle
from agents.negotiation.plans.apportion import Candidate, apportion
from agents.negotiation.plans.request_values import MemberCapability
from agents.negotiation.policies import fair, proportional_sharing
from agents.settings.devices import VehicleSpec
from bench.measure import Row, machine, row, show
from protocol.messages import IntervalPeriod
from protocol.units import Direction

PERIOD = IntervalPeriod(start=START)
DOWN = Direction.DECREASE_LOAD
STANDBY_W = 50
Work = Callable[[], Any]


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


def drawing(vehicles: list[VehicleSpec]) -> list[VehicleSpec]:
    """The same with stand-by draw."""
    return [spec.model_copy(update={"standby_w": STANDBY_W}) for spec in vehicles]


def seconds(work: Work) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turns(name: str, n: int, ours: Work, theirs: Work, rounds: int, against: str = "one NumPy pass") -> Row:
    """Medians of rounds; ours and theirs in turns, in seconds. The first of each (compiling, pages) does not count."""
    ours(), theirs()
    return row(name, n, [(seconds(ours), seconds(theirs)) for _ in range(rounds)], "s", against)


def flexibility_rows(vehicles: list[VehicleSpec], rounds: int) -> list[Row]:
    """S50 of all."""
    n = len(vehicles)
    plan = np.full((48, n), 2_000, dtype=np.int64)
    found = []
    for what, slots, fleet in (
        ("S50 many x 4", 4, VehicleFleet(vehicles)),
        ("S50 many x 48", 48, VehicleFleet(vehicles)),
        ("S50 many x 48 with stand-by draw", 48, VehicleFleet(drawing(vehicles))),
    ):
        asked_w, now = np.ascontiguousarray(plan[:slots]), fleet.now

        def ours(fleet: VehicleFleet = fleet, asked_w: Any = asked_w) -> Any:
            return fleet.flexibility(DOWN, PERIOD, asked_w, available=False)

        def theirs(now: Any = now, asked_w: Any = asked_w) -> Any:
            specs = sum(now.rows())
            power_w = asked_w + specs
            return power_w, power_w - asked_w, (power_w > asked_w).view(np.int8)

        found.append(in_turns(what, n, ours, theirs, rounds))
    return found


def sharing_rows(n: int, rounds: int) -> list[Row]:
    """S21 and S35: level plans, and plans that differ in every slot."""
    names, request, deal = [f"hems-{i}" for i in range(n)], (1_000 * n,) * 48, (1_500 * n,) * 48
    found = []
    for what, step in (("level", 0), ("not level", 13)):
        plans = [tuple(2_000 + (7 * i + step * slot) % 977 for slot in range(48)) for i in range(n)]
        members = [MemberCapability(name, plan, 80) for name, plan in zip(names, plans, strict=True)]
        candidates = [Candidate(name, plan) for name, plan in zip(names, plans, strict=True)]
        table = np.array(plans, dtype=np.int64).T.copy()

        def values(members: list[MemberCapability] = members) -> Any:
            return fair.values(request, members, over_request=True)

        def shares(candidates: list[Candidate] = candidates) -> Any:
            return apportion(deal, candidates, (0,) * 48, proportional_sharing)

        def theirs(table: Any = table) -> Any:
            return table + 1

        found.append(in_turns(f"S21 request values x 48, {what}", n, values, theirs, rounds))
        found.append(in_turns(f"S35 apportion x 48, {what}", n, shares, theirs, rounds))
    return found


def solved(slots: int, vehicles: list[VehicleSpec], rounds: int) -> Row:
    """Some vehicles, one after the other, against HiGHS: the time, and how often the sum is the same."""
    _quiet()
    cases = [Case(spec, Ask(DOWN, PERIOD, (2_000,) * slots)) for spec in drawing(vehicles)]
    schedules = [Vehicle(case.spec).flexibility(case.ask).schedule_w for case in cases]
    sums: dict[str, list[float]] = {}

    def ours() -> None:
        sums["ours"] = [sum(Vehicle(case.spec).flexibility(case.ask).power_w) for case in cases]

    def theirs() -> None:
        sums["theirs"] = [_optimum(case, schedule_w) for case, schedule_w in zip(cases, schedules, strict=True)]

    measured = in_turns("", len(cases), ours, theirs, rounds, "HiGHS")
    pairs = zip(cases, sums["ours"], sums["theirs"], strict=True)
    equal = sum(abs(one - best) <= tolerance_w(case) for case, one, best in pairs)
    return replace(measured, name=f"S50 one by one x {slots}, {equal} of {len(cases)} sums as HiGHS")


def _quiet() -> None:
    """HiGHS prints its licence to stdout when it is first used; there our table or JSON goes."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    highspy.Highs()
    ctypes.CDLL(None).fflush(None)
    os.dup2(kept, 1)
    os.close(kept)


def _optimum(case: Case, schedule_w: tuple[int, ...]) -> float:
    program = Program(case, schedule_w)
    program.few_operations()
    return program.greatest_w() or 0.0


def rows(quick: bool) -> list[Row]:
    """All."""
    n, rounds = (10_000, 2) if quick else (100_000, 3)
    vehicles = specs(n)
    found = [solved(4, vehicles[:20], rounds), solved(48, vehicles[: 5 if quick else 20], 1)]
    return found + flexibility_rows(vehicles, rounds) + sharing_rows(n, rounds)


if __name__ == "__main__":
    show(rows("--quick" in sys.argv), machine())
