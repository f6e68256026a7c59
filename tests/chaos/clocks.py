"""A daemon on a machine whose clock is set and that is suspended: `python clocks.py FILE -- ARGUMENTS`. The file has two
numbers: by how many seconds the clock was set, and how many have passed while nothing ran, which count for the clocks
that count a suspend and for no other."""

import sys
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FILE = Path(sys.argv[1])
_known = (0.0, 0.0)


def moved() -> tuple[float, float]:
    """Seconds by which the clock was set, and of being suspended."""
    global _known
    with suppress(OSError, ValueError):  # it is being written, or gone at the end
        set_s, asleep_s = map(float, FILE.read_text().split())
        _known = set_s, asleep_s
    return _known


clock_gettime = time.clock_gettime
time.clock_gettime = lambda clock: clock_gettime(clock) + (moved()[1] if clock == time.CLOCK_BOOTTIME else 0)

import broker.clock
from agents.cli import main


class MovedDatetime(datetime):
    """The machine's time, as it is set."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=sum(moved()))


broker.clock.datetime = MovedDatetime  # type: ignore[attr-defined]
sys.argv = ["gridpact", *sys.argv[3:]]
main()
