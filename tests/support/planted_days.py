"""Bugs on purpose that only days show: `long_hunt.judge_long` must find each of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import patch

from fresh import FRESH

from agents.devices import solar
from agents.devices.climate import BELOW_K, Room
from agents.devices.solar import Solar
from agents.devices.stays import Stays
from agents.negotiation.parent import ParentParty
from agents.parties.aggregator.role import AggregatorRole
from agents.parties.der import connection, ledger
from agents.parties.der.control import Controlled
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from protocol.actor import Measured, PlannedStay
from protocol.units import SLOT, Direction

Patch = tuple[Any, str, Any]


def _event_never_forgotten() -> list[Patch]:
    return [(Controlled, "_make_room", lambda self, now: None), (ParentParty, "_make_room", lambda self: None)]


def _second_departure_ignored() -> list[Patch]:
    departs_at = Stays._departs_at

    def careless(self: Stays) -> datetime | None:
        later = self.begun is not None and self.begun.at > self.settings.state_at
        return self.plan.until if later and self.plan is not None else departs_at(self)

    return [(Stays, "_departs_at", careless)]


def _stays_mixed_up() -> list[Patch]:
    def planned_after(self: Stays, at: datetime) -> PlannedStay | None:
        known = [one for one in self.plan.stays if one.departs_at > at] if self.plan is not None else []
        return next(iter(known[1:] or known), None)

    return [(Stays, "_planned_after", planned_after)]


def _wish_of_a_trip_forgotten() -> list[Patch]:
    planned_after = Stays._planned_after

    def forgetful(self: Stays, at: datetime) -> PlannedStay | None:
        one = planned_after(self, at)
        return None if one is None else replace(one, soc_wh=None)

    return [(Stays, "_planned_after", forgetful)]


def _soc_of_yesterday() -> list[Patch]:
    observe = Stays.observe

    def stale(self: Stays, reading: Measured) -> None:
        back = reading.soc_wh is not None and self.begun is None and self.last is not None
        observe(self, replace(reading, soc_wh=self.last.soc_wh) if back and self.last is not None else reading)

    return [(Stays, "observe", stale)]


def _held_by_nobody() -> list[Patch]:
    def free(self: Ledger, event_id: str, now: datetime) -> list[Any]:
        led = [name for name, course in self._followed.pop(event_id, {}).items() if any(s.end > now for s in course)]
        return [setpoint for name in led for setpoint in self._setpoints(name, now, True)]

    return [(Ledger, "free", free)]


def _ledger_kept_for_ever() -> list[Patch]:
    return [(ledger, "_prune", lambda courses, before: None)]


def _connection_point_ignored() -> list[Patch]:
    return [(connection, "room_w", lambda point, direction, period, ranges: (10**9,) * len(ranges))]


def _import_limit_ignored() -> list[Patch]:
    room_w = connection.room_w

    def careless(point: Any, direction: Direction, period: Any, ranges: Any) -> Any:
        upward = direction is Direction.INCREASE_LOAD
        return (10**9,) * len(ranges) if upward else room_w(point, direction, period, ranges)

    return [(connection, "room_w", careless)]


def _sun_of_the_next_half_hour() -> list[Patch]:
    cuts = Solar._cuts

    def ahead(self: Solar, reserved: Any, start: datetime, end: datetime, *, down: bool) -> Iterator[Any]:
        possible_w = self.possible_w
        with patch.object(Solar, "possible_w", lambda plant, at: possible_w(at + SLOT)):
            yield from list(cuts(self, reserved, start, end, down=down))

    return [(Solar, "_cuts", ahead)]


def _sun_of_the_brightest_half_hour() -> list[Patch]:
    return [(solar, "_free_w", lambda cuts: max(cut.free_w for cut in cuts))]


def _alternative_of_the_obliged() -> list[Patch]:
    return [(AggregatorRole, "_obliged", property(lambda self: False))]


def _led_on_after_a_lower_award() -> list[Patch]:
    return [(Reservation, "cut", lambda self, now: [])]


def _comfort_ignored() -> list[Patch]:
    return [(Room, "limits_k", property(lambda self: (-BELOW_K / 2, BELOW_K / 2)))]


PLANTED_DAYS: dict[str, Callable[[], list[Patch]]] = {
    "event_never_forgotten": _event_never_forgotten,
    "second_departure_ignored": _second_departure_ignored,
    "stays_mixed_up": _stays_mixed_up,
    "wish_of_a_trip_forgotten": _wish_of_a_trip_forgotten,
    "soc_of_yesterday": _soc_of_yesterday,
    "held_by_nobody": _held_by_nobody,
    "ledger_kept_for_ever": _ledger_kept_for_ever,
    "connection_point_ignored": _connection_point_ignored,
    "import_limit_ignored": _import_limit_ignored,
    "sun_of_the_next_half_hour": _sun_of_the_next_half_hour,
    "sun_of_the_brightest_half_hour": _sun_of_the_brightest_half_hour,
    "comfort_ignored": _comfort_ignored,
    "alternative_of_the_obliged": _alternative_of_the_obliged,
    "led_on_after_a_lower_award": _led_on_after_a_lower_award,
}


@contextmanager
def planted_days(name: str) -> Iterator[None]:
    """The bug of a name, while the context lasts. Raises KeyError."""
    with ExitStack() as stack:
        for owner, attribute, changed in PLANTED_DAYS[name]():
            stack.enter_context(patch.object(owner, attribute, changed))
        yield


def find_all_days(first: int, seeds: int) -> dict[str, int | None]:
    """What `find_days` says of each planted bug, on all processors."""
    with ProcessPoolExecutor(mp_context=FRESH) as pool:
        found = pool.map(partial(find_days, first=first, seeds=seeds), PLANTED_DAYS)
        return dict(zip(PLANTED_DAYS, found, strict=True))


def find_days(name: str, first: int, seeds: int) -> int | None:
    """The first long world, of so many from `first` on, in which a planted bug breaks what holds without it."""
    from long_hunt import judge_long

    for seed in range(first, first + seeds):
        with planted_days(name):
            found = judge_long(seed)
        if found and not judge_long(seed):
            return seed
    return None
