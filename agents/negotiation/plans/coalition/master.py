"""The best mix of what many members can give, as a linear program (HiGHS): first the level, the least share of what is asked
over all slots, then the energy.

Members are put together in groups, as the program would be as large as they are many: it knows some profiles of a group,
each the sum of what its members choose when a watt is worth so much in each slot, and is told better ones until no choice
of anybody would improve it by more than a thousandth (column generation, Dantzig and Wolfe 1960). A fleet of up to `GROUPS`
members is solved exactly at once. Who gives whole profiles only is then held to one: by a mixed-integer program where they
are few, else in the proportions of their group, and the others are planned around them. What owners would have to loosen
something for costs a little: so as few of them as it takes are disturbed, and not for more than is asked.

The floats differ by machine: nobody decides by them without having checked what came of it in whole watts.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.negotiation.plans.coalition.profiles import WHOLE, CoalitionProblem, MemberProfiles
from agents.negotiation.plans.coalition.program import MOST_LEVEL, Floats, MixAsk, level_program
from agents.negotiation.plans.coalition.whole import whole_profiles
from protocol.messages import MAX_WEIGHT

Whole = NDArray[np.int64]
GROUPS = 96
PASSES = 60
GAP = 1e-3
FINE_GAP = 2e-4
"""Where it is to be known who is disturbed."""
TRIES = 40
"""So many owners are tried to be left out, one after the other."""
SPARED = 0.02
"""What disturbing everybody costs, of all the energy that is asked: next to nothing where it can be met ..."""
SPARED_SHORT = 0.05
"""... and where it cannot, nobody is for less energy than a twentieth of an even part."""


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
    """The mix with the highest level, and of those nearly the one with the most energy; where owners loosen something for
    it, one that meets no more than what is asked, and disturbs few."""
    slots = [slot for slot, power in enumerate(problem.asked_w) if power]
    members = problem.members
    if not slots or not members:
        return CoalitionMix({}, (0,) * len(problem.asked_w))
    asked = np.array([problem.asked_w[slot] for slot in slots], dtype=np.float64)
    table = _table([member.profiles for member in members], slots) / asked
    given = np.array([problem.given_w[slot] for slot in slots], dtype=np.float64) / asked
    mixable = np.array([member.mixable for member in members])
    found = _found(problem, table, asked, given, mixable)
    shares = _in_millionths(found.parts)
    parts = {
        member.name: tuple(row[: len(member.profiles)])
        for member, row in zip(members, shares.tolist(), strict=True)
        if any(row)
    }
    return CoalitionMix(parts, _as_weights(found.worth / asked, slots, len(problem.asked_w)))


def _in_millionths(parts: Floats) -> Whole:
    shares = np.floor(parts * WHOLE + 0.5).astype(np.int64)
    shares -= np.maximum(0, shares.sum(axis=1) - WHOLE)[:, None] * (shares == shares.max(axis=1)[:, None])
    return np.maximum(shares, 0)


def _found(
    problem: CoalitionProblem, table: Floats, asked: Floats, given: Floats, mixable: NDArray[np.bool_]
) -> _Found:  # fmt: skip
    loosened = _loosened(problem.members, table.shape[1])
    if not loosened.any():
        return _mixed(table, MixAsk(asked, given, np.zeros(table.shape[:2]), MOST_LEVEL, GAP), mixable)
    enough = 1.0 + len(table) / float(asked.min())  # what each gives is rounded down to whole watts
    lately = np.array([1.0 + member.lately / 1_000 for member in problem.members])
    costs = loosened * lately[:, None] / len(table)
    ask = MixAsk(asked, given, costs * SPARED, enough, FINE_GAP)
    if _level(table, _mixed(table, ask, mixable, quickly=True).parts, given) < 1.0:
        ask = ask._replace(costs=costs * SPARED_SHORT)
    found = _mixed(table, ask, mixable)
    spare = _spared if len(table) <= GROUPS else _spared_of_many
    return spare(table, ask, mixable, loosened, found)


def _without(table: Floats, loosened: NDArray[np.bool_], spared: NDArray[np.bool_]) -> Floats:
    """The table without what owners who are spared would loosen."""
    less: Floats = np.where((loosened & spared[:, None])[:, :, None], 0.0, table)
    return less


def _spared(
    table: Floats, ask: MixAsk, mixable: NDArray[np.bool_], loosened: NDArray[np.bool_], found: _Found
) -> _Found:  # fmt: skip
    """The same with fewer owners disturbed: one after the other is left out, those who give the least of it first, where the
    level is as high without, and no more energy is missing than disturbing that owner costs."""
    part, costs = (found.parts * loosened).sum(axis=1), ask.costs.max(axis=1)
    spared = part == 0
    for member in np.lexsort((-costs, part)).tolist()[int(spared.sum()) :][:TRIES]:
        if spared[member]:
            continue
        spared[member] = True
        other = _mixed(_without(table, loosened, spared), ask, mixable, quickly=True)
        level, energy = _met(table, found.parts, ask)
        other_level, other_energy = _met(table, _in_millionths(other.parts) / WHOLE, ask)
        if other_level < level - 1e-9 or other_energy < energy - costs[member]:
            spared[member] = False
        else:
            found = other
    return found


def _met(table: Floats, parts: Floats, ask: MixAsk) -> tuple[float, float]:
    """The level, and the energy as a share of all that is asked; neither above 1."""
    shares = np.minimum(1.0, ask.base + np.einsum("mps,mp->s", table, parts))
    return float(shares.min()), float(shares @ ask.asked / ask.asked.sum())


def _spared_of_many(
    table: Floats, ask: MixAsk, mixable: NDArray[np.bool_], loosened: NDArray[np.bool_], found: _Found
) -> _Found:  # fmt: skip
    """Of a crowd, of whom a group's mix takes a part each, as many in whole as come to as much."""
    part, (level, energy) = (found.parts * loosened).sum(axis=1), _met(table, found.parts, ask)
    gains = ((table * loosened[:, :, None]).max(axis=(1, 2)) - (table * ~loosened[:, :, None]).max(axis=(1, 2))) * part
    order, count, few = np.lexsort((-gains, -part)), part.sum(), found
    for more in (1.02, 1.1, 1.3):
        chosen = np.zeros(len(table), dtype=bool)
        chosen[order[: int(count * more) + 1]] = True
        few = _mixed(_without(table, loosened, ~chosen), ask, mixable)
        few_level, few_energy = _met(table, few.parts, ask)
        if few_level >= level * (1 - GAP) and few_energy >= energy - SPARED_SHORT / 10:
            break
    return few


def _loosened(members: Sequence[MemberProfiles], profiles: int) -> NDArray[np.bool_]:
    """Members x profiles: for which ones an owner loosens something."""
    first = np.array([len(member.profiles) - member.loosened for member in members])
    end = np.array([len(member.profiles) for member in members])
    at = np.arange(profiles)
    return (at >= first[:, None]) & (at < end[:, None])


def _level(table: Floats, parts: Floats, given: Floats) -> float:
    return float((given + np.einsum("mps,mp->s", table, parts)).min())


def _mixed(table: Floats, ask: MixAsk, mixable: NDArray[np.bool_], *, quickly: bool = False) -> _Found:
    """`quickly`: one of many that are tried, near the best one where some give whole profiles only."""
    found = _planned(table, ask)
    return found if mixable.all() else _held_to_whole(table, ask, mixable, found, quickly=quickly)


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
    width = len(flat[0])
    rows = np.fromiter(chain.from_iterable(flat), dtype=np.float64, count=len(flat) * width)
    return np.ascontiguousarray(rows.reshape(len(profiles), most, -1)[:, :, slots])


# -- the linear program


def _planned(table: Floats, ask: MixAsk) -> _Found:
    """The best mix beside what is given already."""
    members = len(table)
    alike = np.lexsort((-table.sum(axis=(1, 2)), (table.max(axis=1) > 0).sum(axis=1)))
    group_of = np.empty(members, dtype=np.int64)
    count = min(members, GROUPS)
    group_of[alike] = np.arange(members) * count // max(1, members)
    master = _Master(table, ask, group_of, count)
    for _ in range(PASSES):
        master.solve()
        if not master.improve():
            break
    return _Found(master.parts(), master.level_worth)


class _Master:
    """The program of the groups, with the profiles that it knows so far."""

    def __init__(self, table: Floats, ask: MixAsk, group_of: Whole, groups: int) -> None:
        self.table, self.group_of, self.groups = table, group_of, groups
        self.costs, self.gap = ask.costs, ask.gap
        self.slots = table.shape[2]
        self.flat = table.reshape(-1, self.slots)
        self.choices: list[Whole] = []
        """For each pass, which profile each member gives."""
        self.known: list[tuple[int, int]] = []
        """For each column its group, and in which pass it was chosen."""
        self.order = np.argsort(group_of, kind="stable")
        self.starts = np.searchsorted(group_of[self.order], np.arange(groups))
        self.highs = level_program(ask.asked, ask.base, groups, ask.most_level)
        self.worth = self.level_worth = np.zeros(self.slots)
        """By slot, of a share more: to level and energy together, and to the level alone."""
        for profile in range(table.shape[1]):
            self._add(np.full(len(table), profile), range(groups))

    def _sums(self, of: Floats, chosen: Whole) -> Floats:
        """A group's sum of what stands with the profile that each member gives."""
        sums: Floats = np.add.reduceat(of[np.arange(len(chosen)), chosen][self.order], self.starts, axis=0)
        return sums

    def _add(self, chosen: Whole, groups: Sequence[int]) -> None:
        sums, slots = self._sums(self.table, chosen), self.slots
        self.choices.append(chosen)
        rows = np.arange(2 * slots, dtype=np.int32)
        index = np.concatenate([np.append(rows, np.int32(2 * slots + group)) for group in groups])
        value = np.concatenate([np.concatenate((sums[group], sums[group], [1.0])) for group in groups])
        count, each = len(groups), 2 * slots + 1
        self.highs.addCols(
            count, -self._sums(self.costs, chosen)[groups], np.zeros(count), np.full(count, np.inf), len(value),
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
        values = (self.flat @ self.worth).reshape(self.table.shape[:2]) - self.costs
        chosen = values.argmax(axis=1)
        best = np.add.reduceat(values.max(axis=1)[self.order], self.starts)
        more = best - self.prices
        if np.maximum(0.0, more).sum() <= self.gap * abs(self.highs.getObjectiveValue()):
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
    table: Floats, ask: MixAsk, mixable: NDArray[np.bool_], found: _Found, *, quickly: bool
) -> _Found:  # fmt: skip
    """Let those who give whole profiles only give one each, or nothing, and plan the others around them."""
    whole = np.flatnonzero(~mixable)
    parts = np.zeros_like(found.parts)
    for member, profile in whole_profiles(table, ask, whole, found.parts, quickly=quickly):
        parts[member, profile] = 1.0
    base = ask.base + np.einsum("mps,mp->s", table[whole], parts[whole])
    others = np.flatnonzero(mixable)
    if len(others):
        around = _planned(table[others], ask._replace(base=base, costs=ask.costs[others]))
        parts[others] = around.parts
    return _Found(parts, found.worth)
