"""A fleet whose events are over begins anew: its journal in the archive, its homes asleep, repeats still known."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from memory_bus import MemoryBus
from worlds import START, T0, vehicle

from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes
from agents.runtime.fleet.keeping import FleetJournal
from agents.settings.parties import DerSettings
from broker.bus import Arrival
from broker.clock import Clock
from protocol import messages as m
from protocol.codec import encode
from protocol.units import SLOT, Direction

NAMES = [f"h-{number}" for number in range(5)]
MINUTE = timedelta(minutes=1)


class Hand(Clock):
    """A clock that is set by hand; whoever waits for an instant looks at it often."""

    def __init__(self) -> None:
        super().__init__()
        self.at = T0

    def now(self) -> datetime:
        return self.at

    def real_seconds_until(self, at: datetime) -> float:
        return 0.0 if at <= self.at else 0.01


def homes() -> Homes:
    return Homes([DerSettings(name=name, parent="ra-1", devices=(vehicle(f"ev-{name}"),)) for name in NAMES])


@asynccontextmanager
async def running(path: Path | None, clock: Clock) -> AsyncIterator[tuple[Gateway, MemoryBus]]:
    bus = MemoryBus()
    journal = None if path is None else FleetJournal(path)
    if journal is not None:
        journal.start()
    gateway = Gateway(homes(), dict.fromkeys(NAMES, bus), clock, journal)
    task = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(20):
            yield gateway, bus
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if journal is not None:
            await journal.close()


def request(home: str, round_: int = 1) -> Arrival:
    asked = m.Request(
        message_id=f"r.{home}.{round_}", sent_at=T0, event_id="e1", request_id=f"r{round_}", round=round_, revision=1,
        program_id="dr", direction=Direction.DECREASE_LOAD, interval_period=m.IntervalPeriod(start=START),
        power_w=(2_000, 2_000), reply_by=START - 30 * MINUTE, decide_by=START - 20 * MINUTE,
    )  # fmt: skip
    return Arrival(f"dr/request/ra-1/{home}", encode(asked))


async def rested(gateway: Gateway) -> Path | None:
    """Once nothing is under way any more."""
    while not gateway.idle:
        await asyncio.sleep(0)
    return await gateway.rest(archive_after=len(NAMES))


async def test_what_is_over_is_archived_and_a_late_repeat_is_still_a_repeat(tmp_path: Path) -> None:
    path, clock = tmp_path / "fleet.journal", Hand()
    async with running(path, clock) as (gateway, bus):
        await gateway.deliver([request(name) for name in NAMES])
        offers = [await bus.posts.get() for _ in NAMES]
        assert {post.topic for post in offers} == {f"dr/offer/ra-1/{name}" for name in NAMES}
        assert await rested(gateway) is None  # their offers stand
        clock.at = START + 3 * SLOT
        moved = await rested(gateway)
        assert moved is not None
        assert moved.parent == path.with_name("fleet.journal.archive")
        assert not gateway.homes.knows("h-1", "e1")
        assert await rested(gateway) is None  # there is nothing new to be moved
        repeat = asyncio.Event()
        await gateway.deliver([request("h-1")._replace(acknowledge=repeat.set)])
        await repeat.wait()
        assert gateway.counts["repeated_archived"] == 1
        assert bus.posts.empty()
    async with running(path, clock) as (gateway, bus):  # what was archived is not taken again
        await gateway.deliver([request("h-2")])
        while not gateway.idle:
            await asyncio.sleep(0)
        assert gateway.counts["repeated_archived"] == 1
        assert not gateway.homes.knows("h-2", "e1")


async def test_without_a_journal_homes_that_left_their_usual_course_go_back_to_sleep() -> None:
    clock = Hand()
    async with running(None, clock) as (gateway, _):
        await gateway.deliver([request("h-1"), request("h-1", 2)])
        while not gateway.homes.awake:
            await asyncio.sleep(0)
        await rested(gateway)
        assert gateway.homes.awake == 1  # its offer stands
        actor = weakref.ref(gateway.homes.actor("h-1"))
        clock.at = START + 3 * SLOT
        await rested(gateway)
        assert gateway.homes.awake == 0
        assert actor() is None
