"""What each sender costs who hears it, message by message: time, journal, memory (odd_evenings.py).

`python tests/support/odd_costs.py --minutes 10` (or `make fuzz MINUTES=10`) takes seeds for so long and prints what the
costliest sender and message of each role cost; whatever a party raises is printed with its seed, and so is an evening that
hardly ends; both end in exit code 1.
"""

import argparse
import json
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    HERE = Path(__file__).resolve().parent
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from odd_evenings import ROLES, Evening, odd_evening

from agents.parties.memory import pieces_of
from broker.stepper import Stepper
from protocol.actor import Input, Received, Refused
from protocol.entries import encode_effects, encode_input

KEPT_A_MESSAGE, KEPT_A_BYTE = 40_000, 8
"""Bytes of journal that a message costs at most: what it may set off, and what it holds itself."""
MOST_STEPS = 100_000
"""Of all parties in an evening: with more, somebody says something again and again that nobody can do anything about."""
REMEMBERED, REMEMBERED_A_MESSAGE = 100_000, 2_000
"""Bytes of memory over an evening: of an honest one, and what each message adds at most."""


@dataclass(slots=True)
class SenderCost:
    """Of one sender at one party."""

    messages: int = 0
    wire_bytes: int = 0
    journal_bytes: int = 0
    most_journal_bytes: int = 0
    """Of one message, beyond what it holds itself."""
    cpu_s: float = 0.0
    longest_s: float = 0.0


def costs(evening: Evening, clock: Callable[[], float] = lambda: 0.0) -> dict[tuple[str, str], SenderCost]:
    """By who hears and who says it: each step once more, by a fresh party."""
    steppers = {name: Stepper(evening.fresh(name)) for name in evening.targets}
    found: defaultdict[tuple[str, str], SenderCost] = defaultdict(SenderCost)
    for entry in evening.simulation.trace:
        if entry.actor not in steppers:
            continue
        effects = encode_effects(entry.effects)
        began = clock()
        steppers[entry.actor].fold_bytes(entry.at, entry.input, effects, devices_too=False)
        took_s = clock() - began
        if (said := _said(entry.input)) is None:
            continue
        sender, size = said
        one, kept = found[entry.actor, sender(entry.actor)], len(encode_input(entry.input)) + len(effects)
        one.messages += 1
        one.wire_bytes += size
        one.journal_bytes += kept
        one.most_journal_bytes = max(one.most_journal_bytes, kept - KEPT_A_BYTE * size)
        one.cpu_s += took_s
        one.longest_s = max(one.longest_s, took_s)
    return dict(found)


def remembered(evening: Evening) -> dict[str, int]:
    """Bytes of what each party knows at the end, by party."""
    return {name: sum(map(len, pieces_of(evening.simulation.actor(name)))) for name in evening.targets}


def _said(item: Input | None) -> tuple[Callable[[str], str], int] | None:
    match item:
        case Received(edge, _, body):
            return edge.other, len(body)
        case Refused(edge):
            return edge.other, 0
    return None


def long_fuzz(minutes: float, first: int) -> dict[str, Any]:
    """Evenings of every role for so long; what the costliest of each were, and what was raised."""
    until, found, raised = time.process_time() + minutes * 60, dict[str, dict[str, Any]](), list[str]()
    seeds = 0
    for seed in count(first):
        if time.process_time() >= until:
            break
        seeds += 1
        for role in ROLES:
            try:
                evening = odd_evening(seed, role)
                by = costs(evening, time.process_time)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                last = traceback.extract_tb(error.__traceback__)[-1]
                raised.append(f"{role} seed {seed}: {type(error).__name__}: {error} ({last.filename}:{last.lineno})")
                print(raised[-1], file=sys.stderr, flush=True)
                continue
            worst = found.setdefault(role, dict.fromkeys(_FIGURES, 0.0) | {"messages": 0, "most_steps": 0})
            heard, steps = sum(one.messages for one in by.values()), len(evening.simulation.trace)
            worst["messages"] += heard
            if steps > MOST_STEPS:
                raised.append(f"{role} seed {seed}: {steps} steps in one evening")
                print(raised[-1], file=sys.stderr, flush=True)
            if steps > worst["most_steps"]:
                worst |= {"most_steps": steps, "most_steps_seed": seed}
            for one in by.values():
                figures = (
                    one.longest_s * 1e3,
                    one.cpu_s * 1e3 / one.messages,
                    one.most_journal_bytes,
                    one.journal_bytes / one.messages,
                )
                for name, figure in zip(_FIGURES, figures, strict=False):
                    worst[name] = round(max(worst[name], figure), 2)
            memory = max(remembered(evening).values()) / max(1, heard)
            worst["memory_bytes_a_message"] = round(max(worst["memory_bytes_a_message"], memory), 1)
    return {"seeds": [first, first + seeds], "minutes": minutes, "roles": found, "raised": raised}


_FIGURES = (
    "longest_message_ms",
    "a_message_ms",
    "most_journal_bytes",
    "journal_bytes_a_message",
    "memory_bytes_a_message",
)
"""Each the most of any sender in any evening."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="of processor time")
    parser.add_argument("--first", type=int, default=1_000, help="the first seed")
    given = parser.parse_args()
    found = long_fuzz(given.minutes, given.first)
    print(json.dumps(found, indent=1))
    return int(bool(found["raised"]))


if __name__ == "__main__":
    sys.exit(main())
