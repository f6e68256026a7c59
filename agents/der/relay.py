"""Which slots have a closed system main relay, within the operations left.

Every opening or closing between the event's start and the departure is an operation, as the relay has to be open at
the end: one closed stretch costs two, or one where the relay is closed already. Charging again after the event needs
a closed relay: no operation more where the last slot is closed, two where it is open.

The choice is exact, by dynamic programming over the slots. Of one choice for the slots so far only four figures count
for what follows: the most Wh that can have been moved (`moved`), the most of it by cheap watts (`cheap`), the least
that has to be moved because the relay is open where the own schedule charges (`firm`), and how many asked slots are
closed (`used`). All four grow monotonously from slot to slot, bounded by the room; so a choice that is not better in
any of them than another one in the same state (relay, operations, slots that stand-by draw is paid for) is dropped.
Energies are whole uWh: sums are equal when they are equal, and the same on every machine.

Best is the greatest sum of changes of load, then the most closed slots of those asked (a fleet of like vehicles does
not leave slots empty), then the fewest operations amid the event, the earliest closed.

Written over plain rows, so that `agents/fleet` can compile it: no sequences of sequences, no exceptions.
"""

import math
from typing import Any, NamedTuple, TypeAlias

UWH = 1_000_000
MOST_OPERATIONS = 20
"""More than these, and more than the own schedule needs, are not looked for."""
NOTHING, AGAIN = -1, -2
"""No choice gives or closes anything; the work space is too small."""

Row: TypeAlias = Any
"""A list, or an array of one dimension: one entry a slot."""


class Choice(NamedTuple):
    """What is to be chosen for one vehicle."""

    slots: int
    cheap_uwh: Row
    """Most moved by cheap watts, closed or open; an open slot moves just this."""
    total_uwh: Row
    """Most moved where it is closed."""
    room_uwh: Row
    """Most moved up to the end of the slot, if no slot is closed that draws."""
    draws: Row
    """Whether stand-by draw is paid for if it is closed."""
    may_open: Row
    may_close: Row
    wanted: Row
    draw_uwh: int
    """Stand-by draw of a slot."""
    full_uwh: int
    """Most moved in all if nothing may be left to charge up after the event."""
    worth: int
    """Charge efficiency x discharge efficiency, both in percent: what a dear Wh gives, a cheap one 10,000."""
    before: bool
    """Whether it is closed before the event."""
    recovery: bool
    """Whether it has to be counted as closed after the event, for charging."""
    most: int
    """Operations."""


class Work(NamedTuple):
    """Room for the labels of two slots, and for where those of all slots came from."""

    moved: Row
    cheap: Row
    firm: Row
    used: Row
    count: Row
    origin: Row


def uwh(energy_wh: float) -> int:
    """Wh as whole uWh."""
    return math.floor(energy_wh * UWH + 0.5)


def operations(slots: int, before: bool, closed: Row, recovery: bool) -> int:
    """Operations from the event's start until the departure; `recovery`: it is charged up after the event."""
    count, state = 0, before
    for slot in range(slots):
        if closed[slot] != state:
            count += 1
        state = closed[slot]
    return count + _ending(state, recovery)


def _ending(closed: bool, recovery: bool) -> int:
    """Operations after the event."""
    return (1 if closed != recovery else 0) + (1 if recovery else 0)


def labels(choice: Choice, paid: int, each: int) -> int:
    """Labels of one slot, `each` a state; `paid`: slots that stand-by draw may be counted for."""
    return 2 * (min(choice.most, choice.slots) + 1) * (paid + 1) * each


def most_labels(choice: Choice, each: int) -> int:
    """As many as `settle` needs room for, each of them twice, and once a slot for where it came from."""
    return labels(choice, choice.slots if choice.draw_uwh else 0, each)


def settle(choice: Choice, work: Work, each: int, closed: Row) -> int:
    """Fill in which slots are closed. Returns NOTHING, AGAIN, 1 if nothing may be left to charge up, or else 0.

    `each`: labels a state that there is room for; AGAIN means that it takes more. First as if stand-by cost nothing:
    where that choice gives as much at its true cost, there is none better.
    """
    found, sum_free = _best(choice, work, each, 0, 0, closed)
    if choice.draw_uwh == 0 or found < 0 or _given(choice, closed, found) == sum_free:
        return found
    found, _ = _best(choice, work, each, choice.draw_uwh, choice.slots, closed)
    return found


def _given(choice: Choice, closed: Row, ends_full: int) -> int:
    """What one choice gives, weighted by `worth`; -1 where it cannot be kept."""
    moved, cheap, firm, paid = 0, 0, 0, 0
    for slot in range(choice.slots):
        shut = closed[slot]
        if shut and choice.draws[slot]:
            paid += 1
        room = max(0, choice.room_uwh[slot] - choice.draw_uwh * paid)
        moved = min(room, moved + (choice.total_uwh[slot] if shut else choice.cheap_uwh[slot]))
        cheap = min(room, cheap + choice.cheap_uwh[slot])
        firm += 0 if shut else choice.cheap_uwh[slot]
        if firm > room + choice.slots:
            return -1
    if ends_full:
        room = max(0, choice.full_uwh - choice.draw_uwh * paid)
        moved, cheap = min(room, moved), min(room, cheap)
        if firm > room + choice.slots:
            return -1
    return 10_000 * cheap + choice.worth * (moved - cheap)


def _best(choice: Choice, work: Work, each: int, draw_uwh: int, paid: int, closed: Row) -> tuple[int, int]:
    """The best choice at this stand-by draw of a slot, and what it gives; `paid`: most slots that it is counted for."""
    states = labels(choice, paid, 1)
    half = states // 2
    for state in range(states):
        work.count[state] = 0
    start = half if choice.before else 0
    work.moved[start * each] = work.cheap[start * each] = work.firm[start * each] = work.used[start * each] = 0
    work.count[start] = 1
    for slot in range(choice.slots):
        if not _step(choice, work, each, draw_uwh, paid, slot):
            return AGAIN, 0
    return _chosen(choice, work, each, draw_uwh, paid, closed)


def _step(choice: Choice, work: Work, each: int, draw_uwh: int, paid: int, slot: int) -> bool:
    """The labels after a slot from those before it; False where they do not fit."""
    states = labels(choice, paid, 1)
    size, half = states * each, states // 2
    old, new = (slot % 2) * states, ((slot + 1) % 2) * states
    for state in range(states):
        work.count[new + state] = 0
    for shut in range(2):
        if not (choice.may_close[slot] if shut else choice.may_open[slot]):
            continue
        more = 1 if shut and paid and choice.draws[slot] else 0
        for state in range(half):
            n = state % (paid + 1)
            if n < more or n > slot + 1:
                continue
            room = max(0, choice.room_uwh[slot] - draw_uwh * n)
            for flip in range(2):  # going on as before comes first: of equals the one that changed earlier is kept
                source = state - more - flip * (paid + 1)
                if source < 0:
                    continue
                source += half if shut != flip else 0
                for label in range(work.count[old + source]):
                    at = old * each + source * each + label
                    moved = work.moved[at] + (choice.total_uwh[slot] if shut else choice.cheap_uwh[slot])
                    cheap = min(room, work.cheap[at] + choice.cheap_uwh[slot])
                    firm = work.firm[at] + (0 if shut else choice.cheap_uwh[slot])
                    used = work.used[at] + (1 if shut and choice.wanted[slot] else 0)
                    if firm > room + choice.slots:
                        continue
                    target = new + (half if shut else 0) + state
                    origin = slot * size + (target - new) * each
                    if not _keep(
                        work, target, each, min(room, moved), cheap, firm, used, origin, source * each + label
                    ):
                        return False
    return True


def _keep(
    work: Work, target: int, each: int, moved: int, cheap: int, firm: int, used: int, origin: int, source: int
) -> bool:
    """Add a label to its state, unless another is at least as good in all; False where there is no room for it."""
    count, first = work.count[target], target * each
    label = 0
    while label < count:
        at = first + label
        if work.moved[at] >= moved and work.cheap[at] >= cheap and work.firm[at] <= firm and work.used[at] >= used:
            return True
        if work.moved[at] <= moved and work.cheap[at] <= cheap and work.firm[at] >= firm and work.used[at] <= used:
            count -= 1
            for rest in range(label, count):
                _copy(work, first + rest + 1, first + rest)
                work.origin[origin + rest] = work.origin[origin + rest + 1]
            continue
        label += 1
    work.count[target] = count
    if count == each:
        return False
    at = first + count
    work.moved[at], work.cheap[at], work.firm[at], work.used[at] = moved, cheap, firm, used
    work.origin[origin + count] = source
    work.count[target] = count + 1
    return True


def _copy(work: Work, source: int, target: int) -> None:
    work.moved[target], work.cheap[target] = work.moved[source], work.cheap[source]
    work.firm[target], work.used[target] = work.firm[source], work.used[source]


def _chosen(choice: Choice, work: Work, each: int, draw_uwh: int, paid: int, closed: Row) -> tuple[int, int]:
    """The best of the labels after the last slot, followed back."""
    states = labels(choice, paid, 1)
    size, half, last = states * each, states // 2, (choice.slots % 2) * states
    best, best_sum, best_used, best_flips, full = -1, 0, 0, 0, 0
    for state in range(states):
        n, flips, shut = state % (paid + 1), state % half // (paid + 1), state >= half
        count = flips + _ending(shut, choice.recovery)
        ends_full = 1 if count > choice.most else 0
        if ends_full:
            count = flips + _ending(shut, False)
        if count > choice.most:
            continue
        room = max(0, choice.full_uwh - draw_uwh * n)
        for label in range(work.count[last + state]):
            at = (last + state) * each + label
            moved, cheap, used = work.moved[at], work.cheap[at], work.used[at]
            if ends_full:
                if work.firm[at] > room + choice.slots:
                    continue
                moved, cheap = min(room, moved), min(room, cheap)
            total = 10_000 * cheap + choice.worth * (moved - cheap)
            better = total > best_sum or (total == best_sum and used > best_used)
            fewer = total == best_sum and used == best_used and flips < best_flips
            if better or (best >= 0 and fewer):
                best, best_sum, best_used, best_flips, full = state * each + label, total, used, flips, ends_full
    if best < 0:
        return NOTHING, 0
    for slot in range(choice.slots - 1, -1, -1):
        closed[slot] = best // each >= half
        best = work.origin[slot * size + best]
    return full, best_sum
