"""What the metered energy of a slot is compared with: delivered = direction's sign x (metered - baseline)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from protocol.messages import Reading


class BaselinePolicy(Protocol):
    """What an aggregator's children would have taken without the event. Pure: the same readings always give the same
    energy. What counts upward follows from it."""

    def baseline_wh(self, slot: int, readings: Mapping[str, Reading], earlier: Sequence[Mapping[str, Reading]]) -> int:
        """Of all who have reported the slot together, signed Wh, + = import. Their `baseline_wh` is what each has
        declared. `earlier` has the readings of the event's slots before it, the first slot first."""
        ...


class DeclaredBaseline:
    """The schedule that each DER declared with its offer."""

    def baseline_wh(self, slot: int, readings: Mapping[str, Reading], earlier: Sequence[Mapping[str, Reading]]) -> int:
        return sum(reading.baseline_wh for reading in readings.values())
