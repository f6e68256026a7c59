"""The connection points of many homes with one vehicle each: what they leave of an event (`agents/parties/der/connection.py`),
of many at once."""

from collections.abc import Sequence

import numpy as np

from agents.devices.rows.arrays import Bools, Ints
from agents.settings.connection import ConnectionPoint
from protocol.messages import IntervalPeriod
from protocol.units import Direction


class Points:
    """Of homes by their numbers."""

    def __init__(self, connections: Sequence[ConnectionPoint | None]) -> None:
        self._each: list[ConnectionPoint] = list({one: None for one in connections if one is not None})
        """Different ones: many homes are connected alike."""
        places = {one: place for place, one in enumerate(self._each)}
        self._place = np.array([-1 if one is None else places[one] for one in connections], dtype=np.int64)

    def room_w(
        self, direction: Direction, period: IntervalPeriod, index: Ints, schedule_w: Ints, most_w: Ints
    ) -> tuple[Bools, Ints]:
        """Which of the homes at `index` have one, and by how much they can change their load in each slot (slots x n), W.
        `schedule_w`: the vehicles' own, slots x n; `most_w`: of all chargers. A slot's mean between nothing and the most is
        made of both."""
        place = self._place[index]
        limited: Bools = place >= 0
        if not limited.any():
            return limited, schedule_w
        slots, decrease = len(schedule_w), direction is Direction.DECREASE_LOAD
        each = np.array([_leaves_w(one, period, slots, decrease) for one in self._each], dtype=np.int64).T
        charges = (schedule_w > 0) & (schedule_w < most_w[index])
        own_w = np.where(charges, 0, schedule_w) if decrease else -np.where(charges, most_w[index], schedule_w)
        return limited, np.maximum(0, each[:, place] + own_w)


def _leaves_w(point: ConnectionPoint, period: IntervalPeriod, slots: int, decrease: bool) -> list[int]:
    """What a connection point leaves beside the base load in each slot, W."""
    base_w = [point.base_range_w(period.slot_start(slot), period.slot_start(slot + 1)) for slot in range(slots)]
    if decrease:
        return [point.export_limit_w + least_w for least_w, _ in base_w]
    return [point.import_limit_w - most_w for _, most_w in base_w]
