"""The best mix of what many members can give, as a linear program (HiGHS): first the level, the least share of what is asked
over all slots, then the energy.

Members are put together in groups, as the program would be as large as they are many: it knows some profiles of a group,
each the sum of what its members choose when a watt is worth so much in each slot, and is told better ones until no choice
of anybody would improve it by more than a thousandth (column generation, Dantzig and Wolfe 1960). A fleet of up to `GROUPS`
members is solved exactly at once. Who gives whole profiles only is then held to one: by a mixed-integer program where they
are few, else in the proportions of their group, and the others are planned around them.

The floats differ by machine: nobody decides by them without having checked what came of it in whole watts.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.negotiation.plans.coalition.profiles import WHOLE, CoalitionProblem
from agents.negotiation.plans.coalition.program import Floats, level_program
from protocol.messages import MAX_WEIGHT

Whole = NDArray[np.int64]
GROUPS = 96
PASSES = 60
GAP = 1e-3
FEW_WHOLE = 400
"""Members that give whole profiles only, up to which they are chosen by a mixed-integer program."""
MILP_S = 2.0


class CoalitionMix(NamedTuple):
    """What came of it."""

    parts: dict[str, tuple[int, ...]]
    """By member, millionths of its profiles; who gives nothing is left out."""
    weights: tuple[int, ...]
    """What a watt more would be worth to the level in each slot, thousandths of the most."""


class _Found(NamedTuple):
    parts: Floats
    """Members x profiles."""
    worth: Floats
    """By slot that is asked for, of a share more to the level."""


def best_mix(problem: CoalitionProblem) -> CoalitionMix:
    """The mix with the highest level, and of those nearly the one with the most energy."""
    slots = [slot for slot, power in enumerate(problem.asked_w) if power]
    members = problem.members
    if not slots or not members:
        return CoalitionMix({}, (0,) * len(problem.asked_w))
    asked = np.array([problem.asked_w[slot] for slot in slots], dtype=np.float64)
    table = _table([member.profiles for member in members], slots) / asked
    given = np.array([problem.given_w[slot] for slot in slots], dtype=np.float64) / asked
    mixable = np.array([member.mixable for member in members])
    found = _planned(table, asked, given)
    if not mixable.all():
        found = _held_to_whole(table, asked, given, mixable, found)
    shares = np.floor(found.parts * WHOLE + 0.5).astype(np.int64)
    shares -= np.maximum(0, shares.sum(axis=1) - WHOLE)[:, None] * (shares == shares.max(axis=1)[:, None])
    parts = {
        member.name: tuple(row[: len(member.profiles)])
        for member, row in zip(members, np.maximum(shares, 0).tolist(), strict=True)
        if any(row)
    }
    return CoalitionMix(parts, _as_weights(found.worth / asked, slots, len(problem.asked_w)))


def _as_weights(worth: Floats, slots: Sequence[int], of: int) -> tuple[int, ...]:
    weights, most = [0] * of, float(worth.max())
    for slot, each in zip(slots, worth.tolist(), strict=True):
        weights[slot] = round(max(0.0, each) * MAX_WEIGHT / most) if most > 0 else 0
    return tuple(weights)


def _table(profiles: Sequence[Sequence[Sequence[int]]], slots: Sequence[int]) -> Floats:
    """Members x profiles x slots; who has fewer profiles has empty ones."""
    most = max(map(len, profiles))
    nothing = [0] * (max(slots) + 1)
    flat = [row for own in profiles for row in (*own, *([nothing] * (most - len(own))))]
    if len({len(row) for row in flat}) > 1:
        flat = [row[: len(nothing)] for row in flat]
    rows = np.array(flat, dtype=np.float64)
    return np.ascontiguousarray(rows.reshape(len(profiles), most, -1)[:, :, slots])


# -- the linear program


def _planned(table: Floats, asked: Floats, base: Floats) -> _Found:
    """The best mix beside what is given already (`base`, in shares of what is asked)."""
    members = len(table)
    alike = np.lexsort((-table.sum(axis=(1, 2)), (table.max(axis=1) > 0).sum(axis=1)))
    group_of = np.empty(members, dtype=np.int64)
    count = min(members, GROUPS)
    group_of[alike] = np.arange(members) * count // max(1, members)
    master = _Master(table, asked, base, group_of, count)
    for _ in range(PASSES):
        master.solve()
        if not master.improve():
            break
    return _Found(master.parts(), master.level_worth)


class _Master:
    """The program of the groups, with the profiles that it knows so far."""

    def __init__(self, table: Floats, asked: Floats, base: Floats, group_of: Whole, groups: int) -> None:
        self.table, self.group_of, self.groups = table, group_of, groups
        self.slots = table.shape[2]
        self.flat = table.reshape(-1, self.slots)
        self.choices: list[Whole] = []
        """For each pass, which profile each member gives."""
        self.known: list[tuple[int, int]] = []
        """For each column its group, and in which pass it was chosen."""
        self.order = np.argsort(group_of, kind="stable")
        self.starts = np.searchsorted(group_of[self.order], np.arange(groups))
        self.highs = level_program(asked, base, groups)
        self.worth = self.level_worth = np.zeros(self.slots)
        """By slot, of a share more: to level and energy together, and to the level alone."""
        for profile in range(table.shape[1]):
            self._add(np.full(len(table), profile), range(groups))

    def _sums(self, chosen: Whole) -> Floats:
        """What each group gives where each member gives the profile chosen, in shares of what is asked."""
        given = self.table[np.arange(len(chosen)), chosen][self.order]
        sums: Floats = np.add.reduceat(given, self.starts, axis=0)
        return sums

    def _add(self, chosen: Whole, groups: Sequence[int]) -> None:
        sums, slots = self._sums(chosen), self.slots
        self.choices.append(chosen)
        rows = np.arange(2 * slots, dtype=np.int32)
        index = np.concatenate([np.append(rows, np.int32(2 * slots + group)) for group in groups])
        value = np.concatenate([np.concatenate((sums[group], sums[group], [1.0])) for group in groups])
        count, each = len(groups), 2 * slots + 1
        self.highs.addCols(
            count, np.zeros(count), np.zeros(count), np.full(count, np.inf), len(value),
            np.arange(count, dtype=np.int32) * each, index.astype(np.int32), value,
        )  # fmt: skip
        self.known += [(group, len(self.choices) - 1) for group in groups]

    def solve(self) -> None:
        """Find the best mix of what is known."""
        self.highs.run()
        duals = -np.array(self.highs.getSolution().row_dual)
        self.level_worth = np.maximum(0.0, duals[: self.slots])
        self.worth = self.level_worth + np.maximum(0.0, duals[self.slots : 2 * self.slots])
        self.prices = -duals[2 * self.slots :]

    def improve(self) -> bool:
        """Let each member choose its best at these worths; whether that would improve the mix by more than the gap."""
        if self.groups == len(self.table):
            return False
        values = (self.flat @ self.worth).reshape(self.table.shape[:2])
        chosen = values.argmax(axis=1)
        best = np.add.reduceat(values.max(axis=1)[self.order], self.starts)
        more = best - self.prices
        if np.maximum(0.0, more).sum() <= GAP * abs(self.highs.getObjectiveValue()):
            return False
        self._add(chosen, [group for group in range(self.groups) if more[group] > 1e-9])
        return True

    def parts(self) -> Floats:
        """What part of each of its profiles every member gives."""
        found, of_group = np.zeros(self.table.shape[:2]), self.group_of
        given = np.array(self.highs.getSolution().col_value)[1 + self.slots :]
        for number, chosen in enumerate(self.choices):
            part = np.zeros(self.groups)
            for (group, made), value in zip(self.known, given, strict=True):
                if made == number:
                    part[group] += value
            found[np.arange(len(chosen)), chosen] += part[of_group]
        clipped: Floats = np.clip(found, 0.0, 1.0)
        return clipped


# -- whole profiles


def _held_to_whole(
    table: Floats, asked: Floats, given: Floats, mixable: NDArray[np.bool_], found: _Found
) -> _Found:  # fmt: skip
    """Let those who give whole profiles only give one each, or nothing, and plan the others around them."""
    whole = np.flatnonzero(~mixable)
    few = len(whole) <= FEW_WHOLE and len(table) <= 4 * FEW_WHOLE
    chosen = _bylevel_program(table, asked, given, whole) if few else _in_proportion(table, found.parts, whole)
    parts = np.zeros_like(found.parts)
    for member, profile in chosen:
        parts[member, profile] = 1.0
    base = given + np.einsum("mps,mp->s", table[whole], parts[whole])
    others = np.flatnonzero(mixable)
    if len(others):
        around = _planned(table[others], asked, base)
        parts[others] = around.parts
    return _Found(parts, found.worth)


def _in_proportion(table: Floats, parts: Floats, whole: Whole) -> Iterator[tuple[int, int]]:
    """One profile a member, so that of members that are alike as many give each as the mix says."""
    owed = np.zeros(parts.shape[1])
    for member in whole[np.lexsort(parts[whole].T)].tolist():
        owed += parts[member]
        profile = int(owed.argmax())
        if owed[profile] >= 0.5:
            owed[profile] -= 1.0
            yield member, profile


def _bylevel_program(table: Floats, asked: Floats, base: Floats, whole: Whole) -> Iterator[tuple[int, int]]:
    """The same as a mixed-integer program over all members."""
    import highspy

    members, profiles, slots = table.shape
    highs = level_program(asked, base, members)
    highs.setOptionValue("mip_rel_gap", GAP)
    highs.setOptionValue("time_limit", MILP_S)
    rows = np.arange(2 * slots, dtype=np.int32)
    for member in range(members):
        for profile in range(profiles):
            value = np.concatenate((table[member, profile], table[member, profile], [1.0]))
            highs.addCol(0.0, 0.0, 1.0, len(value), np.append(rows, np.int32(2 * slots + member)), value)
    first = 1 + slots
    for member in whole.tolist():
        for profile in range(profiles):
            highs.changeColIntegrality(first + member * profiles + profile, highspy.HighsVarType.kInteger)
    highs.run()
    given = np.array(highs.getSolution().col_value)[first:].reshape(members, profiles)
    for member in whole.tolist():
        if given[member].max(initial=0.0) > 0.5:
            yield member, int(given[member].argmax())
