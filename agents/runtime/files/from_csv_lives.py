"""The vehicles of one event's scenario as they live: all sessions of a user in the days around it, to the second, whether
or not one of them overlaps the event. Who is away is asked all the same, and says no."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from agents.runtime.files.from_csv import (
    LEAD,
    Plugged,
    RecordedLife,
    RecordedRequest,
    Session,
    drawn_session,
    drawn_week,
    names,
    vehicle,
    week_of,
)
from agents.runtime.files.from_csv_days import one_vehicle, stays_table
from agents.runtime.files.wall_clock import later

BEFORE, AFTER = timedelta(days=14), timedelta(days=8)
"""Of the sessions around an event; a plan is told for a week ahead."""


def lives(
    sessions: Mapping[str, Sequence[Session]], wanted: RecordedRequest, plugged: Plugged, draw: int
) -> Iterator[RecordedLife]:
    """All users of whose vehicles anything is known in these days. Raises ConfigError."""
    issue_at = wanted.start - LEAD
    for index, (name, (user, own)) in enumerate(zip(names(sessions), sessions.items(), strict=True)):
        one_vehicle(user, own)
        stays = list(_around(own, _shift(own, wanted, plugged, index, draw), wanted))
        if not stays:
            continue
        made = vehicle(name, stays[0], index)
        known_at = min(made["state_at"], issue_at - LEAD)  # of one that is still away what it comes back with
        device = made | {"state_at": known_at, "stays": stays_table(made["capacity_wh"], stays)}
        present = next((one for one in stays if one.plug_in <= issue_at < one.plug_out), None)
        yield RecordedLife(name, device, None if present is None else vehicle(name, present, index))


def _shift(own: Sequence[Session], wanted: RecordedRequest, plugged: Plugged, index: int, draw: int) -> timedelta:
    """By how many days a user's sessions are moved to the event."""
    day = wanted.start.astimezone(wanted.zone)
    if plugged is Plugged.AS_RECORDED:
        return timedelta(days=7 * (week_of(day) - drawn_week(own, wanted, index, draw)))
    session = drawn_session(own, wanted, index, draw)
    if session is None:
        return timedelta(days=7 * (week_of(day) - drawn_week(own, wanted, index, draw)))
    days = timedelta(days=(day.date() - session.plug_in.date()).days)
    return days if later(session.plug_in, days) < wanted.end else days - timedelta(days=1)


def _around(own: Sequence[Session], shift: timedelta, wanted: RecordedRequest) -> Iterator[Session]:
    """A user's sessions in their order; one that overlaps the last one is left out."""
    until = wanted.start - BEFORE
    for one in sorted(own, key=lambda session: session.plug_in):
        begins_at, leaves_at = later(one.plug_in, shift), later(one.plug_out, shift)
        if until <= begins_at < leaves_at < wanted.end + AFTER:
            yield Session(begins_at, leaves_at, one.max_kw, one.capacity_kwh, one.soc_arr)
            until = leaves_at
