"""What a plan over members and slots loses, each row against the best that the same homes could do:

    python bench/deals.py

Homes with counted relays and least powers against a mixed-integer program over their devices; tiers of so many homes, each
with a plan of its own, against one plan; a deal with a fifth of the homes silent against the best of the others; messages
against those of the default ladder.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.devices.catalogue import build_device
from agents.devices.contract import Ask
from agents.negotiation.plans.coalition.guess import wanted_plans
from agents.negotiation.plans.coalition.master import best_mix
from agents.negotiation.plans.coalition.profiles import CoalitionProblem, MemberProfiles, first_wanted, mix, next_wanted
from agents.negotiation.plans.coalition.program import add_row, level_program
from agents.negotiation.plans.request_values import split_by_scale
from agents.parties.der.home import Home
from agents.runtime.files.scenario import build_scenario
from agents.settings.devices import VehicleSpec
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from agents.tools.study.optimum import Means, best_level
from bench.coalition import crowd, level
from bench.measure import Row, row
from broker.simulation import Simulation
from protocol.actor import Note
from protocol.messages import IntervalPeriod, WantedProfiles
from protocol.plan import Plan, total, zero
from protocol.units import Direction

START = datetime(2026, 1, 14, 18, 0, tzinfo=UTC)
SLOT = timedelta(minutes=30)
SLOTS = 8
TIERS = (10, 20, 50)


def rows(quick: bool) -> list[Row]:
    """Shares of the best, and messages of those without a plan."""
    found = [whole_profiles(20 if quick else 100)]
    found += [tiers(homes, 200 if quick else 1_000, tells=tells) for tells in (False, True) for homes in TIERS]
    return [*found, *negotiated(20 if quick else 50)]


# -- counted relays, least powers


class Limited(NamedTuple):
    """A full car that gives without charging before: what bounds it."""

    spec: VehicleSpec
    usable: int
    """Slots until it leaves."""
    energy_wh: float


def limited(homes: int) -> list[Limited]:
    random, found = Random(3), []
    for number in range(homes):
        usable = random.choice((SLOTS, SLOTS, random.randint(2, SLOTS)))
        power_w, above_wh = random.choice((3_000, 3_700, 7_400)), random.randint(2_000, 12_000)
        spec = VehicleSpec.model_validate(
            {
                "kind": "vehicle", "resource_id": f"ev-{number}", "capacity_wh": 50_000, "soc_wh": 20_000 + above_wh,
                "state_at": START - SLOT, "plugs_in_at": START - SLOT, "departs_at": START + usable * SLOT,
                "departure_soc_wh": 20_000, "reserve_wh": 20_000, "max_charge_w": power_w, "max_discharge_w": power_w,
                "min_power_w": random.choice((0, 1_400, 2_000)),
                "relay_ops_left": random.choice((2, 4, 6)), "charge_efficiency_pct": 100, "discharge_efficiency_pct": 100,
            }
        )  # fmt: skip
        found.append(Limited(spec, usable, float(above_wh)))
    return found


def told_profiles(homes: Sequence[Home], asked_w: Plan) -> tuple[float, float]:
    """The level of the plan after one question for profiles, and after two."""
    period = IntervalPeriod(start=START, duration=SLOT)

    def told(shapes: WantedProfiles) -> list[tuple[Plan, ...]]:
        answers = [home.profiles(Direction.DECREASE_LOAD, period, {}, shapes) for home in homes]
        return [() if answer is None else answer.offered.power_w for answer in answers]

    def planned(profiles: Sequence[tuple[Plan, ...]]) -> tuple[CoalitionProblem, Plan, tuple[int, ...]]:
        some = [(str(n), tuple(dict.fromkeys(own))) for n, own in enumerate(profiles)]
        members = tuple(MemberProfiles(name, own, False) for name, own in some if own)
        problem = CoalitionProblem(asked_w, zero(SLOTS), members)
        found = best_mix(problem)
        given = [mix(member, found.parts[member.name]) for member in members if member.name in found.parts]
        return problem, total(given, SLOTS), found.weights

    first = told(WantedProfiles(shapes=first_wanted(asked_w)))
    problem, given_w, weights = planned(first)
    wanted = wanted_plans(problem)
    asks = [Ask(Direction.DECREASE_LOAD, period, wanted.get(str(n), zero(SLOTS))) for n in range(len(homes))]
    exact = [(home.devices[0].flexibility(ask).power_w,) for home, ask in zip(homes, asks, strict=True)]
    second = told(WantedProfiles(shapes=next_wanted(asked_w, given_w, weights)))
    _, both_w, _ = planned([a + b + c for a, b, c in zip(first, exact, second, strict=True)])
    return level(given_w, asked_w), level(both_w, asked_w)


def best_of_limited(cars: Sequence[Limited], asked_w: Plan) -> float:
    """The bound of a mixed-integer program over every car's power and relay in every slot."""
    import highspy

    asked, slot_h = np.array(asked_w, dtype=np.float64), SLOT.total_seconds() / 3600
    highs = level_program(asked, np.zeros(SLOTS))
    highs.setOptionValue("mip_rel_gap", 2e-3)
    highs.setOptionValue("mip_max_nodes", 400)
    nothing, none = np.array([], dtype=np.int32), np.array([], dtype=np.float64)
    column = 1 + SLOTS
    for car in cars:
        powers: list[int] = []
        states: list[int] = []
        closings: list[int] = []
        for slot in range(car.usable):
            share = 1.0 / asked[slot]
            rows_ = np.array([slot, SLOTS + slot], dtype=np.int32)
            highs.addCol(0.0, 0.0, float(car.spec.max_discharge_w), 2, rows_, np.array([share, share]))
            for _ in range(2):
                highs.addCol(0.0, 0.0, 1.0, 0, nothing, none)
            highs.changeColIntegrality(column + 1, highspy.HighsVarType.kInteger)
            powers, states, closings = [*powers, column], [*states, column + 1], [*closings, column + 2]
            column += 3
        for slot, (power, state, closing) in enumerate(zip(powers, states, closings, strict=True)):
            add_row(highs, -np.inf, 0.0, [power, state], [1.0, -float(car.spec.max_discharge_w)])
            add_row(highs, 0.0, np.inf, [power, state], [1.0, -float(car.spec.min_power_w)])
            before = [states[slot - 1]] if slot else []
            add_row(highs, 0.0, np.inf, [closing, state, *before], [1.0, -1.0, *[1.0] * len(before)])
        add_row(highs, -np.inf, float((car.spec.relay_ops_left or 0) // 2), closings, [1.0] * len(closings))
        add_row(highs, -np.inf, car.energy_wh, powers, [slot_h] * len(powers))
    highs.run()
    return float(highs.getSolution().col_value[0])


def whole_profiles(count: int) -> Row:
    cars = limited(count)
    homes = [Home([build_device(car.spec)]) for car in cars]
    asked_w = (count * 1_000,) * SLOTS
    _, two = told_profiles(homes, asked_w)
    name = "counted relays and least powers: level of the plan"
    return row(name, count, [(two, best_of_limited(cars, asked_w))], "of what is asked", "MILP over all devices")


# -- tiers


def tiers(homes: int, count: int, *, tells: bool) -> Row:
    """Each tier of so many homes plans by itself for its part by scale, and nobody asks again; or each `tells` what all its
    homes give in each shape, and is asked once more for what the plan above wants of it."""
    problem = crowd(count, SLOTS)
    whole_w = _given(problem)
    groups = {str(n): problem.members[at : at + homes] for n, at in enumerate(range(0, count, homes))}
    scales = {name: sum(max(max(p) for p in one.profiles) for one in group) for name, group in groups.items()}
    asked_w = tuple(round(power * level(whole_w, problem.asked_w)) for power in problem.asked_w)
    parts = split_by_scale(asked_w, scales)
    offers = {name: _for(group, parts[name]) for name, group in groups.items()}
    given_w = _told(groups, offers, asked_w) if tells else total(offers.values(), SLOTS)
    how = "that tell shapes" if tells else "asked by scale"
    pair = (level(given_w, asked_w), level(whole_w, asked_w))
    return row(f"tiers of {homes} homes, {how}: level", count, [pair], "of what is asked", "one plan of all")


def _for(group: Sequence[MemberProfiles], wanted_w: Plan) -> Plan:
    """What a tier gives of what is wanted of it, W."""
    if not any(wanted_w):
        return wanted_w
    return tuple(map(min, _given(CoalitionProblem(wanted_w, zero(SLOTS), tuple(group))), wanted_w))


def _told(groups: Mapping[str, Sequence[MemberProfiles]], offers: Mapping[str, Plan], asked_w: Plan) -> Plan:
    shapes = range(len(next(iter(groups.values()))[0].profiles))
    told = {
        name: (offers[name], *(total([one.profiles[shape] for one in group], SLOTS) for shape in shapes))
        for name, group in groups.items()
    }
    first = CoalitionProblem(
        asked_w, zero(SLOTS), tuple(MemberProfiles(name, plans, False) for name, plans in told.items())
    )
    exact = {name: _for(groups[name], plan) for name, plan in wanted_plans(first).items()}
    more = tuple(MemberProfiles(name, (*plans, exact[name]), False) for name, plans in told.items())
    return _given(CoalitionProblem(asked_w, zero(SLOTS), more))


def _given(problem: CoalitionProblem) -> Plan:
    found = best_mix(problem)
    plans = [mix(member, found.parts[member.name]) for member in problem.members if member.name in found.parts]
    return total(plans, len(problem.asked_w))


# -- a whole negotiation


def fleet(homes: int, power_w: int, ladder: Sequence[str], silent: int = 0) -> Scenario:
    """Cars of which every second one leaves after half of the event; the last `silent` of them say nothing."""
    random, found = Random(5), []
    for number in range(homes):
        power = random.choice((3_000, 3_700, 7_400))
        found.append(
            {
                "name": f"h-{number}", "parent": "ra-1",
                "behaviour": "silent" if number >= homes - silent else "normal",
                "devices": [
                    {
                        "kind": "vehicle", "resource_id": f"ev-{number}", "capacity_wh": 50_000,
                        "soc_wh": 20_000 + random.randint(2_000, 12_000), "departure_soc_wh": 20_000, "reserve_wh": 20_000,
                        "max_charge_w": power, "max_discharge_w": power,
                        "departs_at": START + SLOT * (SLOTS if number % 2 else SLOTS // 2),
                    }
                ],
            }
        )  # fmt: skip
    event = {
        "event_id": "e1", "issue_at": START - timedelta(hours=2), "direction": "decrease_load", "start": START,
        "power_w": [power_w] * SLOTS,
    }  # fmt: skip
    data: dict[str, Any] = {
        "scenario": {"name": "deals", "start_at": START - timedelta(hours=3), "ends_at": START + timedelta(hours=5)},
        "utility": {"events": [event], "accept_share_pct": 1},
        "coordinator": {"name": "ac", "accept_share_pct": 1},
        "aggregators": [{"name": "ra-1", "ladder": list(ladder)}],
        "homes": found,
    }
    return build_scenario(data, "deals")


def run(scenario: Scenario) -> Simulation:
    simulation = build_simulation(scenario, 0, keep_trace=True)
    simulation.run(until=START - timedelta(seconds=1))
    return simulation


def negotiated(homes: int) -> list[Row]:
    """A deal with a fifth of the homes silent, and the messages of one where all answer."""
    silent, asked_w = homes // 5, homes * 2_500
    ladder = ("plan", "own_storage", "relax", "alternative")
    scenario = fleet(homes, asked_w, ladder, silent)
    got = [
        level(tuple(note.data["power_w"]), (asked_w,) * SLOTS)  # type: ignore[arg-type]
        for entry in run(scenario).trace
        for note in entry.effects
        if isinstance(note, Note) and note.name == "event_awarded"
    ]
    best = best_level(_without(scenario, silent), Means.OWN)
    plain = ("surplus", "own_storage", "relax", "alternative")
    posts = [len(run(fleet(homes, asked_w, rungs)).posts) / homes for rungs in (ladder, plain)]
    return [
        row("a fifth of the homes is silent: level", homes, [(got[0] if got else 0.0, best)], "of what is asked", "LP of the others"),
        row("messages of a deal", homes, [(posts[0], posts[1])], "a home", "the default ladder"),
    ]  # fmt: skip


def _without(scenario: Scenario, silent: int) -> Scenario:
    return replace(scenario, homes=scenario.homes[: len(scenario.homes) - silent])


if __name__ == "__main__":
    from bench.measure import machine, show

    show(rows("--quick" in sys.argv), machine())
