"""A live home hears by itself when its car leaves and when it is back: the shell wakes for its feeds as for deadlines."""

import asyncio
from datetime import UTC, datetime, timedelta

from memory_bus import MemoryBus
from worlds import T0, vehicle

from agents.drivers.build import build_drivers, build_feeds
from agents.parties.der.actor import Der
from agents.runtime.shell import Shell
from agents.settings.parties import DerSettings
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture
from broker.clock import Clock

DAILY = WeeklyDeparture.model_validate({"days": WEEKDAYS, "at": "07:00", "back": "16:30", "trip_wh": 8_000})
HOME = DerSettings(name="h", parent="ra", devices=(vehicle("ev", plan=OwnersPlan(zone="UTC", departures=(DAILY,))),))
QUICK = 200_000.0
"""A day in half a second."""


async def test_home_is_told_what_its_car_does_for_two_days() -> None:
    drivers = build_drivers(HOME)
    actor = Der(HOME)
    shell = Shell(actor, MemoryBus(), Clock(T0, datetime.now(UTC), QUICK), drivers, feeds=build_feeds(HOME, drivers))
    running = asyncio.create_task(shell.run())
    seen: list[bool | None] = []
    until = T0 + timedelta(days=2)
    while len(seen) < 5 and not running.done():
        told = actor.home.told.get("ev")
        if told is not None and (not seen or told.plugged != seen[-1]):
            seen.append(told.plugged)
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert seen == [True, False, True, False, True]
    assert actor.home.plans["ev"].until > until
