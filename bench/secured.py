"""How much of the most energy that any plan could secure the negotiation secures on recorded fleets and events, and how many
owners are disturbed for it:

    python bench/secured.py SESSIONS REQUESTS [--third | --but-third] [--events N] [--size PCT ...] [--shaped] [--more-load]

The whole ladder with the rung `plan` in front, a book that trusts, a coordinator that spares owners, three aggregators; once
with one question for profiles, once with two. The most is the optimum of the coalition with the same means: own offers, own
storage, consent. `--third` takes every third event only, `--but-third` all others, and `--events` so many of these, evenly
spaced; `--shaped` gives each slot another share, drawn from 0.3 to 1.
"""

import argparse
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.runtime.files.from_csv import GivesNothing, Plugged
from agents.runtime.files.recorded import read_sessions
from agents.settings.scenario import Scenario
from agents.tools.study.optimum import Means, optimum
from agents.tools.study.remembered import Memory
from agents.tools.study.runs import whole_scenario
from agents.tools.study.study import spaced
from agents.tools.study.variants import VARIANTS, StudyBooks, sized, with_plan, with_variant
from bench.coalition import add_events, chosen, shaped
from bench.disturbed import deal
from protocol.plan import energy_wh
from protocol.units import Direction

LADDER = with_plan(VARIANTS[-1])


class Secured(NamedTuple):
    """One fleet."""

    secured_wh: int
    most_wh: int
    disturbed: int
    homes: int


def asking(scenario: Scenario, questions: int) -> Scenario:
    """With so many questions for profiles."""
    found = tuple(one.model_copy(update={"plan_questions": questions}) for one in scenario.aggregators)
    return replace(scenario, aggregators=found)


def told(rows: list[Secured]) -> str:
    """One line of sums."""
    share = sum(one.secured_wh for one in rows) / sum(one.most_wh for one in rows)
    least = min(one.secured_wh / one.most_wh for one in rows)
    disturbed, homes = sum(one.disturbed for one in rows), sum(one.homes for one in rows)
    return f"{share:.3f} of the most energy (least {least:.3f}), {disturbed} of {homes} owners disturbed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_events(parser)
    parser.add_argument("--size", type=int, nargs="+", default=(100, 150))
    parser.add_argument("--shaped", action="store_true")
    parser.add_argument("--more-load", action="store_true")
    given = parser.parse_args()
    events = spaced(chosen(given), given.events)
    if given.shaped:
        events = [shaped(one) for one in events]
    direction = Direction.INCREASE_LOAD if given.more_load else Direction.DECREASE_LOAD
    sessions, found = read_sessions(given.sessions), dict[tuple[Plugged, int, int], list[Secured]]()
    for wanted in events:
        for plugged in Plugged:
            try:
                whole = whole_scenario(sessions, wanted, plugged, StudyBooks.TRUSTED, 0, direction)
            except GivesNothing:
                continue
            memory = Memory()
            for size_pct in given.size:
                scenario = sized(whole, size_pct)
                most_wh = optimum(scenario, Means.CONSENT).energy_wh
                for questions in (1, 2):
                    asked = asking(with_variant(scenario, LADDER), questions)
                    power_w, disturbed = deal(asked, memory)
                    slot = timedelta(seconds=scenario.utility.events[0].slot_s)
                    one = Secured(energy_wh(power_w, slot), most_wh, disturbed, len(scenario.homes))
                    found.setdefault((plugged, size_pct, questions), []).append(one)
    for (plugged, size_pct, questions), rows in sorted(found.items()):
        print(f"{plugged.value}, {size_pct / 100}, {questions} questions, {len(rows)} fleets: {told(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
