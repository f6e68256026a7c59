"""Which slots have a closed system main relay, within the operations left.

Every opening or closing between the event's start and the departure is an operation, as the relay has to be open at
the end: one closed stretch costs two, or one where the relay is closed already. Charging again after the event needs
a closed relay: no operation more where the last slot is closed, two where it is open.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

MAX_PATTERNS = 4000
"""Bound on the choices tried: all of them up to 16 slots at 4 operations; beyond, the fewest operations first."""


class Pattern(NamedTuple):
    """One choice of closed slots."""

    closed: tuple[bool, ...]
    ends_full: bool
    """Only allowed if the event leaves nothing to charge up."""


def operations(before: bool, closed: Sequence[bool], recovery: bool) -> int:
    """Operations from the event's start until the departure; `recovery`: it is charged up after the event."""
    states = (before, *closed, recovery, False)
    return sum(a is not b for a, b in pairwise(states))


def patterns(before: bool, slots: int, most: int, recovery: bool) -> Iterator[Pattern]:
    """All choices with at most so many operations, those with the fewest first; `recovery`: there is time for it."""
    tried = 0
    for inside in range(min(most, slots) + 1):
        for changes in combinations(range(slots), inside):
            closed = _closed(before, slots, changes)
            if operations(before, closed, recovery) <= most:
                yield Pattern(closed, False)
            elif operations(before, closed, False) <= most:
                yield Pattern(closed, True)
            tried += 1
            if tried >= MAX_PATTERNS:
                return


def _closed(before: bool, slots: int, changes: tuple[int, ...]) -> tuple[bool, ...]:
    state, closed, start = before, [], 0
    for change in (*changes, slots):
        closed += [state] * (change - start)
        state, start = not state, change
    return tuple(closed)
