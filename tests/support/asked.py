"""A request for one event, as a parent sends it: less load from START on, answered within half an hour."""

from datetime import timedelta
from typing import Any

from worlds import START, T0

from protocol import messages as m
from protocol.units import Direction


def request(*power_w: int, **changes: Any) -> m.Request:
    """One of so many W a slot; without other words it is the first of event e1."""
    given: dict[str, Any] = {
        "message_id": "r",
        "sent_at": T0,
        "event_id": "e1",
        "request_id": "e1.1.1",
        "round": 1,
        "revision": 1,
        "program_id": "dr",
        "direction": Direction.DECREASE_LOAD,
        "interval_period": m.IntervalPeriod(start=START),
        "power_w": power_w,
        "reply_by": START - timedelta(minutes=30),
        "decide_by": START - timedelta(minutes=20),
    }
    return m.Request(**given | changes)
