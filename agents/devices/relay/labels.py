"""The best choice of closed slots of a relay (`choice.py`), by dynamic programming over the slots.

Of one choice for the slots so far, besides the operations used and the slots that stand-by draw is paid for, only four
figures count for what follows, its label: the most that can have been moved, the most of it by cheap watts, the least
that has to be moved because the relay is open where the own schedule charges, and how many asked slots are closed.
All that follows grows with them monotonously, bounded by the room. So a label that is not better in any of them than
another one with the same draw and no more operations is dropped, and so is one that cannot reach the sum of a choice
that is known (bounded by all slots to come closed, and by the room at the end). Exact: nothing else is dropped.

Written over plain rows, so that `rows/compiled.py` can compile it.
"""

from typing import NamedTuple

from agents.devices.flexibility import Row
from agents.devices.relay.bounds import nothing_left, trim, trimmed, unbeaten
from agents.devices.relay.choice import Choice, ending, given, stretch, weighed

NOTHING, AGAIN = -1, -2
"""No choice gives or closes anything; the work space is too small."""
MOST_WORK = 100_000
"""Slots x slots x operations for which a choice with stand-by draw is looked for (about half a second in plain Python: 96
slots with 9 operations); beyond them the best one of the first or the last so many slots that are asked is taken."""


class Labels(NamedTuple):
    """Work space: rows of whole numbers. Those that tell of a slot are there twice, for the slot before it."""

    labels: Row
    """Four figures each (moved, cheap, firm, used), so many a state."""
    count: Row
    """Labels a state."""
    origin: Row
    """Where each label after each slot came from."""
    low: Row
    high: Row
    """Per number of operations, the least and the most slots with draw that there are labels for."""
    total_ahead: Row
    cheap_ahead: Row
    """Most moved from each slot on, one entry more than slots."""
    trial: Row
    """One entry a slot."""


def states(most: int, slots: int) -> int:
    """States after a slot at most: operations used, and where draw is paid as long as there is work for it (MOST_WORK), by
    slots that it is paid for."""
    rows = min(most, slots) + 1
    return max(rows, min(rows * (slots + 1), 2 * MOST_WORK // slots))


def work_space(slots: int, each: int, operations: int) -> Labels:
    """Room for so many labels a state, of so many operations."""
    size = states(operations, slots)
    spans = [[0] * (2 * slots + 2) for _ in range(4)]
    labels, origin = [0] * (8 * size * each), [0] * (slots * size * each)
    return Labels(labels, [0] * (2 * size), origin, spans[0], spans[1], spans[2], spans[3], [False] * slots)


def settle(choice: Choice, work: Labels, each: int, closed: Row) -> int:
    """Fill in which slots are closed. Returns NOTHING, AGAIN, 1 if nothing may be left to charge up, or else 0.

    `each`: labels a state that there is room for; AGAIN means that it takes more.
    """
    asked = 0
    for slot in range(choice.slots):
        asked += 1 if choice.wanted[slot] else 0
    if asked == 0:
        return NOTHING
    found, ends_full = stretch(choice, closed), 0
    if choice.draw_uwh == 0:
        return 0 if found else _best(choice, work, each, 0, 0, closed)
    if not found:  # as if stand-by cost nothing
        ends_full = _best(choice, work, each, 0, 0, closed)
        if ends_full < 0:
            return ends_full
    if given(choice, closed, ends_full == 1, choice.draw_uwh) == given(choice, closed, ends_full == 1, 0):
        return ends_full
    if found and nothing_left(choice):
        return 0
    first, first_kept = trimmed(choice, closed, work.trial, False)
    last, last_kept = trimmed(choice, closed, work.trial, True)
    known, from_end = max(first, last), last > first
    ends_full = 1 if trim(choice, closed, last_kept if from_end else first_kept, from_end) else 0
    if known > 0 and unbeaten(choice, closed, known, work.total_ahead):
        return ends_full
    if choice.slots * choice.slots * (min(choice.most, choice.slots) + 1) > MOST_WORK:
        return ends_full if known > 0 else NOTHING
    return _best(choice, work, each, choice.draw_uwh, max(known, 0), closed)


def _best(choice: Choice, work: Labels, each: int, draw_uwh: int, least_sum: int, closed: Row) -> int:
    """The best choice at this stand-by draw of a slot; it gives `least_sum` at least."""
    paid = choice.slots if draw_uwh > 0 else 0
    _begin(choice, work, paid)
    for slot in range(choice.slots):
        if not _step(choice, work, each, draw_uwh, paid, slot, least_sum):
            return AGAIN
    return _chosen(choice, work, each, draw_uwh, paid, closed)


def _begin(choice: Choice, work: Labels, paid: int) -> None:
    """The one label before the first slot, and what may come."""
    for figure in range(4):
        work.labels[figure] = 0
    work.count[0] = 1
    for row in range(min(choice.most, choice.slots) + 1):
        work.low[row], work.high[row] = paid + 1, -1
    work.low[0] = work.high[0] = 0
    work.total_ahead[choice.slots] = work.cheap_ahead[choice.slots] = 0
    for slot in range(choice.slots - 1, -1, -1):
        more = choice.total_uwh[slot] if choice.may_close[slot] else choice.cheap_uwh[slot]
        work.total_ahead[slot] = work.total_ahead[slot + 1] + more
        work.cheap_ahead[slot] = work.cheap_ahead[slot + 1] + choice.cheap_uwh[slot]


def _step(choice: Choice, work: Labels, each: int, draw_uwh: int, paid: int, slot: int, least_sum: int) -> bool:
    """The labels after a slot from those before it; False where they do not fit."""
    labels, count, low, high = work.labels, work.count, work.low, work.high
    rows, wide = min(choice.most, choice.slots) + 1, paid + 1
    old, new, size = (slot % 2) * rows, ((slot + 1) % 2) * rows, rows * wide
    worth, end_uwh, room_uwh = choice.worth, choice.room_uwh[choice.slots - 1], choice.room_uwh[slot]
    cheap_uwh, total_uwh = choice.cheap_uwh[slot], choice.total_uwh[slot]
    total_ahead, cheap_ahead = work.total_ahead[slot + 1], work.cheap_ahead[slot + 1]
    for row in range(rows):
        low[new + row], high[new + row] = wide, -1
        shut = choice.before != (row % 2 == 1)
        if not (choice.may_close[slot] if shut else choice.may_open[slot]):
            continue
        more = 1 if shut and paid > 0 and choice.draws[slot] else 0
        close = 1 if shut and choice.wanted[slot] else 0
        add, must = (total_uwh, 0) if shut else (cheap_uwh, cheap_uwh)
        first, last = low[old + row], high[old + row]
        if row > 0:
            first, last = min(first, low[old + row - 1]), max(last, high[old + row - 1])
        for n in range(first + more, last + more + 1):
            room, end = max(0, room_uwh - draw_uwh * n), max(0, end_uwh - draw_uwh * n)
            if weighed(worth, end, min(end, work.cheap_ahead[0])) < least_sum:
                break
            state = (new + row) * wide + n
            count[state] = 0
            origin = (slot * size + row * wide + n) * each
            fewer = state - 2 * wide if row > 1 and low[new + row - 2] <= n <= high[new + row - 2] else -1
            for flip in range(min(2, row + 1)):  # of equals the one that goes on as before is kept
                if not low[old + row - flip] <= n - more <= high[old + row - flip]:
                    continue
                source = (old + row - flip) * wide + n - more
                for label in range(source * each, source * each + count[source]):
                    moved, cheap = min(room, labels[4 * label] + add), min(room, labels[4 * label + 1] + cheap_uwh)
                    firm, used = labels[4 * label + 2] + must, labels[4 * label + 3] + close
                    most = weighed(worth, min(end, moved + total_ahead), min(end, cheap + cheap_ahead))
                    if firm > room + choice.slots or most < least_sum:
                        continue
                    if fewer >= 0 and _beaten(labels, count[fewer], fewer * each, moved, cheap, firm, used):
                        continue
                    at = _place(labels, count, work.origin, state, each, origin, moved, cheap, firm, used)
                    if at == each:
                        return False
                    if at >= 0:
                        work.origin[origin + at] = label - old * wide * each
            if count[state] > 0:
                low[new + row], high[new + row] = min(n, low[new + row]), n
    return True


def _beaten(labels: Row, count: int, first: int, moved: int, cheap: int, firm: int, used: int) -> bool:
    """Whether one of some labels is at least as good in all."""
    for label in range(first, first + count):
        at = 4 * label
        if labels[at] >= moved and labels[at + 1] >= cheap and labels[at + 2] <= firm and labels[at + 3] >= used:
            return True
    return False


def _place(
    labels: Row, counts: Row, origins: Row, state: int, each: int, origin: int,
    moved: int, cheap: int, firm: int, used: int,
) -> int:  # fmt: skip
    """Add a label to its state, in place of those that it beats, and say at which place: -1 where it is beaten itself,
    `each` where there is no room for it."""
    count, first = counts[state], state * each
    if _beaten(labels, count, first, moved, cheap, firm, used):
        return -1
    place = 0
    while place < count:
        at = 4 * (first + place)
        if labels[at] <= moved and labels[at + 1] <= cheap and labels[at + 2] >= firm and labels[at + 3] <= used:
            count -= 1
            for figure in range(4):
                labels[at + figure] = labels[4 * (first + count) + figure]
            origins[origin + place] = origins[origin + count]
        else:
            place += 1
    if place < each:
        at = 4 * (first + place)
        labels[at], labels[at + 1], labels[at + 2], labels[at + 3] = moved, cheap, firm, used
        counts[state] = place + 1
    return place


def _chosen(choice: Choice, work: Labels, each: int, draw_uwh: int, paid: int, closed: Row) -> int:
    """The best of the labels after the last slot, followed back."""
    labels, rows, wide = work.labels, min(choice.most, choice.slots) + 1, paid + 1
    last, best, best_sum, best_used, full = (choice.slots % 2) * rows, -1, 0, 0, 0
    for row in range(rows):
        shut = choice.before != (row % 2 == 1)
        ends_full = row + ending(shut, choice.recovery) > choice.most
        if ends_full and row + ending(shut, False) > choice.most:
            continue
        for n in range(work.low[last + row], work.high[last + row] + 1):
            room, state = max(0, choice.room_uwh[choice.slots] - draw_uwh * n), (last + row) * wide + n
            for label in range(state * each, state * each + work.count[state]):
                moved, cheap, used = labels[4 * label], labels[4 * label + 1], labels[4 * label + 3]
                if ends_full and labels[4 * label + 2] > room + choice.slots:
                    continue
                if ends_full:
                    moved, cheap = min(room, moved), min(room, cheap)
                total = weighed(choice.worth, moved, cheap)
                if total > best_sum or (total == best_sum and used > best_used):  # fewer operations came before
                    best, best_sum, best_used, full = label - last * wide * each, total, used, 1 if ends_full else 0
    if best < 0:
        return NOTHING
    for slot in range(choice.slots - 1, -1, -1):
        closed[slot] = choice.before != (best // each // wide % 2 == 1)
        best = work.origin[slot * rows * wide * each + best]
    return full
