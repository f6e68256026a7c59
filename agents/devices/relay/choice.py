"""Which slots have a closed system main relay, within the operations left.

Every opening or closing between the event's start and the departure is an operation, as the relay has to be open at
the end: one closed stretch costs two, or one where the relay is closed already. Charging again after the event needs
a closed relay: no operation more where the last slot is closed, two where it is open.

Best is the greatest sum of changes of load, then the most closed slots of those asked (a fleet of like vehicles does
not leave slots empty). Where one closed stretch over all that is asked is within the operations and its stand-by draw
takes nothing from the sum, there is none better; nor where its first so many slots reach a bound of all
(`bounds.py`). The others are found by dynamic programming (`labels.py`): of equals that with the fewest
operations amid the event.

Energies are whole uWh: sums are equal where they are equal, and the same on every machine. Written over plain rows, so
that `rows/compiled.py` can compile it.
"""

import math
from typing import NamedTuple

from agents.devices.flexibility import Row

UWH = 1_000_000
MOST_OPERATIONS = 20
"""More than these, and more than the own schedule needs, are not looked for."""


class Choice(NamedTuple):
    """What is to be chosen for one vehicle."""

    slots: int
    cheap_uwh: Row
    """Most moved by cheap watts, closed or open; an open slot moves just this."""
    total_uwh: Row
    """Most moved where it is closed."""
    room_uwh: Row
    """Most moved up to the end of the slot, if no slot is closed that draws. One entry more: most moved in all if nothing
    may be left to charge up after the event."""
    draws: Row
    """Whether stand-by draw is paid for if it is closed."""
    may_open: Row
    may_close: Row
    wanted: Row
    draw_uwh: int
    """Stand-by draw of a slot."""
    worth: int
    """Charge efficiency x discharge efficiency, both in percent: what a dear Wh gives, where a cheap one gives 10,000."""
    before: bool
    """Whether it is closed before the event."""
    recovery: bool
    """Whether it has to be counted as closed after the event, for charging."""
    most: int
    """Operations."""


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
    return count + ending(state, recovery)


def ending(closed: bool, recovery: bool) -> int:
    """Operations after the event."""
    return (1 if closed != recovery else 0) + (1 if recovery else 0)


def weighed(worth: int, moved: int, cheap: int) -> int:
    """The sum of changes, as it is compared: so many uWh moved, some of them by cheap watts."""
    return 10_000 * cheap + worth * (moved - cheap)


def given(choice: Choice, closed: Row, ends_full: bool, draw_uwh: int) -> int:
    """What one choice of closed slots gives (`weighed`); -1 where it cannot be kept."""
    moved, cheap, firm, paid = 0, 0, 0, 0
    for slot in range(choice.slots):
        shut = closed[slot]
        if shut and choice.draws[slot]:
            paid += 1
        room = max(0, choice.room_uwh[slot] - draw_uwh * paid)
        moved = min(room, moved + (choice.total_uwh[slot] if shut else choice.cheap_uwh[slot]))
        cheap = min(room, cheap + choice.cheap_uwh[slot])
        firm += 0 if shut else choice.cheap_uwh[slot]
        if firm > room + choice.slots:
            return -1
    if ends_full:
        room = max(0, choice.room_uwh[choice.slots] - draw_uwh * paid)
        moved, cheap = min(room, moved), min(room, cheap)
        if firm > room + choice.slots:
            return -1
    return weighed(choice.worth, moved, cheap)


def stretch(choice: Choice, closed: Row) -> bool:
    """Fill in one closed stretch over all slots that are asked or needed; False where that takes too many operations,
    or it is not plugged in throughout."""
    first, last = choice.slots, -1
    for slot in range(choice.slots):
        if choice.wanted[slot] or not choice.may_open[slot]:
            first, last = min(first, slot), slot
    for option in range(4):
        begin = 0 if option % 2 and choice.before else first
        end = choice.slots if option >= 2 else last + 1
        able = True
        for slot in range(choice.slots):
            closed[slot] = begin <= slot < end
            able = able and (choice.may_close[slot] or not closed[slot])
        if able and operations(choice.slots, choice.before, closed, choice.recovery) <= choice.most:
            return True
    return False
