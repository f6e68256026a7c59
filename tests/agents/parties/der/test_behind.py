"""A home that may feed nothing back: what one device takes back of an event must not break that while another one gives."""

from datetime import timedelta

import pytest
from worlds import START, T0, battery, room

from agents.devices.catalogue import build_device
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from agents.settings.connection import ConnectionPoint
from protocol import messages as m
from protocol.plan import Plan
from protocol.units import Direction

SLOT = timedelta(minutes=30)
PUMP = room("pump")
"""It draws 1,000 W by itself."""


def home(export_limit_w: int) -> tuple[Home, Ledger]:
    wall = battery("wall", 3_000)
    point = ConnectionPoint(import_limit_w=10_000, export_limit_w=export_limit_w)
    found = Home([build_device(PUMP), build_device(wall)], connection=point)
    found.look(T0)
    return found, Ledger()


def offered(home: Home, ledger: Ledger, direction: Direction, slot: int, power_w: int) -> Reservation:
    """What an event of one slot is offered, so many slots behind the start; it is reserved."""
    period = m.IntervalPeriod(start=START + slot * SLOT, duration=SLOT)
    answer = home.flexibility(direction, period, (power_w,), ledger.but(direction))
    held = Reservation(direction, direction, period, answer, home, ledger)
    held.reserve(answer.joint.power_w)
    return held


def parts(held: Reservation) -> dict[str, Plan]:
    return dict(held.parts)


def test_battery_gives_what_the_heat_pump_draws_beside_it() -> None:
    at_home, ledger = home(0)
    assert parts(offered(at_home, ledger, Direction.DECREASE_LOAD, 1, 1_000)) == {"pump": (1_000,), "wall": (0,)}
    at_home, ledger = home(0)
    at_home.troubled = {"pump": "silent"}  # it is not counted on, but draws on
    assert parts(offered(at_home, ledger, Direction.DECREASE_LOAD, 1, 3_000)) == {"pump": (0,), "wall": (1_000,)}


@pytest.mark.parametrize(("export_limit_w", "heats"), [(0, False), (5_000, True)])
def test_room_is_not_heated_up_where_the_battery_gives_what_it_draws_behind_that(
    export_limit_w: int, heats: bool
) -> None:
    at_home, ledger = home(export_limit_w)
    at_home.troubled = {"pump": "silent"}
    assert offered(at_home, ledger, Direction.DECREASE_LOAD, 1, 1_000).parts["wall"] == (1_000,)
    at_home.troubled = {}
    more = at_home.flexibility(
        Direction.INCREASE_LOAD, m.IntervalPeriod(start=START, duration=SLOT), (1_500,), ledger.but("more")
    )
    assert (more.parts["pump"].power_w == (1_500,)) is heats
    assert more.joint.available_w >= more.joint.power_w
