"""Where the best choice of closed slots of a relay (`choice.py`) can be told, or bounded, without trying others.

With stand-by draw, most often the first so many of a closed stretch's slots are as good as any: they use up the energy
in as few slots as possible. Whether any other choice could be better is bounded by the greatest gains that as many
slots have, and by the energy that is left when their draw is paid. Over plain rows, for `rows/compiled.py` to compile.
"""

from agents.devices.flexibility import Row
from agents.devices.relay.choice import Choice, given, operations, weighed


def paid_anyway(choice: Choice, left_uwh: int) -> int:
    """Slots that draw and have to be closed, also because what they have to move while open is more than is left."""
    paid = 0
    for slot in range(choice.slots):
        if choice.draws[slot] and (not choice.may_open[slot] or choice.cheap_uwh[slot] > left_uwh + choice.slots):
            paid += 1
    return paid


def nothing_left(choice: Choice) -> bool:
    """Whether nothing can be given once the draw of the slots that have to be closed is paid."""
    left_uwh = choice.room_uwh[choice.slots - 1]
    paid, more = -1, paid_anyway(choice, left_uwh)
    while more > paid:
        paid = more
        more = paid_anyway(choice, left_uwh - choice.draw_uwh * paid)
    return bool(left_uwh <= choice.draw_uwh * paid)


def trimmed(choice: Choice, closed: Row, trial: Row, from_end: bool) -> tuple[int, int]:
    """What this choice gives, and with how many of its slots closed, from the first on or from the last: as many as use
    up the energy that is left when their draw is paid, or one less."""
    best, best_kept, kept, needed, moved, paid = 0, 0, 0, 0, 0, 0
    for slot in range(choice.slots):
        trial[slot] = False
        needed += 1 if closed[slot] and not choice.may_open[slot] else 0
        moved += choice.cheap_uwh[slot]
    for place in range(choice.slots):
        slot = choice.slots - 1 - place if from_end else place
        if not closed[slot]:
            continue
        able = needed == 0
        kept += 1
        needed -= 0 if choice.may_open[slot] else 1
        moved += choice.total_uwh[slot] - choice.cheap_uwh[slot]
        paid += 1 if choice.draws[slot] else 0
        used_up = moved >= choice.room_uwh[choice.slots - 1] - choice.draw_uwh * paid
        if used_up and able:
            found = _kept(choice, trial)
            if found > best:
                best, best_kept = found, kept - 1
        trial[slot] = True
        if used_up and needed == 0:
            break
    found = _kept(choice, trial)
    return (found, kept) if found >= best else (best, best_kept)


def _kept(choice: Choice, closed: Row) -> int:
    """What a choice gives; -1 where it cannot be kept."""
    ends_full = operations(choice.slots, choice.before, closed, choice.recovery) > choice.most
    if ends_full and operations(choice.slots, choice.before, closed, False) > choice.most:
        return -1
    return given(choice, closed, ends_full, choice.draw_uwh)


def trim(choice: Choice, closed: Row, kept: int, from_end: bool) -> bool:
    """Keep only so many slots closed; whether nothing may be left to charge up then."""
    for place in range(choice.slots):
        slot = choice.slots - 1 - place if from_end else place
        if closed[slot]:
            closed[slot] = kept > 0
            kept -= 1
    return operations(choice.slots, choice.before, closed, choice.recovery) > choice.most


def unbeaten(choice: Choice, closed: Row, total: int, gains: Row) -> bool:
    """Whether surely no choice gives more than this total, nor as much with more asked slots closed than `closed`,
    which gives it. `gains`: work space."""
    cheap, moved, count, ours, paid = 0, 0, 0, 0, 0
    for slot in range(choice.slots):
        gain = choice.total_uwh[slot] - choice.cheap_uwh[slot]
        cheap += choice.cheap_uwh[slot]
        if not choice.may_open[slot]:
            moved += gain
            paid += 1 if choice.draws[slot] else 0
            continue
        if closed[slot]:
            if not choice.wanted[slot]:
                return False
            ours += 1
        if choice.wanted[slot]:
            if not choice.draws[slot]:
                return False
            place = count
            while place > 0 and gains[place - 1] < gain:
                gains[place] = gains[place - 1]
                place -= 1
            gains[place] = gain
            count += 1
    for n in range(count + 1):
        if n > 0:
            moved += gains[n - 1]
        end_uwh = max(0, choice.room_uwh[choice.slots - 1] - choice.draw_uwh * (paid + n))
        most = weighed(choice.worth, min(end_uwh, cheap + moved), min(end_uwh, cheap))
        if most > total or (most == total and n > ours):
            return False
    return True
