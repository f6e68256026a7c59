"""kill -9 of the aggregator in the middle of 1,000 live offers, again and again: every run ends with the same awards.

`python tests/chaos/thousand.py [RUNS]`; which offer it dies at is drawn from a fixed seed and printed.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from system import Outcome, System

HOMES = 1_000
SPEED = 20.0
"""Slow enough that the restart costs no stage its deadline: this is about what is lost, not about who is late."""
SETTLED_WITHIN_S = 120


async def evening(folder: Path, dies_at: int | None) -> Outcome:
    """One run until the coordinator's award is shared out and confirmed by all."""
    system = System(folder, homes=HOMES, speed=SPEED)
    if dies_at is not None:
        system.dying["ra-1"] = ("received", dies_at)
    await system.start()
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while not any(line.get("event") == "all_confirmed" for line in system.daemons["ra-1"].lines):
            await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    return await system.stop()


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    random, failed = Random(1), 0
    with tempfile.TemporaryDirectory(prefix="gridpact-thousand-") as folder:
        plain = asyncio.run(evening(Path(folder) / "plain", None))
        print(f"undisturbed: {len(plain.awards)} awards, {plain.awards['ac/ra-1']} W to the aggregator", flush=True)
        for number in range(runs):
            dies_at = random.randint(20, HOMES - 20)
            outcome = asyncio.run(evening(Path(folder) / str(number), dies_at))
            ok = outcome.awards == plain.awards and not outcome.broken and outcome.exits["ra-1"][0] == -9
            failed += not ok
            print(f"run {number + 1}: died at input {dies_at}: {'the same awards' if ok else 'DIFFERENT'}", flush=True)
            for text in outcome.broken[:3]:
                print(f"  {text}")
    print(f"{runs} runs, {failed} with other awards")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
