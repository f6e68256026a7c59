"""What the metered energy of a slot is compared with: delivered = direction's sign x (metered - baseline)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from protocol.messages import IntervalPeriod, Reading


class BaselinePolicy(Protocol):
    """What an aggregator's children would have taken without the event. Pure: the same readings always give the same
    energy. What counts upward follows from it."""

    def baseline_wh(self, slot: int, readings: Mapping[str, Reading], earlier: Sequence[Mapping[str, Reading]]) -> int:
        """Of all who have reported the slot together, signed Wh, + = import. Their `baseline_wh` is what each has
        declared. `earlier` has the readings of the event's slots before it, the first slot first."""
        ...


@runtime_checkable
class DatedBaselinePolicy(BaselinePolicy, Protocol):
    """One that compares with other days, and so has to know when a slot was."""

    def baseline_at(
        self, first_at: datetime, start_at: datetime, length: timedelta, readings: Mapping[str, Reading]
    ) -> int:
        """In the place of `baseline_wh`, of the slot from `start_at` on; `first_at`: the event's beginning."""
        ...


def counted_wh(
    policy: BaselinePolicy,
    period: IntervalPeriod,
    slot: int,
    readings: Mapping[str, Reading],
    earlier: Sequence[Mapping[str, Reading]],
) -> int:
    """What a policy says of a slot, signed Wh."""
    if isinstance(policy, DatedBaselinePolicy):
        return policy.baseline_at(period.start, period.slot_start(slot), period.duration, readings)
    return policy.baseline_wh(slot, readings, earlier)


class DeclaredBaseline:
    """The schedule that each DER declared with its offer."""

    def baseline_wh(self, slot: int, readings: Mapping[str, Reading], earlier: Sequence[Mapping[str, Reading]]) -> int:
        return sum(reading.baseline_wh for reading in readings.values())
