"""A row of the catalogue: a fault, what must happen, how it is brought about, and how what was left is judged.

Every row also demands that the journals of all parties break no promise (tests/checker).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from pathlib import Path

from system import SPEED, Outcome, System

SAME = {"utility/ac": (24_000, 22_000), "ac/ra-1": (24_000, 22_000)} | {
    f"ra-1/h{number}": (6_000, 5_500) for number in range(4)
}
"""The awards of an undisturbed evening."""
ASKING = 1.95
"""Minutes after the start, just before the utility issues its event: the whole asking falls into the fault."""
SLOWER = SPEED / 2
SLOWEST = SPEED / 4
"""For a fault of seconds amid the asking: a stage of the undisturbed evening is 3.5 s long at the usual speed."""
RESTARTING = SPEED / 2.5
"""For a restart amid the asking: Python takes most of a second to start, and several rows run at once."""
AMID_ASKING = timedelta(minutes=4)
"""A restart that takes longer costs a stage its deadline on a machine that is busy: that is about who is late, and no fault."""
SLOWER_TRIES = 2
FAKETIME = next(iter(sorted(Path("/usr/lib").rglob("libfaketimeMT.so.1"))), None)


class Missing(RuntimeError):
    """This machine cannot bring the fault about; the text says what it lacks."""


Run = Callable[[Path], Awaitable[tuple[str, bool]]]


@dataclass(frozen=True)
class Row:
    """One fault."""

    fault: str
    expected: str
    run: Run
    short: Run | None = None
    """What of it runs in `make test`; None: nothing."""


def same(outcome: Outcome) -> tuple[str, bool]:
    """The deal of an undisturbed evening, to the watt."""
    over = ("concluded", "completed_unknown") if outcome.to_the_end else ("open",)
    ok = outcome.awards == SAME and outcome.outcome in over and not outcome.broken
    return seen_of(outcome), ok


def settled(outcome: Outcome) -> tuple[str, bool]:
    """A deal, perhaps a smaller one; nobody is left in doubt."""
    return seen_of(outcome), outcome.outcome in ("concluded", "no_deal", "completed_unknown") and not outcome.broken


def seen_of(outcome: Outcome) -> str:
    """What was left, in a line."""
    bought = sum(outcome.awards.get("utility/ac", (0,)))
    seen = f"{outcome.outcome}, {bought} W"
    restarted = [name for name, exits in outcome.exits.items() if len(exits) > 1]
    seen += f"; restarted: {', '.join(restarted)}" if restarted else ""
    seen += f"; alerts: {', '.join(sorted(outcome.alerts))}" if outcome.alerts else ""
    return seen + (f"; BROKEN: {outcome.broken[0]}" if outcome.broken else "")


class Short(Enum):
    """How much of a row runs in `make test`."""

    NOT = auto()
    DEAL = auto()
    """Until the deal is shared out and confirmed."""
    WHOLE = auto()


Disturb = Callable[[System], Awaitable[None]]
Judge = Callable[[Outcome], tuple[str, bool]]


def row(
    fault: str,
    expected: str,
    disturb: Disturb,
    judge: Judge = same,
    *,
    short: Short = Short.NOT,
    before: Callable[[System], Awaitable[None]] | None = None,
    broker: Mapping[str, str] | None = None,
    speed: float = SPEED,
    homes: int = 4,
    alert: str = "",
) -> Row:
    async def once(folder: Path, at_speed: float, to_the_end: bool) -> tuple[str, bool, bool]:
        system = System(folder, broker=broker, speed=at_speed, homes=homes)
        if before is not None:
            await before(system)
        await system.start()
        await disturb(system)
        outcome = await (system.finish() if to_the_end else system.deal())
        seen, ok = judge(outcome)
        return seen, ok and (not alert or alert in outcome.alerts), outcome.restart > AMID_ASKING

    async def run(folder: Path, *, to_the_end: bool = True) -> tuple[str, bool]:
        """Once; where it fails on a machine that needed too long for a restart, again with twice the time."""
        seen, ok, busy = await once(folder, speed, to_the_end)
        for slower in range(1, SLOWER_TRIES + 1):
            if ok or not busy:
                break
            seen, ok, busy = await once(folder / f"slower-{slower}", speed / 2**slower, to_the_end)
            seen += f" ({2**slower} times slower: the restart took too long for a stage)"
        return seen, ok

    briefly = {Short.NOT: None, Short.WHOLE: run, Short.DEAL: partial(run, to_the_end=False)}
    return Row(fault, expected, run, briefly[short])
