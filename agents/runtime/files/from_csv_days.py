"""A scenario of many days from tables: every session of a car as it was, one after the other, and every request of those
days. Each user's sessions are moved by whole weeks, so that the first one lies in the first week."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.runtime.files.from_csv import LEAD, GivesNothing, RecordedRequest, Session, fleet_power_w, names, vehicle
from agents.runtime.files.wall_clock import later
from agents.settings.checked import ConfigError
from protocol.units import printed

WEEK = timedelta(days=7)
DAY = timedelta(days=1)


def days_data(
    sessions: Mapping[str, Sequence[Session]],
    requests: Mapping[str, RecordedRequest],
    days: int,
    *,
    k: float = 0.7,
    aggregators: int = 3,
    speed: float = 10_000.0,
) -> dict[str, Any]:
    """The tables of a scenario from the day of the first request on: a request = its shape x k x what the vehicles that
    are plugged in when it is issued can give by themselves. Raises GivesNothing, ConfigError."""
    for user, own in sessions.items():
        one_vehicle(user, own)
    first = min(requests.values(), key=lambda one: one.start)
    start = first.start.astimezone(first.zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    start_at, ends_at = start.astimezone(UTC), later(start, DAY * days)
    fleet = {
        name: stays
        for name, own in zip(names(sessions), sessions.values(), strict=True)
        if (stays := list(_moved(own, start, ends_at)))
    }
    events = list(_events(fleet, requests, ends_at, k))
    if not events:
        raise GivesNothing(f"in {days} days from {start:%Y-%m-%d} on nobody who is plugged in can give anything")
    ras = [f"ra-{number}" for number in range(1, min(aggregators, len(fleet)) + 1)]
    return {
        "scenario": {"name": f"days-{days}", "start_at": start_at, "ends_at": ends_at, "speed": speed},
        "utility": {"events": events},
        "coordinator": {"name": "ac"},
        "aggregators": [{"name": name} for name in ras],
        "homes": [
            {"name": f"hems-{name}", "parent": ras[index % len(ras)], "devices": [_living(name, stays, index)]}
            for index, (name, stays) in enumerate(fleet.items())
        ],
    }


def one_vehicle(user: str, own: Sequence[Session]) -> None:
    """Raises ConfigError where the sessions of a user are not of one vehicle."""
    for column, told in (
        ("capacity_kwh", {one.capacity_kwh for one in own}),
        ("max_kw", {one.max_kw for one in own}),
    ):
        if len(told) > 1:
            several = " and ".join(f"{value:g}" for value in sorted(told)[:2])
            text = f"user {printed(user):.80}: {column}: {several} in different sessions"
            raise ConfigError(f"{text}: one user is one vehicle, give another one a user_id of its own")


def overlapping(sessions: Mapping[str, Sequence[Session]]) -> int:
    """How many sessions begin before the one before them, of the same user, has ended: they are left out."""
    found = 0
    for own in sessions.values():
        until: datetime | None = None
        for one in sorted(own, key=lambda session: session.plug_in.astimezone(UTC)):
            if until is not None and one.plug_in.astimezone(UTC) < until:
                found += 1
            else:
                until = one.plug_out.astimezone(UTC)
    return found


def _moved(own: Sequence[Session], start: datetime, ends_at: datetime) -> Iterator[Session]:
    """A user's sessions in their order, those of the scenario's days; one that overlaps the last one is left out."""
    ordered = sorted(own, key=lambda one: one.plug_in)
    shift = timedelta(days=(start.date() - ordered[0].plug_in.date()).days // 7 * 7)
    if ordered[0].plug_in.date() + shift < start.date():
        shift += WEEK
    until = start.astimezone(UTC)
    for one in ordered:
        begins_at, leaves_at = later(one.plug_in, shift), later(one.plug_out, shift)
        if until <= begins_at < leaves_at and begins_at < ends_at:
            yield Session(begins_at, leaves_at, one.max_kw, one.capacity_kwh, one.soc_arr)
            until = leaves_at


def _living(name: str, stays: Sequence[Session], index: int) -> dict[str, Any]:
    """The vehicle of the first stay, and all of them."""
    made = vehicle(name, stays[0], index)
    return made | {"stays": stays_table(made["capacity_wh"], stays)}


def stays_table(capacity_wh: int, stays: Sequence[Session]) -> list[dict[str, Any]]:
    """The sessions of a vehicle as its table of stays."""
    return [
        {
            "plugs_in_at": one.plug_in,
            "departs_at": one.plug_out,
            "arrives_wh": round(capacity_wh * min(1.0, max(0.0, one.soc_arr))),
        }
        for one in stays
    ]


def _events(
    fleet: Mapping[str, Sequence[Session]], requests: Mapping[str, RecordedRequest], ends_at: datetime, k: float
) -> Iterator[dict[str, Any]]:
    for number, wanted in zip(names(requests), requests.values(), strict=True):
        issue_at = wanted.start - LEAD
        devices = [
            vehicle(name, one, index)
            for index, (name, stays) in enumerate(fleet.items())
            for one in stays
            if one.plug_in <= issue_at < one.plug_out
        ]
        power_w = [round(share * k * fleet_power_w(devices, wanted)) for share in wanted.shape] if devices else []
        if wanted.end < ends_at and any(power_w):
            event = {"event_id": f"e{number}", "issue_at": issue_at, "direction": "decrease_load"}
            slot_s = int(wanted.slot.total_seconds())
            yield event | {"start": wanted.start, "slot_s": slot_s, "power_w": power_w}
