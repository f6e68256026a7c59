"""How long those who are asked have: a stage is planned by what the contracts say, where time allows."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, Rung

WITHIN_PCT = 90
"""Share of the time until reply_by that a resident has; the rest is for the answer's way."""
ON_ITS_WAY = timedelta(seconds=2)
"""For the request's way down."""


def time_needed(answers_within_s: int) -> timedelta:
    """The time until reply_by in which somebody who answers within so many seconds has answered."""
    return timedelta(seconds=answers_within_s) * 100 / WITHIN_PCT + ON_ITS_WAY


def most_collecting_pct(settings: AggregatorSettings) -> int:
    """Share of the time until the parent's reply_by that collecting may take at most: a rung that asks once more needs
    some of it."""
    most = 75 if Rung.RELAX in settings.ladder and not settings.relax_from_above else 90
    return max(settings.collect_pct, most)


def stage_end(now: datetime, planned: datetime, latest: datetime, asked: Iterable[Member]) -> datetime:
    """When the answers have to be there: as planned, or as late as the slowest of those who are asked needs and the latest
    instant allows."""
    needed = max((time_needed(member.answers_within_s or 0) for member in asked), default=timedelta())
    return max(planned, min(now + needed, latest))


def too_slow(asked: Iterable[Member], given: timedelta) -> list[str]:
    """Who cannot answer in the time that is given, by contract."""
    return [member.name for member in asked if time_needed(member.answers_within_s or 0) > given]
