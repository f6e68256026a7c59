"""Power that is on offer or committed in one event is not offered in another: who holds what of which resource."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from agents.devices.contract import Segment
from protocol.messages import IntervalPeriod
from protocol.plan import Plan
from protocol.units import Direction

KEPT = timedelta(days=1)
"""How long what is over stays known."""


class Ledger:
    """Signed changes of load per event and resource, as segments of time, W, + = more import."""

    def __init__(self) -> None:
        self._reserved: dict[str, dict[str, tuple[Segment, ...]]] = {}

    def reserve(self, event_id: str, direction: Direction, period: IntervalPeriod, parts: Mapping[str, Plan]) -> None:
        """Replace what the event holds by these parts, W in the event's direction."""
        self._reserved[event_id] = {
            name: tuple(
                Segment(period.slot_start(slot), period.slot_start(slot + 1), direction.sign * power)
                for slot, power in enumerate(plan)
                if power
            )
            for name, plan in parts.items()
        }

    def free(self, event_id: str, now: datetime) -> None:
        """Nothing is held from now on. What was held before stays known: meter values still refer to it."""
        kept = {
            name: tuple(replace(s, end=min(s.end, now)) for s in segments if s.start < now)
            for name, segments in self._reserved.pop(event_id, {}).items()
        }
        if any(kept.values()):
            self._reserved[event_id] = kept
        self._prune(now - KEPT)

    def _prune(self, before: datetime) -> None:
        for event_id, parts in list(self._reserved.items()):
            if all(segment.end < before for segments in parts.values() for segment in segments):
                del self._reserved[event_id]

    def but(self, event_id: str) -> dict[str, tuple[Segment, ...]]:
        """Per resource, what all other events hold."""
        result: dict[str, tuple[Segment, ...]] = {}
        for other, parts in self._reserved.items():
            if other != event_id:
                for name, segments in parts.items():
                    result[name] = result.get(name, ()) + segments
        return result

    def all(self) -> dict[str, dict[str, tuple[Segment, ...]]]:
        """Per event and resource what the event reserves."""
        return {event_id: dict(parts) for event_id, parts in self._reserved.items()}

    def remember(self, reserved: Mapping[str, Mapping[str, tuple[Segment, ...]]]) -> None:
        """Let this be what the events reserve."""
        self._reserved = {event_id: dict(parts) for event_id, parts in reserved.items()}
