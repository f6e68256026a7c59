"""What a home takes for a device's state: what tells one, and not the answer of a meter."""

from dataclasses import replace
from datetime import timedelta

from worlds import T0, vehicle

from agents.devices.catalogue import build_device
from agents.parties.der.home import Home
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture
from protocol.actor import Measured, Planned, PlannedStay
from protocol.messages import IntervalPeriod
from protocol.units import Direction

HOUR = timedelta(hours=1)
WEEKLY = OwnersPlan(zone="Europe/Oslo", departures=(WeeklyDeparture(days=WEEKDAYS, at="07:30"),))
METERED = Measured("car", T0 + HOUR, energy_wh=250, event_id="e1", slot=0)


def given_w(home: Home) -> int:
    home.look(T0 + HOUR)
    period = IntervalPeriod(start=T0 + 2 * HOUR, duration=HOUR / 2)
    return home.flexibility(Direction.DECREASE_LOAD, period, (5_000,), {}).joint.power_w[0]


def test_metered_slot_of_a_faulty_device_does_not_make_it_sound() -> None:
    home = Home([build_device(vehicle("car"))])
    home.observe(Measured("car", T0, fault="ground failure"))
    for metered in (METERED, replace(METERED, energy_wh=None)):
        home.observe(metered)
        assert given_w(home) == 0
    assert home.troubled == {"car": "faulty: ground failure"}


def test_metered_slot_does_not_send_a_car_away_that_came_before_its_time() -> None:
    home = Home([build_device(vehicle("car", plan=WEEKLY))])
    home.plan(Planned("car", T0 + 48 * HOUR, (PlannedStay(T0 + 14 * HOUR, plugs_in_at=T0 + 3 * HOUR),)))
    home.observe(Measured("car", T0, 30_000, plugged=True, most_discharge_w=4_000))
    before_w = given_w(home)
    home.observe(METERED)
    assert given_w(home) == before_w == 4_000
