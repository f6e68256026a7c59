"""How many owners are disturbed for the same energy on recorded fleets and events:

    python bench/disturbed.py SESSIONS REQUESTS [--every N] [--third | --but-third] [--events N] [--size PCT ...]

What the ladder of the patent secures, with its re-requests, is asked of the same fleet once more, slot by slot, with the rung
`plan` in front and a coordinator that spares owners. Beside both the fewest that one who knows every home would disturb for
what each of them secures (a mixed-integer program: what is proved, and what was found). `--every` takes every so-manieth
event, `--third` every third event only, `--but-third` all others.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.runtime.files.from_csv import GivesNothing, Plugged, RecordedRequest, Session
from agents.runtime.files.recorded import read_sessions
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from agents.tools.study.remembered import Memory
from agents.tools.study.runs import secured, whole_scenario
from agents.tools.study.study import spaced
from agents.tools.study.variants import VARIANTS, StudyBooks, sized, with_plan, with_variant
from bench.coalition import add_events, chosen
from bench.fewest import Fewest, fewest_disturbed
from protocol.plan import Plan, energy_wh

LADDER = VARIANTS[-1]


class Disturbed(NamedTuple):
    """One fleet."""

    book: StudyBooks
    plugged: Plugged
    size_pct: int
    event: str
    ladder: int
    planned: int
    ladder_wh: int
    planned_wh: int
    fewest: Fewest
    """For what the ladder of the patent secures."""
    fewest_planned: Fewest
    """For what the plan secures."""


def deal(scenario: Scenario, memory: Memory) -> tuple[Plan, int]:
    """What stands shortly before the event begins, W, and the owners that are disturbed for it."""
    simulation = build_simulation(scenario, 0, keep_trace=True, der=memory.der)
    simulation.run(until=scenario.utility.events[0].start - timedelta(seconds=1))
    power_w, _, disturbed = secured(simulation, scenario)
    return power_w, disturbed


def asked_for(scenario: Scenario, power_w: Plan) -> Scenario:
    """The same fleet, asked for this, W."""
    event = scenario.utility.events[0].model_copy(update={"power_w": power_w})
    return replace(scenario, utility=scenario.utility.model_copy(update={"events": (event,)}))


def fleets(
    sessions: dict[str, list[Session]], wanted: RecordedRequest, sizes_pct: tuple[int, ...]
) -> Iterator[Disturbed]:
    """Of one event, with every book, habit and size."""
    for book in StudyBooks:
        for plugged in Plugged:
            try:
                whole = whole_scenario(sessions, wanted, plugged, book, 0)
            except GivesNothing:
                continue
            memory, slot = Memory(), wanted.slot
            for size_pct in sizes_pct:
                scenario = sized(whole, size_pct)
                ladder_w, ladder = deal(with_variant(scenario, LADDER), memory)
                if not any(ladder_w):
                    continue
                again = asked_for(scenario, ladder_w)
                planned_w, planned = deal(with_variant(again, with_plan(LADDER)), memory)
                yield Disturbed(
                    book, plugged, size_pct, wanted.number, ladder, planned,
                    energy_wh(ladder_w, slot), energy_wh(planned_w, slot),
                    fewest_disturbed(again, ladder_w), fewest_disturbed(again, planned_w),
                )  # fmt: skip


def told(rows: list[Disturbed]) -> str:
    """One line of sums."""
    fewest = [sum(one.fewest.least for one in rows), sum(one.fewest.found or 0 for one in rows)]
    for_plan = [sum(one.fewest_planned.least for one in rows), sum(one.fewest_planned.found or 0 for one in rows)]
    share = sum(one.planned_wh for one in rows) / sum(one.ladder_wh for one in rows)
    return (
        f"{len(rows)} fleets: {sum(one.ladder for one in rows)} owners disturbed, {sum(one.planned for one in rows)} with the plan, "
        f"{share:.3f} of the energy; fewest {fewest[0]} to {fewest[1]}, for what the plan secures {for_plan[0]} to {for_plan[1]}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_events(parser)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--size", type=int, nargs="+", default=(100, 150))
    parser.add_argument("--each", action="store_true", help="a line for every fleet, too")
    given = parser.parse_args()
    events = spaced(chosen(given)[:: given.every], given.events)
    sessions, found = read_sessions(given.sessions), list[Disturbed]()
    for wanted in events:
        for one in fleets(sessions, wanted, tuple(given.size)):
            found.append(one)
            if given.each:
                print(one.event, one.book.value, one.plugged.value, one.size_pct, told([one]), flush=True)
    for size_pct in given.size:
        for book in StudyBooks:
            for plugged in Plugged:
                if rows := [one for one in found if one[:3] == (book, plugged, size_pct)]:
                    print(f"{book.value}, {plugged.value}, {size_pct / 100}:", told(rows))
        print(f"all, {size_pct / 100}:", told([one for one in found if one.size_pct == size_pct]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
