"""Which profile each of those gives who give whole ones only: their relay operations are counted, or their charger cannot run
below a power.

Where there are few slots, or few profiles, it is a mixed-integer program, held to a number of nodes. Its cuts and searches
take long over many slots, so there the linear program is solved anew each time after those are held to one profile who all but
give one, and then each member's other profiles are tried in turn: within two hundredths of the mixed-integer program in a
hundredth of its time. In a crowd as many give each profile as the mix says.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.negotiation.plans.coalition.program import Floats, MixAsk, level_program

Whole = NDArray[np.int64]
FEW_CELLS = 9_600
"""Members x slots, up to which they are chosen one by one."""
FEW_SLOTS = 8
SMALL = 600
"""Slots, or members x profiles x slots, up to which a mixed-integer program chooses: a second or two."""
MOST_NODES = 100
"""Of that program: a plan hangs on no clock."""
WORK = 4_000_000
"""Profiles x slots of all members, times the linear programs that are solved to try other profiles: a few seconds."""
SWEEPS = 2
BETTER = 1e-7


def whole_profiles(
    table: Floats, ask: MixAsk, whole: Whole, parts: Floats, *, quickly: bool
) -> Iterable[tuple[int, int]]:  # fmt: skip
    """The member and its profile, of those that give any; `parts` of each by the best mix. `quickly`: without the
    mixed-integer program."""
    if len(table) * len(ask.asked) > FEW_CELLS:
        return _in_proportion(parts, whole)
    if not quickly and (table.shape[2] <= FEW_SLOTS or table.size <= SMALL):
        return _by_integer_program(table, ask, whole)
    return _Dive(table, ask, whole).chosen()


def _in_proportion(parts: Floats, whole: Whole) -> Iterator[tuple[int, int]]:
    """One profile a member, so that of members that are alike as many give each as the mix says."""
    owed = np.zeros(parts.shape[1])
    for member in whole[np.lexsort(parts[whole].T)].tolist():
        owed += parts[member]
        profile = int(owed.argmax())
        if owed[profile] >= 0.5:
            owed[profile] -= 1.0
            yield member, profile


def _program(table: Floats, ask: MixAsk) -> Any:
    """With a column for each profile of each member, behind those of the level and the slots."""
    members, profiles, slots = table.shape
    highs = level_program(ask.asked, ask.base, members, ask.most_level)
    rows = np.arange(2 * slots, dtype=np.int32)
    for member in range(members):
        for profile in range(profiles):
            value = np.concatenate((table[member, profile], table[member, profile], [1.0]))
            cost = -float(ask.costs[member, profile])
            highs.addCol(cost, 0.0, 1.0, len(value), np.append(rows, np.int32(2 * slots + member)), value)
    return highs


def _given(highs: Any, table: Floats) -> Floats:
    members, profiles, slots = table.shape
    found: Floats = np.array(highs.getSolution().col_value)[1 + slots :].reshape(members, profiles)
    return found


def _by_integer_program(table: Floats, ask: MixAsk, whole: Whole) -> Iterator[tuple[int, int]]:
    """As a mixed-integer program over all members."""
    import highspy

    _, profiles, slots = table.shape
    highs = _program(table, ask)
    highs.setOptionValue("mip_rel_gap", ask.gap)
    highs.setOptionValue("mip_max_nodes", MOST_NODES)
    for member in whole.tolist():
        for profile in range(profiles):
            highs.changeColIntegrality(1 + slots + member * profiles + profile, highspy.HighsVarType.kInteger)
    highs.run()
    given = _given(highs, table)
    for member in whole.tolist():
        if given[member].max(initial=0.0) > 0.5:
            yield member, int(given[member].argmax())


class _Dive:
    """The linear program, in which one member after the other is held to one of its profiles, or to none."""

    def __init__(self, table: Floats, ask: MixAsk, whole: Whole) -> None:
        self.table, self.whole = table, whole.tolist()
        self.highs = _program(table, ask)
        self.held: dict[int, int | None] = {}
        self.left = WORK // table.size

    def chosen(self) -> list[tuple[int, int]]:
        """What each gives."""
        self._descend()
        for _ in range(SWEEPS):
            if not self._swept():
                break
        return [(member, profile) for member, profile in self.held.items() if profile is not None]

    def _solve(self) -> float:
        self.left -= 1
        self.highs.run()
        return float(self.highs.getObjectiveValue())

    def _hold(self, member: int, profile: int | None) -> None:
        _, profiles, slots = self.table.shape
        columns = 1 + slots + member * profiles + np.arange(profiles, dtype=np.int32)
        bounds = np.zeros(profiles)
        if profile is not None:
            bounds[profile] = 1.0
        self.highs.changeColsBounds(profiles, columns.astype(np.int32), bounds, bounds)
        self.held[member] = profile

    def _descend(self) -> None:
        """Hold those who all but give one profile, or the one who is the nearest to it, and solve for the others."""
        free = list(self.whole)
        self._solve()
        while free:
            given = _given(self.highs, self.table)
            most = given[free].max(axis=1)
            nearly = [member for member, part in zip(free, most.tolist(), strict=True) if part > 1 - 1e-6]
            for member in nearly or [free[int(most.argmax())]]:
                self._hold(member, int(given[member].argmax()) if given[member].sum() >= 0.5 else None)
                free.remove(member)
            self._solve()

    def _swept(self) -> bool:
        """Whether another profile of anybody is better."""
        best, better = float(self.highs.getObjectiveValue()), False
        for member in self.whole:
            kept = self.held[member]
            others = [place for place in range(self.table.shape[1]) if self.table[member, place].any()]
            for profile in (*others, None):
                if profile == kept or self.left <= 0:
                    continue
                self._hold(member, profile)
                value = self._solve()
                if value > best + BETTER:
                    best, kept, better = value, profile, True
            self._hold(member, kept)
        self._solve()
        return better
