"""A scenario from tables: charging sessions (one user = one vehicle) and requests slot by slot.

What the tables do not say is assumed here and nowhere else: discharge power, reserve, what the owner needs at
departure, and what owners agree to loosen. Everything is derived from the order of the users, the event's id and the
draw, so the same tables give the same scenario. Sessions are moved to the event by whole days of their zone: the wall
clocks of arrival and departure stay.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, NamedTuple
from zlib import crc32

from agents.devices.catalogue import build_device
from agents.devices.contract import Ask
from agents.runtime.files.recorded import RecordedRequest, Session, read_sessions, read_wanted
from agents.runtime.files.wall_clock import later
from agents.settings.checked import ConfigError
from agents.settings.devices import VehicleSpec
from protocol.messages import IntervalPeriod
from protocol.units import SLOT, Direction, printed

__all__ = ["GivesNothing", "Plugged", "RecordedRequest", "Session", "read_sessions", "read_wanted", "scenario_data"]

DISCHARGE_W = (3_000, 6_000)
"""Home chargers that feed back: not below, not above."""
NEEDED_PCT = (60, 65, 70, 75, 80, 85, 90, 95)
"""SoC that owners need at departure; the tables' 95 % for all is an assumption of their authors."""
RESERVE_PCT = 20
RELAXED_PCT = 50
"""Every second owner agreed to depart with this instead, every third to a reserve of half."""
STORAGE_EFFICIENCY_PCT = 95
LEAD = timedelta(hours=2)
"""Between the issue of the event and its first slot."""


class GivesNothing(ConfigError):
    """Nobody who is plugged in can give anything in an event, so no request can be derived from the fleet."""


class Plugged(StrEnum):
    AS_RECORDED = "as_recorded"
    """One recorded week per user, the same weekday: who was not plugged in is not there."""
    EVERY_EVENING = "every_evening"
    """Every user plugs in for the event as in one of the user's own sessions."""


class RecordedLife(NamedTuple):
    """A vehicle with all of its sessions around an event."""

    name: str
    device: dict[str, Any]
    present: dict[str, Any] | None
    """The vehicle in the session in which it is plugged in when the event is issued; None: in none."""


def scenario_data(
    sessions: Mapping[str, Sequence[Session]],
    wanted: RecordedRequest,
    *,
    k: float = 0.7,
    aggregators: int = 3,
    plugged: Plugged = Plugged.AS_RECORDED,
    storage_kw: float = 0.0,
    storage_pct: float = 0.0,
    speed: float = 240.0,
    draw: int = 0,
    direction: Direction = Direction.DECREASE_LOAD,
    lives: Sequence[RecordedLife] | None = None,
) -> dict[str, Any]:
    """The tables of a scenario: request = shape x k x what the fleet can give by itself (S50, nothing relaxed).

    `storage_kw` is the power of each aggregator's own storage, with an hour of energy in it; `storage_pct` is that of
    all of them together, in percent of what the fleet can give, and it lasts for the event instead. Another `draw`
    takes other weeks of the same users. `lives`: of all these vehicles instead; the fleet is then who is plugged in when
    the event is issued.
    """
    fleet = list(_fleet(sessions, wanted, plugged, draw)) if lives is None else _present(lives)
    fleet_w = fleet_power_w([device for _, device in fleet], wanted, direction)
    power_w = [round(share * k * fleet_w) for share in wanted.shape]
    if not any(power_w):
        raise GivesNothing(f"event {printed(wanted.number):.80}: no vehicle is plugged in and able to give anything")
    ras = [f"ra-{number}" for number in range(1, aggregators + 1)]
    homes = [
        {"name": f"hems-{name}", "parent": ras[index % aggregators], "devices": [device]}
        for index, (name, device) in enumerate(fleet if lives is None else [(one.name, one.device) for one in lives])
    ]
    outline = {
        "name": f"event-{_clean(wanted.number)}",
        "start_at": wanted.start - LEAD - timedelta(minutes=5),
        "ends_at": wanted.end + timedelta(minutes=30),
        "speed": speed,
    }
    used = [name for name in ras if any(home["parent"] == name for home in homes)]
    storage = _storage(storage_kw * 1000, timedelta(hours=1))
    if storage_pct > 0:
        storage = _storage(fleet_w * storage_pct / 100 / len(used), wanted.end - wanted.start)
    return {
        "scenario": outline,
        "utility": {"events": [_event(wanted, power_w, direction)]},
        "coordinator": {"name": "ac"},
        "aggregators": [
            {"name": name, "storage": [{"resource_id": f"{name}-storage", **own} for own in storage]} for name in used
        ],
        "homes": homes,
    }


def _event(wanted: RecordedRequest, power_w: Sequence[int], direction: Direction) -> dict[str, Any]:
    return {
        "event_id": f"e{_clean(wanted.number)}",
        "issue_at": wanted.start - LEAD,
        "direction": direction.value,
        "start": wanted.start,
        **({} if wanted.slot == SLOT else {"slot_s": int(wanted.slot.total_seconds())}),
        "power_w": power_w,
    }


def _present(lives: Sequence[RecordedLife]) -> list[tuple[str, dict[str, Any]]]:
    return [(one.name, one.present) for one in lives if one.present is not None]


def fleet_power_w(
    devices: Sequence[Mapping[str, Any]], wanted: RecordedRequest, direction: Direction = Direction.DECREASE_LOAD
) -> float:  # fmt: skip
    """The greatest multiple of the shape, W, that the vehicles' own offers cover when each is asked for all that its
    charger can change (stop charging, and discharge)."""
    period = IntervalPeriod(start=wanted.start, duration=wanted.slot)
    sums = [0] * len(wanted.shape)
    for device in devices:
        spec = VehicleSpec.model_validate(device)
        vehicle = build_device(spec)
        device_w = vehicle.capacity_w(direction)
        asked = tuple(round(share * device_w) for share in wanted.shape)
        given = vehicle.flexibility(Ask(direction, period, asked))
        sums = [so_far + power for so_far, power in zip(sums, given.power_w, strict=True)]
    return min(power / share for power, share in zip(sums, wanted.shape, strict=True) if share > 0)


def _fleet(
    sessions: Mapping[str, Sequence[Session]], wanted: RecordedRequest, plugged: Plugged, draw: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, (name, own) in enumerate(zip(names(sessions), sessions.values(), strict=True)):
        session = _aligned(own, wanted, plugged, index, draw)
        if session is not None:
            yield name, vehicle(name, session, index)


def names(users: Iterable[str]) -> list[str]:
    """A name of a party for each user: letters and digits of ASCII. Users whose names would be the same are kept apart
    by a number."""
    taken: dict[str, None] = {}
    for index, user in enumerate(users, 1):
        name = _clean(user)
        if not name.strip("-"):
            name = f"user-{index}"
        apart, number = name, 1
        while apart in taken:
            number += 1
            apart = f"{name[-30:]}-{number}"
        taken[apart] = None
    return list(taken)


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "-", text)[-40:]


def _aligned(
    own: Sequence[Session], wanted: RecordedRequest, plugged: Plugged, index: int, draw: int
) -> Session | None:
    """One of the user's sessions moved by whole days to the event, and in the raster of its slots. Which one depends
    on the event, or else all events at one hour would meet the same fleet."""
    if plugged is Plugged.EVERY_EVENING:
        session = drawn_session(own, wanted, index, draw)
        return None if session is None else _moved(session, wanted)
    week = drawn_week(own, wanted, index, draw)
    candidates = [
        moved
        for session in own
        if week <= week_of(session.plug_in) <= week + 1
        for moved in [_moved(session, wanted, week)]
        if moved is not None
    ]
    return candidates[_pick(wanted, index, draw) % len(candidates)] if candidates else None


def drawn_session(own: Sequence[Session], wanted: RecordedRequest, index: int, draw: int) -> Session | None:
    """One of those of a user's sessions that overlap the event when they are moved to its day."""
    candidates = [session for session in own if _moved(session, wanted) is not None]
    return candidates[_pick(wanted, index, draw) % len(candidates)] if candidates else None


def drawn_week(own: Sequence[Session], wanted: RecordedRequest, index: int, draw: int) -> int:
    """One of the weeks in which a user has plugged in."""
    weeks = sorted({week_of(session.plug_in) for session in own})
    return weeks[_pick(wanted, index, draw) % len(weeks)]


def _pick(wanted: RecordedRequest, index: int, draw: int) -> int:
    return index * 7 + crc32(wanted.number.encode()) + draw


def week_of(at: datetime) -> int:
    """The number of a week."""
    return (at.date().toordinal() - 1) // 7


def _moved(session: Session, wanted: RecordedRequest, week: int | None = None) -> Session | None:
    """Moved so that it overlaps the event, by the wall clocks of its zone; with a week, by whole weeks only. None when
    it does not overlap."""
    begin = wanted.start.astimezone(wanted.zone)
    weeks = timedelta(days=7 * (week_of(begin) - week)) if week is not None else None
    days = [timedelta(days=(begin.date() - session.plug_in.date()).days - back) for back in (0, 1)]
    for shift in days if weeks is None else [weeks]:
        begins = _slot_up(later(session.plug_in, shift), wanted)
        ends = _slot_down(later(session.plug_out, shift), wanted)
        if begins < wanted.end and ends > wanted.start and ends - begins >= wanted.slot:
            return Session(begins, ends, session.max_kw, session.capacity_kwh, session.soc_arr)
    return None


def vehicle(name: str, session: Session, index: int) -> dict[str, Any]:
    """The table of a user's vehicle in a session."""
    capacity = max(1, round(session.capacity_kwh * 1000))
    charge_w = max(1, round(session.max_kw * 1000))
    share = min(1.0, max(0.0, session.soc_arr))
    needed = capacity * NEEDED_PCT[index % len(NEEDED_PCT)] // 100
    relaxations: list[dict[str, Any]] = []
    if index % 2 == 0 and needed > capacity * RELAXED_PCT // 100:
        relaxations.append({"restriction": "departure_soc", "steps": [capacity * RELAXED_PCT // 100]})
    if index % 3 == 0:
        relaxations.append({"restriction": "reserve_soc", "steps": [capacity * RESERVE_PCT // 200]})
    return {
        "kind": "vehicle",
        "resource_id": f"ev-{name}",
        "capacity_wh": capacity,
        "soc_wh": round(capacity * share),
        "state_at": session.plug_in,
        "plugs_in_at": session.plug_in,
        "departs_at": session.plug_out,
        "departure_soc_wh": needed,
        "reserve_wh": capacity * RESERVE_PCT // 100,
        "max_charge_w": charge_w,
        "max_discharge_w": min(max(charge_w, DISCHARGE_W[0]), DISCHARGE_W[1]),
        "relaxations": relaxations,
    }


def _storage(power: float, lasts: timedelta) -> list[dict[str, Any]]:
    """A battery, half full, that gives so many W for so long; none for nothing."""
    power_w = round(power)
    if power_w <= 0:
        return []
    soc_wh = ceil(power_w * (lasts / timedelta(hours=1)) * 100 / STORAGE_EFFICIENCY_PCT)
    return [
        {
            "capacity_wh": soc_wh * 2,
            "soc_wh": soc_wh,
            "max_charge_w": power_w,
            "max_discharge_w": power_w,
            "discharge_efficiency_pct": STORAGE_EFFICIENCY_PCT,
        }
    ]


def _slot_down(at: datetime, wanted: RecordedRequest) -> datetime:
    return at - (at - wanted.start) % wanted.slot


def _slot_up(at: datetime, wanted: RecordedRequest) -> datetime:
    down = _slot_down(at, wanted)
    return down if down == at else down + wanted.slot
