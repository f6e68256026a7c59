"""What a request asks of a DER, without whom it asks: many who are asked alike share it."""

from dataclasses import dataclass
from datetime import datetime

from protocol.messages import IntervalPeriod, Request
from protocol.plan import Plan
from protocol.units import Direction, step_instant

VALID_PCT = 50
"""An offer stays valid for half of the time from decide_by until the event begins."""


@dataclass(frozen=True, slots=True)
class EventTerms:
    """What is asked, and until when."""

    event_id: str
    round: int
    direction: Direction
    period: IntervalPeriod
    power_w: Plan
    decide_by: datetime
    valid_until: datetime
    """Of an offer."""
    over_at: datetime
    """When the last slot is over."""


def terms_of(request: Request) -> EventTerms:
    """What a request asks."""
    period, power_w = request.interval_period, request.power_w
    return EventTerms(
        request.event_id,
        request.round,
        request.direction,
        period,
        power_w,
        request.decide_by,
        step_instant(request.decide_by, period.start, VALID_PCT),
        period.slot_start(len(power_w)),
    )
