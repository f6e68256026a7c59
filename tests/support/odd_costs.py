"""What each sender costs who hears it, message by message: time, journal, memory (odd_evenings.py).

`python tests/support/odd_costs.py --minutes 10` (or `make fuzz MINUTES=10`) takes seeds for so long and prints what the
costliest sender and message of each role cost; whatever a party raises is printed with its seed, and so is an evening that
hardly ends, and a step beyond LONGEST_S; all of them end in exit code 1. How far it is and its slowest step are said each
half minute; an interrupt ends it with what there is.
"""

import argparse
import json
import resource
import signal
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
LONGEST_S = 0.2
"""Of processor time for one step of a party, on a machine of today."""
SAID_EVERY_S = 30.0
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


@dataclass(slots=True)
class Slowest:
    """The slowest step of some, whatever set it off."""

    took_s: float = 0.0
    what: str = "none"

    def see(self, took_s: float, what: str) -> None:
        if took_s > self.took_s:
            self.took_s, self.what = took_s, what

    def __str__(self) -> str:
        return f"{self.took_s * 1e3:.0f} ms ({self.what})"


def costs(
    evening: Evening, clock: Callable[[], float] = lambda: 0.0, slowest: Slowest | None = None
) -> dict[tuple[str, str], SenderCost]:
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
        if slowest is not None:
            slowest.see(took_s, f"{_named(entry.input)} at {entry.actor}, {entry.at:%H:%M:%S}")
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


def _named(item: Input | None) -> str:
    if item is None:
        return "waking"
    return item.message.kind if isinstance(item, Received) else type(item).__name__


@dataclass
class LongFuzz:
    """Evenings of every role one after the other: what the costliest of each were, and what was raised."""

    first: int

    def __post_init__(self) -> None:
        self.roles: dict[str, dict[str, Any]] = {}
        self.raised: list[str] = []
        self.seeds = self.steps = 0
        self.slowest, self.longest = Slowest(), Slowest()
        """Of all steps of who hears what is odd, and of all evenings with everybody in them."""
        self.now_at = ""

    def run(self, minutes: float) -> None:
        """For so much processor time, or until it is interrupted."""
        began = said_s = time.process_time()
        try:
            for seed in count(self.first):
                for role in ROLES:
                    self._take(seed, role)
                self.seeds += 1
                now_s = time.process_time()
                if now_s - said_s >= SAID_EVERY_S:
                    said_s = now_s
                    print(self, file=sys.stderr, flush=True)
                if now_s - began >= minutes * 60:
                    break
        except KeyboardInterrupt:
            print(f"interrupted in {self.now_at}", file=sys.stderr, flush=True)

    def __str__(self) -> str:
        most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return (
            f"{self.seeds} seeds from {self.first}, {self.steps} steps, slowest {self.slowest}, longest evening {self.longest}, memory {most_mb:.0f} MB, "
            f"{len(self.raised)} found"
        )

    def found(self) -> dict[str, Any]:
        return {
            "seeds": [self.first, self.first + self.seeds],
            "steps": self.steps,
            "slowest_step": str(self.slowest),
            "longest_evening": str(self.longest),
            "roles": self.roles,
            "raised": self.raised,
        }

    def _take(self, seed: int, role: str) -> None:
        slowest, began_s = Slowest(), time.process_time()
        self.now_at = f"{role} seed {seed}"
        try:
            evening = odd_evening(seed, role)
            self.longest.see(time.process_time() - began_s, self.now_at)
            by = costs(evening, time.process_time, slowest)
            if slowest.took_s > LONGEST_S:  # the interpreter may have cleared up in it
                slowest = Slowest()
                by = costs(evening, time.process_time, slowest)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            self._find(f"{role} seed {seed}: {type(error).__name__}: {error} ({last.filename}:{last.lineno})")
            return
        heard, steps = sum(one.messages for one in by.values()), len(evening.simulation.trace)
        self.steps += steps
        self.slowest.see(slowest.took_s, f"{role} seed {seed}: {slowest.what}")
        if slowest.took_s > LONGEST_S:
            self._find(f"{role} seed {seed}: a step of {slowest}")
        if steps > MOST_STEPS:
            self._find(f"{role} seed {seed}: {steps} steps in one evening")
        worst = self.roles.setdefault(role, dict.fromkeys(_FIGURES, 0.0) | {"messages": 0, "most_steps": 0})
        worst["messages"] += heard
        if steps > worst["most_steps"]:
            worst |= {"most_steps": steps, "most_steps_seed": seed}
        memory = max(remembered(evening).values()) / max(1, heard)
        for name, figure in zip(_FIGURES, (*_most(by), memory), strict=True):
            worst[name] = round(max(worst[name], figure), 2)

    def _find(self, what: str) -> None:
        self.raised.append(what)
        print(what, file=sys.stderr, flush=True)


def _most(by: dict[tuple[str, str], SenderCost]) -> tuple[float, float, float, float]:
    """The first of _FIGURES."""
    return (
        max((one.longest_s * 1e3 for one in by.values()), default=0.0),
        max((one.cpu_s * 1e3 / one.messages for one in by.values()), default=0.0),
        max((one.most_journal_bytes for one in by.values()), default=0),
        max((one.journal_bytes / one.messages for one in by.values()), default=0.0),
    )


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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    fuzz = LongFuzz(given.first)
    fuzz.run(given.minutes)
    print(json.dumps(fuzz.found(), indent=1))
    return int(bool(fuzz.raised))


if __name__ == "__main__":
    sys.exit(main())
