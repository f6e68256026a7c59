"""The whole study: many events in several processes, in an order that does not depend on who is quick."""

import gc
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import tzinfo
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

from agents.runtime.files.from_csv import Plugged, RecordedRequest, Session, read_sessions, read_wanted
from agents.runtime.files.wall_clock import WallClock
from agents.settings.checked import ConfigError
from agents.tools.study.accepted import ACCEPT_PCT
from agents.tools.study.runs import StudyOutcome, outcomes
from agents.tools.study.sequence import SequenceBook, SequenceOutcome, in_sequence
from agents.tools.study.variants import (
    SEQUENCE_VARIANT,
    VARIANTS,
    StudyBooks,
    Variant,
    with_plan,
    with_surplus,
)
from protocol.units import Direction

Each: TypeAlias = Callable[[int, int], None]
"""Hears how many pieces of work are done, and of how many."""
GC_EVERY = 200_000
"""Allocations between two looks of the garbage collector: a run is short and leaves few circles."""


@dataclass(frozen=True, slots=True)
class Work:
    """One event under one habit and one kind of book."""

    wanted: RecordedRequest
    plugged: Plugged
    books: StudyBooks
    seed: int
    accept_pct: int
    surplus: bool
    plan: bool
    optimum: bool
    direction: Direction
    living: bool = False


@dataclass(slots=True)
class _Tables:
    sessions: dict[str, list[Session]]


_tables = _Tables({})


def spaced(events: Sequence[RecordedRequest], count: int | None) -> list[RecordedRequest]:
    """So many of the events, evenly spaced; all without a count."""
    if count is None or count >= len(events):
        return list(events)
    return [events[at * len(events) // count] for at in range(count)]


def study(
    sessions: Path,
    requests: Path,
    *,
    events: int | None = None,
    seed: int = 0,
    accept_pct: int = ACCEPT_PCT,
    surplus: bool = False,
    plan: bool = False,
    optimum: bool = False,
    direction: Direction = Direction.DECREASE_LOAD,
    living: bool = False,
    jobs: int = 1,
    zone: tzinfo | None = None,
    each: Each = lambda done, of: None,
) -> list[StudyOutcome]:
    """All outcomes, by book, habit and event; with `surplus` every ladder begins with that rung; `plan`: with the rung
    `plan` (behind `surplus`, where that is there); `optimum`: with the optimum of the coalition; `living`: the homes live;
    `zone` is that of times without an offset, `each` hears the progress.
    Raises ConfigError."""
    clock = WallClock(zone)
    chosen = spaced(list(read_wanted(requests, clock).values()), events)
    if not chosen:
        raise ConfigError(f"{requests}: required_mw: no event asks for power")
    read_sessions(sessions, clock)  # a mistake in the table is said here, not in another process
    work = [
        Work(one, plugged, books, seed, accept_pct, surplus, plan, optimum, direction, living)
        for books in StudyBooks
        for plugged in Plugged
        for one in chosen
    ]
    found: list[StudyOutcome] = []
    # begun anew where a solver is used: a copy of this process would lack its threads, and wait for them for ever
    begun = get_context("spawn") if plan or optimum else None
    with ProcessPoolExecutor(jobs, begun, _begin, (sessions, zone)) as pool:
        try:
            for done, some in enumerate(pool.map(_work, work, chunksize=1), 1):
                found += some
                each(done, len(work))
        except BrokenProcessPool:
            raise ConfigError("study: a process was ended from outside (out of memory?)") from None
    if not found:
        raise ConfigError(f"{sessions}: no vehicle is plugged in and able to give anything in any of the events")
    return found


def sequences(
    sessions: Path,
    requests: Path,
    *,
    events: int | None = None,
    seed: int = 0,
    plan: bool = False,
    jobs: int = 1,
    zone: tzinfo | None = None,
    each: Each = lambda done, of: None,
) -> list[list[SequenceOutcome]]:
    """By habit and book all events one after the other, with all rungs that need no re-request. Raises ConfigError."""
    chosen = spaced(list(read_wanted(requests, WallClock(zone)).values()), events)
    if not chosen:
        raise ConfigError(f"{requests}: required_mw: no event asks for power")
    read_sessions(sessions, WallClock(zone))
    work = [SequenceWork(tuple(chosen), plugged, book, seed, plan) for plugged in Plugged for book in SequenceBook]
    found: list[list[SequenceOutcome]] = []
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (sessions, zone)) as pool:
        for done, some in enumerate(pool.map(_sequence, work, chunksize=1), 1):
            found += [some] if some else []
            each(done, len(work))
    return found


@dataclass(frozen=True, slots=True)
class SequenceWork:
    """All events under one habit and one book."""

    events: tuple[RecordedRequest, ...]
    plugged: Plugged
    book: SequenceBook
    seed: int
    plan: bool


def _sequence(work: SequenceWork) -> list[SequenceOutcome]:
    variant = with_plan(SEQUENCE_VARIANT) if work.plan else SEQUENCE_VARIANT
    return list(in_sequence(_tables.sessions, work.events, work.plugged, work.book, variant, seed=work.seed))


def _begin(sessions: Path, zone: tzinfo | None) -> None:
    _tables.sessions = read_sessions(sessions, WallClock(zone))
    gc.freeze()
    gc.set_threshold(GC_EVERY)


def _work(work: Work) -> list[StudyOutcome]:
    variants: Sequence[Variant] = VARIANTS
    if work.plan:
        variants = [with_plan(one) for one in variants]
    if work.surplus:
        variants = [with_surplus(one) for one in variants]
    return list(
        outcomes(
            _tables.sessions,
            work.wanted,
            work.plugged,
            books=work.books,
            seed=work.seed,
            variants=variants,
            accept_pct=work.accept_pct,
            direction=work.direction,
            compare=work.optimum,
            living=work.living,
        )
    )


def machine() -> str:
    """What the study ran on."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
