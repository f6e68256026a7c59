"""A car that waits behind an event until its turn to charge again has come."""

from datetime import timedelta

import pytest
from worlds import START, T0, vehicle

from agents.devices.catalogue import build_device
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from protocol import messages as m
from protocol.actor import Measured
from protocol.units import Direction

SLOT, TURN = timedelta(minutes=30), timedelta(minutes=20)
END = START + SLOT


def car(**changes: object) -> tuple[Home, Ledger]:
    home = Home([build_device(vehicle("car", **changes))])
    home.look(T0)
    return home, Ledger()


def reserved(home: Home, ledger: Ledger, event_id: str, slot: int, power_w: int = 3_000) -> Reservation:
    """So much of an event of one slot, so many slots behind the start."""
    period = m.IntervalPeriod(start=START + slot * SLOT, duration=SLOT)
    answer = home.flexibility(Direction.DECREASE_LOAD, period, (power_w,), ledger.but(event_id))
    held = Reservation(event_id, Direction.DECREASE_LOAD, period, answer, home, ledger)
    held.reserve((power_w,))
    return held


def gave(home: Home, held: Reservation) -> None:
    """It was led, and has given 3 kW for half an hour."""
    held.follow(0, 3_000, START)
    home.observe(Measured("car", END, soc_wh=28_421))


def test_car_charges_when_its_turn_comes() -> None:
    home, ledger = car()
    held = reserved(home, ledger, "e1", 0)
    gave(home, held)
    assert [(one.power_w, one.at, one.until) for one in held.hold_on(TURN, END)] == [(0, END, END + TURN)]


@pytest.mark.parametrize("slot", [1, 5])
def test_car_that_another_event_counts_on_charges_at_once(slot: int) -> None:
    home, ledger = car()
    held = reserved(home, ledger, "e1", 0)
    reserved(home, ledger, "later", slot)
    gave(home, held)
    assert held.hold_on(TURN, END) == []


def test_car_whose_end_is_told_late_leaves_as_full_as_it_must() -> None:
    """Twenty seconds behind the event it has begun to charge, and needs all of the 580 s that are left."""
    home, ledger = car(departs_at=END + timedelta(minutes=10))
    held = reserved(home, ledger, "e1", 0, 1_800)
    held.follow(0, 1_800, START)
    now = END + timedelta(seconds=20)
    home.observe(Measured("car", now, soc_wh=29_082))
    held_back_w = [6_000 - (setpoint.power_w or 0) for setpoint in held.hold_on(TURN, now)]
    assert sum(held_back_w) <= 5


def test_car_that_another_event_leads_waits_no_more() -> None:
    home, ledger = car()
    held = reserved(home, ledger, "e1", 0)
    gave(home, held)
    held.hold_on(TURN, END)
    led_at = END + TURN / 2
    (charges,) = held.let_go(led_at)
    assert (charges.power_w, charges.at) == (None, led_at)
    assert held.let_go(led_at) == []
