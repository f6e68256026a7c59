"""What a year does to a party that never rests: `python bench/year.py [DAYS]` (virtual days, 365 by default; a day of 48
events takes some seconds).

A coordinator with two aggregators is asked every half hour. Its journal is a real one that is kept as a daemon keeps it:
segments move out, a state is stored. It is killed at twenty random instants of the way, and goes on with what its
journal knows. What it knows, file and time of a start are measured once in a tenth of the way; its end is held against its half.
"""

import asyncio
import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests" / "support")]

from memory_bus import MemoryBus
from worlds import T0, World, battery

from agents.parties.coordinator.actor import Coordinator
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.daemon import PartiesConfig
from agents.settings.members import Member
from agents.settings.parties import CoordinatorSettings
from bench.measure import Row, row
from broker.clock import Clock
from broker.simulation import Simulation
from broker.stepper import Stepper, is_durable
from protocol.actor import Entry, Issue
from protocol.units import Direction

EVENTS_A_DAY, HALF_HOUR, AHEAD = 48, timedelta(minutes=30), timedelta(minutes=50)
ARCHIVE_AFTER = 2_000
KILLS, TENTHS = 20, 10
POWER_W = 2_000


class Figures(NamedTuple):
    """At one instant of the way."""

    state_bytes: int
    """What the coordinator knows, packed."""
    file_bytes: int
    start_s: float
    rss_mb: float
    events: int


class CoordinatorsYear:
    """The simulation, and the journal of its coordinator."""

    def __init__(self, folder: Path) -> None:
        world = World(utility={"mandate": True})
        for number in (1, 2):
            name = f"ra-{number}"
            homes = [world.home(f"{name}-h{i}", name, battery(f"bat-{name}-{i}", 3_000)) for i in range(2)]
            world.aggregator(name, homes)
        members = tuple(
            Member(name=f"ra-{number}", kind="aggregator", increase_load_w=12_000, decrease_load_w=12_000)
            for number in (1, 2)
        )
        self.settings = CoordinatorSettings(name="ac", members=members)
        self.world, self.path = world, folder / "ac.journal"
        self.configuration = PartiesConfig(coordinator=self.settings).as_bytes()
        built = world.build(keep_trace=True)
        self.simulation: Simulation = built
        self.journal = self._opened()
        self.state_bytes = 0

    def _opened(self) -> Journal:
        journal = Journal(self.path, configuration=self.configuration)
        journal.start()
        return journal

    def shell(self, journal: Journal) -> Shell:
        return Shell(Coordinator(self.settings), MemoryBus(), Clock(T0, T0), journal=journal)

    def ask(self, day: int) -> None:
        """The events of a day: half of them take load off, half put it on."""
        for number in range(EVENTS_A_DAY):
            start = T0 + timedelta(days=day) + (number + 2) * HALF_HOUR
            way = Direction.DECREASE_LOAD if number % 2 else Direction.INCREASE_LOAD
            order = Issue(f"d{day}-{number}", "dr", way, start, (POWER_W,))
            self.simulation.give(start - AHEAD, "utility", order)

    async def store(self) -> None:
        """Write what the coordinator has done since; move out what is over once there is enough."""
        mine = [entry for entry in self.simulation.trace if entry.actor == "ac" and is_durable(entry)]
        for kept in (self.simulation.trace, self.simulation.posts, self.simulation.notes):
            kept.clear()
        for entry in mine:
            self._append(entry)
        await self.journal.all_durable()
        if self.journal.since_moved >= ARCHIVE_AFTER:
            running = self.shell(self.journal)
            running.fold()
            state = running.state()
            self.state_bytes = len(state.body)
            await self.journal.move_out([state])

    def _append(self, entry: Entry) -> None:
        number = self.journal.append(entry)
        for place in range(len(entry.effects)):
            self.journal.sent("ac", (number, place))

    async def killed(self) -> float:
        """Its process ends; the next one goes on with what the journal knows. Seconds of its start."""
        await self.journal.close()
        began = time.perf_counter()
        self.journal = self._opened()
        started = self.shell(self.journal)
        started.fold()
        seconds = time.perf_counter() - began
        node = self.simulation.nodes["ac"]
        if started.actor.status() != node.stepper.actor.status():
            raise RuntimeError("a start knows something else than the party that was killed")
        told = node.stepper.told
        node.stepper = Stepper(started.actor)
        node.stepper.told = told
        return seconds

    async def figures(self) -> Figures:
        start_s = median([await self.killed() for _ in range(3)])
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
        status = self.simulation.actor("ac").status()["events"]
        assert isinstance(status, list)
        return Figures(self.state_bytes, self.path.stat().st_size, start_s, rss_mb, len(status))


async def lived(days: int, kills: int = KILLS) -> list[Figures]:
    """Figures at each tenth of the way."""
    random, found = Random(1), []
    with tempfile.TemporaryDirectory(prefix="gridpact-bench-") as folder:
        year = CoordinatorsYear(Path(folder))
        killed_on = {random.randrange(days) for _ in range(kills)}
        for day in range(days):
            year.ask(day)
            middle = T0 + timedelta(days=day, hours=random.uniform(2, 22))
            year.simulation.run(until=middle)
            await year.store()
            if day in killed_on:
                await year.killed()
            year.simulation.run(until=T0 + timedelta(days=day + 1))
            await year.store()
            if (day + 1) % max(1, days // TENTHS) == 0:
                found.append(await year.figures())
        await year.journal.close()
    return found


async def rows(quick: bool) -> list[Row]:
    """The end of the way beside its half: by then it has forgotten closed events for the first time. It takes twenty
    minutes: a quick run leaves it out."""
    if quick:
        return []
    days = 365
    found = await lived(days)
    early, late, events = found[len(found) // 2 - 1], found[-1], days * EVENTS_A_DAY
    pairs = (
        ("a year: what it knows", late.state_bytes / 1e3, early.state_bytes / 1e3, "kB"),
        ("a year: journal", late.file_bytes / 1e6, early.file_bytes / 1e6, "MB"),
        ("a year: start", late.start_s, early.start_s, "s"),
    )
    return [row(name, events, [(ours, theirs)], unit, "half of the way") for name, ours, theirs, unit in pairs]


async def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 365
    began = time.perf_counter()
    for number, one in enumerate(await lived(days), 1):
        print(
            f"{number * max(1, days // TENTHS):>4} days: state {one.state_bytes / 1e3:.0f} kB ({one.events} events known), "
            f"journal {one.file_bytes / 1e6:.1f} MB, start {one.start_s:.2f} s, most memory {one.rss_mb:.0f} MB"
        )
    print(f"{days} days of {EVENTS_A_DAY} events in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    asyncio.run(main())
