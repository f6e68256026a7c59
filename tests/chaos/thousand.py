"""kill -9 of the aggregator in the middle of live offers, again and again: every run ends with the same awards as the
run without a kill.

`make thousand` (RUNS=20): 1,000 homes; which offer it dies at is drawn from a fixed seed and printed. JSON=1 prints
`{"runs": [{"died_at", "same", "broken"}]}`.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parents[1])]

from system import Outcome, System

HOMES = 1_000
SPEED = 20.0
"""Slow enough that the restart costs no stage its deadline: this is about what is lost, not about who is late."""


async def evening(folder: Path, dies_at: int | None, homes: int = HOMES, speed: float = SPEED) -> Outcome:
    """One run until the coordinator's award is shared out and confirmed by all."""
    system = System(folder, homes=homes, speed=speed)
    if dies_at is not None:
        system.dying["ra-1"] = ("received", dies_at)
    await system.start()
    return await system.deal()


def is_same(outcome: Outcome, plain: Outcome) -> bool:
    """Whether a run was killed and ends as the one that was not, to the watt."""
    killed = outcome.exits["ra-1"][0] == -signal.SIGKILL
    return killed and outcome.awards == plain.awards and len(plain.awards) > 2 and not outcome.broken


async def amid_offers(folder: Path, homes: int = 100, speed: float = 30) -> tuple[str, bool]:
    """The same once with fewer homes, beside the run without a kill; for the catalogue."""
    plain, outcome = await asyncio.gather(
        evening(folder / "plain", None, homes, speed), evening(folder / "killed", homes // 2, homes, speed)
    )
    return f"died at offer {homes // 2} of {homes}; {len(outcome.awards)} awards", is_same(outcome, plain)


def killed(runs: int, plain: Outcome, folder: Path) -> Iterator[dict[str, Any]]:
    """Run after run, each killed at another offer."""
    random = Random(1)
    for number in range(runs):
        dies_at = random.randint(20, HOMES - 20)
        outcome = asyncio.run(evening(folder / str(number), dies_at))
        yield {"died_at": dies_at, "same": is_same(outcome, plain), "broken": outcome.broken[:3]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="gridpact-thousand-") as folder:
        plain = asyncio.run(evening(Path(folder) / "plain", None))
        told = sys.stderr if given.json else sys.stdout
        print(f"undisturbed: {len(plain.awards)} awards, {plain.awards['ac/ra-1']} W", file=told, flush=True)
        for one in killed(given.runs, plain, Path(folder)):
            found.append(one)
            word = "the same awards" if one["same"] else f"DIFFERENT {one['broken']}"
            print(f"run {len(found)}: died at input {one['died_at']}: {word}", file=told, flush=True)
    failed = sum(not one["same"] for one in found)
    print(json.dumps({"runs": found}) if given.json else f"{len(found)} runs, {failed} with other awards")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
