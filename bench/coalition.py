"""The plan over members and slots: how long it takes for a crowd (`rows`), and how much of the optimum it reaches on recorded
fleets and events:

    python bench/coalition.py SESSIONS REQUESTS [--more-load] [--shaped] [--join N] [--third | --but-third] [--events N]

Each event asks the fleet for what it just gives by an even question. The share of the optimum's level (one linear program
over all vehicles) is told for that question, for the mix of the profiles of the first question, and for that of two.
`--third` takes every third event only, `--but-third` all others; `--join` puts so many neighbouring events together;
`--shaped` gives each slot another share, drawn from 0.3 to 1.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean, quantiles

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.devices.contract import Ask
from agents.devices.vehicle import Vehicle
from agents.negotiation.plans.coalition.bound import ToldProfiles, least_bound
from agents.negotiation.plans.coalition.guess import wanted_plans
from agents.negotiation.plans.coalition.master import best_mix
from agents.negotiation.plans.coalition.profiles import (
    CoalitionProblem,
    MemberProfiles,
    first_wanted,
    mix,
    next_wanted,
)
from agents.parties.der.home import Home
from agents.runtime.files.from_csv import GivesNothing, Plugged, RecordedRequest, Session, scenario_data
from agents.runtime.files.recorded import read_sessions, read_wanted
from agents.runtime.files.scenario import build_scenario
from agents.tools.study.optimum import Means, best_level
from bench.measure import Row, alone
from protocol.messages import IntervalPeriod, WantedProfile, WantedProfiles
from protocol.plan import Plan, total, zero
from protocol.units import Direction

LIMITS_S = {8: 2.0, 48: 5.0}


def poured(energy_w: int, power_w: int, leaves: int, order: Iterable[int], slots: int) -> Plan:
    """What a store of so many W x slots gives where the slots are filled in this order."""
    plan = [0] * slots
    for slot in order:
        if slot < leaves:
            plan[slot] = min(power_w, energy_w)
            energy_w -= plan[slot]
    return tuple(plan)


def crowd(members: int, slots: int) -> CoalitionProblem:
    """Homes of a few makes; every second one leaves before the end."""
    random, found = Random(1), []
    for number in range(members):
        leaves = slots if random.random() < 0.5 else random.randint(1, slots)
        power_w = random.choice((3_000, 3_700, 6_000, 7_400))
        energy_w = int(random.uniform(0.5, 4) * power_w * slots / 8)
        even = tuple(min(power_w, energy_w // leaves) if slot < leaves else 0 for slot in range(slots))
        middle = sorted(range(slots), key=lambda slot: -min(slot, slots - 1 - slot))
        orders = (range(slots), range(slots - 1, -1, -1), middle)
        profiles = (even, *(poured(energy_w, power_w, leaves, order, slots) for order in orders))
        found.append(MemberProfiles(f"m{number}", profiles, True))
    asked_w = tuple(members * (700 + 40 * (slot * 7 % 5)) for slot in range(slots))
    return CoalitionProblem(asked_w, zero(slots), tuple(found))


def planned_s(problem: CoalitionProblem) -> float:
    """Processor time of a plan: the mix, what every member gives by it, and the bound."""
    began = time.process_time()
    found = best_mix(problem)
    plans = [mix(member, found.parts[member.name]) for member in problem.members if member.name in found.parts]
    total(plans, len(problem.asked_w))
    told = [ToldProfiles(member.profiles, True, None) for member in problem.members]
    least_bound(problem.asked_w, told, [found.weights])
    return time.process_time() - began


def rows(quick: bool) -> list[Row]:
    """Seconds of one core, beside what they may be."""
    members = 10_000 if quick else 100_000
    return [
        alone(f"plan over members x {slots}", members, [planned_s(crowd(members, slots))], "s", limit)
        for slots, limit in LIMITS_S.items()
    ]


# -- recorded fleets


def level(given_w: Plan, asked_w: Plan) -> float:
    return min(have / power for have, power in zip(given_w, asked_w, strict=True) if power)


def planned_level(told: Sequence[Sequence[Plan]], asked_w: Plan) -> tuple[float, CoalitionProblem, Plan, Plan]:
    """The level of the best mix, what it was found for, what is available by it, and the worths of a watt."""
    members = tuple(MemberProfiles(str(i), tuple(dict.fromkeys(own)), True) for i, own in enumerate(told))
    problem = CoalitionProblem(asked_w, zero(len(asked_w)), members)
    found = best_mix(problem)
    plans = [mix(member, found.parts[member.name]) for member in members if member.name in found.parts]
    given_w = total(plans, len(asked_w))
    return level(given_w, asked_w), problem, given_w, found.weights


def shares(
    sessions: dict[str, list[Session]], wanted: RecordedRequest, plugged: Plugged, direction: Direction
) -> Iterator[float]:
    """Level of the even question, of one and of two questions for profiles, each over the optimum's."""
    try:
        data = scenario_data(sessions, wanted, k=1.0, aggregators=1, plugged=plugged, direction=direction)
    except GivesNothing:
        return
    scenario = build_scenario(data, wanted.number)
    event = scenario.utility.events[0]
    asked_w, period = event.power_w, IntervalPeriod(start=event.start, duration=wanted.slot)
    homes = [Home([Vehicle(spec) for spec in home.devices]) for home in scenario.homes]  # type: ignore[arg-type]
    if len(first_wanted(asked_w)) < 2:
        return

    def told(shapes: tuple[WantedProfile, ...]) -> list[tuple[Plan, ...]]:
        answers = [home.profiles(direction, period, {}, WantedProfiles(shapes=shapes)) for home in homes]
        return [answer.offered.power_w if answer is not None else () for answer in answers]

    optimum = best_level(scenario, Means.OWN)
    first = told(first_wanted(asked_w))
    one, problem, given_w, weights = planned_level(first, asked_w)
    plans = wanted_plans(problem)
    asked = [
        (home.devices[0].flexibility(Ask(direction, period, plans[str(i)])).power_w,) if str(i) in plans else ()
        for i, home in enumerate(homes)
    ]
    second = told(next_wanted(asked_w, given_w, weights))
    two, *_ = planned_level([a + b + c for a, b, c in zip(first, asked, second, strict=True)], asked_w)
    yield from (1 / optimum, one / optimum, two / optimum)


def joined(events: Sequence[RecordedRequest], count: int) -> list[RecordedRequest]:
    """So many neighbouring events as one, from the first one's start."""
    groups = [events[at : at + count] for at in range(0, len(events) - count + 1, count)]
    return [
        replace(
            group[0], number="-".join(one.number for one in group), shape=tuple(s for one in group for s in one.shape)
        )
        for group in groups
    ]


def shaped(wanted: RecordedRequest) -> RecordedRequest:
    random = Random(wanted.number)
    return replace(wanted, shape=tuple(share * random.uniform(0.3, 1) for share in wanted.shape))


def add_events(parser: argparse.ArgumentParser) -> None:
    """The recordings, and which of the events."""
    parser.add_argument("sessions", type=Path)
    parser.add_argument("requests", type=Path)
    parser.add_argument("--third", action="store_true")
    parser.add_argument("--but-third", action="store_true")
    parser.add_argument("--events", type=int)


def chosen(given: argparse.Namespace) -> list[RecordedRequest]:
    """All recorded events, or a third of them, or the others."""
    events = list(read_wanted(given.requests).values())
    if given.third or given.but_third:
        events = [one for number, one in enumerate(events) if (number % 3 == 2) is given.third]
    return events


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_events(parser)
    parser.add_argument("--more-load", action="store_true")
    parser.add_argument("--shaped", action="store_true")
    parser.add_argument("--join", type=int, default=1)
    given = parser.parse_args()
    events = chosen(given)
    events = joined(events, given.join)
    if given.shaped:
        events = [shaped(one) for one in events]
    if given.events:
        events = events[:: max(1, len(events) // given.events)][: given.events]
    direction = Direction.INCREASE_LOAD if given.more_load else Direction.DECREASE_LOAD
    sessions = read_sessions(given.sessions)
    found: dict[Plugged, list[list[float]]] = {habit: [] for habit in Plugged}
    for wanted in events:
        for habit in Plugged:
            if some := list(shares(sessions, wanted, habit, direction)):
                found[habit].append(some)
    names = ("even question", "one question", "two questions")
    for habit, figures in found.items():
        for place, name in enumerate(names):
            column = [some[place] for some in figures]
            tenth = quantiles(column, n=10)[0] if len(column) > 1 else min(column, default=0.0)
            print(
                f"{habit.value}, {len(column)} events, {name}: mean {fmean(column or [0.0]):.3f}, p10 {tenth:.3f}, least {min(column, default=0.0):.3f}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
