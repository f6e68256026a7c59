"""What a room does in an event, and the most even change of load that keeps it within its limits."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise

from agents.devices.climate.room import Room
from agents.devices.contract import Ask, hours
from agents.devices.course import power_at, standing
from protocol.units import Direction

MARGIN_K = 0.02
"""Kept from a limit: whole watts and whole Wh."""
LEVELS = 30


class RoomCourse:
    """What the room does in an event, for any change of load."""

    def __init__(self, room: Room, ask: Ask, looser_k: float) -> None:
        self.room, self.ask = room, ask
        low, high = room.limits_k
        self.low_k, self.high_k = low - looser_k + MARGIN_K, high + looser_k - MARGIN_K
        start, end = ask.period.start, ask.period.slot_start(ask.slots)
        last = max([end, *(s.end for s in ask.reserved)])
        cuts = {at for s in ask.reserved for at in (s.start, s.end) if room.spec.state_at < at < last}
        slots = [ask.period.slot_start(slot) for slot in range(ask.slots + 1)]
        begin = min(start, max(room.spec.state_at, start - timedelta(days=2)))
        self.cuts = list(pairwise(sorted({begin, last, *slots, *(at for at in cuts if at > begin)})))
        self.slot_of = [self._slot(piece) for piece in range(len(self.cuts))]
        held = [standing(ask.reserved, at) for at, _ in self.cuts]
        self.is_held = [bool(segments) for segments in held]
        self.others_w = [sum(s.power_w for s in segments) for segments in held]
        self.alone_w = self._alone()
        """The own schedule without any event, by piece; where other events hold something, that which they stand on."""
        self._from = 0, room.deviation_k(room.spec.room_c)
        """The first piece that the event can change, and the deviation there."""
        self.without_k = self._follow([0] * ask.slots)
        """The deviation at the end of each piece without this event."""
        first = next(piece for piece, slot in enumerate(self.slot_of) if slot is not None)
        if first:
            self._from = first, self.without_k[first - 1]
        self.without_k = self.without_k[first:]
        self.schedule_w = tuple(round(power) for power in self._means())

    def _alone(self) -> list[float]:
        deviation, found = self.room.deviation_k(self.room.spec.room_c), []
        for piece, (start, end) in enumerate(self.cuts):
            deviation, drawn_wh = self.room.run(deviation, start, end, None)
            course_w = power_at(self.ask.reserved, start)
            by_itself_w = drawn_wh / hours(end - start)
            found.append(by_itself_w if course_w is None else float(course_w - self.others_w[piece]))
        return found

    def _slot(self, piece: int) -> int | None:
        start, _ = self.cuts[piece]
        slot = (start - self.ask.period.start) // self.ask.period.duration
        return slot if 0 <= slot < self.ask.slots else None

    def _follow(self, power_w: Sequence[float]) -> list[float]:
        """The deviation at the end of each piece, from the first one on that the event can change."""
        (first, deviation), found = self._from, []
        for piece, (start, end) in enumerate(self.cuts[first:], first):
            slot = self.slot_of[piece]
            change = self.others_w[piece] + (0.0 if slot is None else self.ask.direction.sign * power_w[slot])
            drawn_w = self.alone_w[piece] + change if change or self.is_held[piece] else None
            deviation, _ = self.room.run(deviation, start, end, drawn_w)
            found.append(deviation)
        return found

    def _means(self) -> list[float]:
        """The mean of each slot without this event, W."""
        sums = [0.0] * self.ask.slots
        for piece, (start, end) in enumerate(self.cuts):
            if (slot := self.slot_of[piece]) is not None:
                share = (end - start) / self.ask.period.duration
                sums[slot] += (self.alone_w[piece] + self.others_w[piece]) * share
        return sums

    def reach_w(self, slot: int) -> int:
        """By how much its power can change in a slot at most, W."""
        drawn = [self.alone_w[piece] + self.others_w[piece] for piece, of in enumerate(self.slot_of) if of == slot]
        if self.ask.direction is Direction.DECREASE_LOAD:
            return max(0, int(min(drawn) + 1e-6))
        return max(0, int(self.room.spec.rated_w - max(drawn) + 1e-6))

    def broken_at(self, power_w: Sequence[float]) -> int | None:
        """The last slot before the first limit that a change breaks; None: it breaks none."""
        for number, deviation in enumerate(self._follow(power_w)):
            without, slot = self.without_k[number], self.slot_of[self._from[0] + number]
            if deviation < min(self.low_k, without) - 1e-9 or deviation > max(self.high_k, without) + 1e-9:
                return self.ask.slots - 1 if slot is None else slot
        return None


def raised(lower: Sequence[int], upper: Sequence[int], broken_at: Callable[[Sequence[float]], int | None]) -> list[int]:
    """The most even profile between two that fits: all slots are raised together until something breaks, those up to
    there stay, the rest goes on."""
    result: list[float] = [float(power) for power in lower]
    first = 0
    while first < len(result) and broken_at(_at(result, upper, first, 1.0)) is not None:
        good, bad, broken = 0.0, 1.0, len(result) - 1
        for _ in range(LEVELS):
            level = (good + bad) / 2
            found = broken_at(_at(result, upper, first, level))
            if found is None:
                good = level
            else:
                bad, broken = level, found
        result = _at(result, upper, first, good)
        if broken < first:
            return [max(low, int(power)) for low, power in zip(lower, result, strict=True)]
        first = broken + 1
        upper = [
            min(limit, int(power)) if slot < first else limit
            for slot, (limit, power) in enumerate(zip(upper, result, strict=True))
        ]
    result = _at(result, upper, first, 1.0)
    return [max(low, int(power + 1e-6)) for low, power in zip(lower, result, strict=True)]


def _at(lower: Sequence[float], upper: Sequence[int], first: int, level: float) -> list[float]:
    return [
        power if slot < first else power + (limit - power) * level
        for slot, (power, limit) in enumerate(zip(lower, upper, strict=True))
    ]
