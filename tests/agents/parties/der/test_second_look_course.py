"""What is looked at again while something is under way: its course is one that the devices can follow, and keep."""

from datetime import timedelta
from typing import Any

from worlds import START, T0, battery, room, vehicle

from agents.devices.catalogue import build_device
from agents.devices.climate import ClimatePhysics, temperature_c
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from agents.parties.der.second_look import looked_at_again
from protocol import messages as m
from protocol.actor import Measured
from protocol.plan import Plan
from protocol.units import Direction

HALF_HOUR, MINUTES = timedelta(minutes=30), timedelta(minutes=10)
LOSSLESS = {"charge_efficiency_pct": 100, "discharge_efficiency_pct": 100}
ROOM = room("room", capacity_wh_per_k=1_500, outdoor_c=(-9,))
"""It needs 1,500 W to stay at 21 degrees."""


def made(*specs: Any) -> tuple[Home, Ledger]:
    home = Home([build_device(spec) for spec in specs], relax_others=True)
    home.look(T0)
    return home, Ledger()


def reserved(home: Home, ledger: Ledger, event_id: str, minutes: int, power_w: Plan) -> Reservation:
    """What an event that wants less load from so many minutes behind the start on reserves, in slots of half an hour."""
    period = m.IntervalPeriod(start=START + timedelta(minutes=minutes), duration=HALF_HOUR)
    less = Direction.DECREASE_LOAD
    answer = home.flexibility(less, period, power_w, ledger.but(event_id))
    held = Reservation(event_id, less, period, answer, home, ledger)
    held.reserve(answer.joint.power_w)
    return held


def test_course_beside_a_slot_that_was_never_led_stays_within_the_charger() -> None:
    home, ledger = made(vehicle("car"))
    reserved(home, ledger, "never led", 0, (3_636,))
    later = reserved(home, ledger, "later", 10, (272, 0, 272))
    again = looked_at_again(later, START + MINUTES / 10)
    led = (again or later).follow(0, 272, START + MINUTES)
    assert [(one.power_w, one.at, one.until) for one in led] == [(-272, START + MINUTES, START + 4 * MINUTES)]


def test_room_that_gives_more_for_another_device_in_the_middle_of_an_event_stays_comfortable() -> None:
    home, ledger = made(ROOM, battery("wall", 5_000, soc_wh=6_000, reserve_wh=1_000))
    held = reserved(home, ledger, "cold", 0, (2_400,) * 4)
    heated, at = ClimatePhysics(ROOM), START
    heated.run(None, T0, START)
    for slot in range(2):
        heated.run(_led(held, slot), at, at + HALF_HOUR)
        at += HALF_HOUR
    home.observe(Measured("wall", at, soc_wh=1_500))
    home.observe(Measured("room", at, soc_wh=round(heated.energy_wh)))
    again = looked_at_again(held, at - timedelta(seconds=1))
    assert again is not None
    assert sum(again.parts["wall"][2:]) < sum(held.parts["wall"][2:])
    for slot in range(2, 4):
        heated.run(_led(again, slot), at, at + HALF_HOUR)
        at += HALF_HOUR
    assert temperature_c(heated.room, heated.energy_wh) >= ROOM.least_c


def test_car_that_comes_to_charge_in_the_middle_of_an_event_is_not_led_to_less_for_more_load() -> None:
    """The battery is full behind the first slot; the car has no part in it, and charges at all that it can now."""
    car, wall = vehicle("car", **LOSSLESS), battery("wall", 5_000, soc_wh=15_000, **LOSSLESS)
    home, ledger = made(car, wall)
    more, period = Direction.INCREASE_LOAD, m.IntervalPeriod(start=START, duration=HALF_HOUR)
    answer = home.flexibility(more, period, (5_000, 5_000), {})
    held = Reservation("sunny", more, period, answer.giving({"car": (0, 0), "wall": (5_000, 5_000)}), home, ledger)
    held.reserve((5_000, 5_000))
    held.follow(0, 5_000, START)
    home.observe(Measured("wall", START + MINUTES, soc_wh=19_000))
    home.observe(Measured("car", START + MINUTES, soc_wh=18_000))
    again = looked_at_again(held, START + MINUTES)
    assert again is not None
    assert again.parts["car"] == (0, 0)


def test_raise_in_the_middle_of_an_event_counts_on_no_charging_that_it_holds_up() -> None:
    """A car without losses needs 28 of its 30 kWh when it leaves ten minutes behind the event, and charges 1 kWh by then: 3 kWh
    may be missing at the end of the event, and 2,600 Wh are taken by two slots of four."""
    car = vehicle("car", departs_at=START + timedelta(minutes=130), departure_soc_wh=28_000, **LOSSLESS)
    home, ledger = made(car)
    held = reserved(home, ledger, "e1", 0, (1_500,) * 4)
    held.answer = held.answer.giving({"car": (2_600, 0, 2_600, 1_400)})
    held.reserve((2_600, 0, 2_600, 0))
    in_the_third = START + 2 * HALF_HOUR
    home.observe(Measured("car", in_the_third, soc_wh=28_700))
    raised = held.raised((2_600, 0, 2_600, 1_400), held.parts, in_the_third + timedelta(seconds=5))
    assert raised == {"car": (2_600, 0, 2_600, 800)}


def _led(held: Reservation, slot: int) -> int | None:
    """The power that the room is led to in a slot, W; it is one, from the slot's beginning on."""
    at = held.period.slot_start(slot)
    setpoints = held.follow(slot, held.answer.joint.power_w[slot], at)
    (found,) = {one.power_w for one in setpoints if one.resource_id == "room" and one.at <= at < one.until}
    return found
