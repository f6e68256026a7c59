"""What a year does to parties that never rest: `python bench/year.py [DAYS]` (virtual days, 365 by default; a day of 48
events takes some seconds).

A coordinator with two aggregators is asked every half hour. Each week their settings change, and a home joins one of the
aggregators or leaves it, in the midst of events. The journals are real ones that are kept as a daemon keeps them: segments
move out, a state is stored. At twenty random instants of the way one of the three is killed, and goes on with what its
journal knows. At the end of each week nobody is asked for two hours: then the checker of the simulator judges the week.
What each party knows, file and time of a start are measured once in a tenth of the way; the end is held against the half.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests" / "support")]

from checker import violations
from memory_bus import MemoryBus
from worlds import T0, World, battery

from agents.runtime.build import build_actor
from agents.runtime.journal import segments
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.contracts import plain_contract
from agents.settings.daemon import PartiesConfig
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings
from bench.measure import Row, row
from broker.clock import Clock
from broker.simulation import Simulation
from broker.stepper import is_durable
from protocol.actor import Actor, Entry, Issue, Reconfigured
from protocol.units import Direction

EVENTS_A_DAY, HALF_HOUR, AHEAD = 48, timedelta(minutes=30), timedelta(minutes=50)
WEEK_DAYS, PAUSE = 7, 4
"""The last events of a week are left out, so that all others are over when it is judged."""
ARCHIVE_AFTER = 2_000
KEPT_IDS = 20_000
"""A tenth of the ids of archived messages that a journal keeps at most: its file is flat once they are reached, here after
some weeks and not after most of a year."""
KILLS, TENTHS = 20, 10
DOWN_S = (1, 20, 300, 1_500)
POWER_W = {Direction.DECREASE_LOAD: 2_000, Direction.INCREASE_LOAD: 2_216}
"""What batteries lose on the way is put on: else they would be empty after some weeks."""
HOME_W, HOMES = 3_000, 3
AGGREGATORS = ("ra-1", "ra-2")


class Figures(NamedTuple):
    """Of one party at one instant of the way."""

    party: str
    state_bytes: int
    """What it knows, packed."""
    file_bytes: int
    start_s: float
    events: int
    ids: int
    """Of archived messages, that stay known."""


class Overall(NamedTuple):
    """Of all of it at that instant."""

    day: int
    parties: tuple[Figures, ...]
    retained: int
    """Messages that stand at the broker."""
    rss_mb: float


class KeptParty:
    """A party's journal, and its actor made anew of it."""

    def __init__(self, settings: CoordinatorSettings | AggregatorSettings, folder: Path) -> None:
        one = "coordinator" if isinstance(settings, CoordinatorSettings) else "aggregator"
        self.settings, self.path = settings, folder / f"{settings.name}.journal"
        self.configuration = PartiesConfig.model_validate({one: settings}).as_bytes()
        self.journal = self._opened()
        self.state_bytes = 0

    def _opened(self) -> Journal:
        journal = Journal(self.path, configuration=self.configuration)
        journal.start()
        return journal

    def _shell(self) -> Shell:
        return Shell(build_actor(self.settings), MemoryBus(), Clock(T0, T0), journal=self.journal)

    async def store(self, entries: list[Entry]) -> None:
        """Write what it has done; move out what is over once there is enough."""
        for entry in entries:
            number = self.journal.append(entry)
            for place in range(len(entry.effects)):
                self.journal.sent(entry.actor, (number, place))
        await self.journal.all_durable()
        if self.journal.since_moved >= ARCHIVE_AFTER:
            running = self._shell()
            running.fold()
            state = running.state()
            self.state_bytes = len(state.body)
            await self.journal.move_out([state])

    async def started(self) -> tuple[Actor, float]:
        """A new process's actor, and the processor time that it takes to know what the journal knows, s."""
        await self.journal.close()
        began = time.process_time()
        self.journal = self._opened()
        shell = self._shell()
        shell.fold()
        return shell.actor, time.process_time() - began

    async def figures(self, running: Actor) -> Figures:
        starts = []
        for _ in range(3):
            actor, seconds = await self.started()
            starts.append(seconds)
            if actor.status() != running.status():
                raise RuntimeError(f"a start of {actor.name} knows something else than the party that runs")
        events = running.status()["events"]
        assert isinstance(events, list)
        ids = self.journal.ids_kept()
        return Figures(running.name, self.state_bytes, self.path.stat().st_size, median(starts), len(events), ids)


class Year:
    """The simulation, and the journals of its coordinator and its aggregators."""

    def __init__(self, folder: Path) -> None:
        world = World(utility={"mandate": True})
        for name in AGGREGATORS:
            homes = [world.home(f"{name}-h{i}", name, battery(f"bat-{name}-{i}", HOME_W)) for i in range(HOMES)]
            world.aggregator(name, homes, capacity_w=HOME_W, reliability_half_life_days=30)
        self.contracts: Mapping[str, Member] = {one.name: one for ra in world.aggregators for one in ra.members}
        self.simulation: Simulation = world.build(keep_trace=True)
        self.simulation.run(until=T0)
        self.kept = {ra.name: KeptParty(ra, folder) for ra in world.aggregators}
        members = tuple(
            Member(name=name, kind="aggregator", increase_load_w=scale, decrease_load_w=scale)
            for name, scale in world.scales.items()
        )
        self.kept["ac"] = KeptParty(CoordinatorSettings(name="ac", members=members), folder)
        self.away: set[str] = set()
        """Homes that are under no contract now."""
        self.week: list[Entry] = []
        self.broken: list[str] = []

    # -- what happens

    def ask(self, day: int) -> None:
        """The events of a day: half of them take load off, half put it on."""
        last = EVENTS_A_DAY - (PAUSE if day % WEEK_DAYS == WEEK_DAYS - 1 else 0)
        for number in range(last):
            start = T0 + timedelta(days=day) + (number + 2) * HALF_HOUR
            way = Direction.DECREASE_LOAD if number % 2 else Direction.INCREASE_LOAD
            self.simulation.give(start - AHEAD, "utility", Issue(f"d{day}-{number}", "dr", way, start, (POWER_W[way],)))

    def reconfigure(self, week: int, at: datetime) -> None:
        """Other settings for all three; a home joins or leaves."""
        self.simulation.give(at, "ac", Reconfigured({}, {"report_grace_s": 240 + week % 5}))
        for name in AGGREGATORS:
            self.simulation.give(at, name, Reconfigured({}, {"collect_pct": 50 - week % 5}))
        home = f"{AGGREGATORS[week % 2]}-h{week // 2 % HOMES}"
        joins = home in self.away
        (self.away.remove if joins else self.away.add)(home)
        terms = plain_contract(self.contracts[home]) if joins else None
        self.simulation.give(at + timedelta(minutes=7), home.rpartition("-")[0], Reconfigured({home: terms}))

    async def kill(self, name: str, down: timedelta) -> None:
        """The process of a party ends; the next one goes on with what the journal knows."""
        self.simulation.kill(name, down)
        await self.store()
        actor, _ = await self.kept[name].started()
        self.simulation.nodes[name].build = lambda: actor

    async def store(self) -> None:
        """Write what the three have done since."""
        entries = [entry for entry in self.simulation.trace if is_durable(entry)]
        self.week += entries
        for node in self.simulation.nodes.values():
            node.forget()
        for told in (self.simulation.trace, self.simulation.posts, self.simulation.notes):
            told.clear()
        for name, party in self.kept.items():
            await party.store([entry for entry in entries if entry.actor == name])

    def judge(self) -> None:
        """The week is over: nothing of it goes on."""
        self.broken += violations(self.week)
        self.week.clear()

    async def figures(self, day: int) -> Overall:
        parties = [await party.figures(self.simulation.actor(name)) for name, party in sorted(self.kept.items())]
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
        return Overall(day, tuple(parties), len(self.simulation.retained), rss_mb)

    async def close(self) -> None:
        for party in self.kept.values():
            await party.journal.close()


async def lived(days: int, kills: int = KILLS) -> tuple[list[Overall], list[str]]:
    """Figures at each tenth of the way, and which promises were broken."""
    random, found = Random(1), []
    with tempfile.TemporaryDirectory(prefix="gridpact-bench-") as folder:
        segments.STORED_IDS = KEPT_IDS
        year = Year(Path(folder))
        killed_at = sorted(
            T0 + timedelta(days=random.randrange(days), hours=random.uniform(1, 22)) for _ in range(kills)
        )
        for day in range(days):
            began_at = T0 + timedelta(days=day)
            year.ask(day)
            if day % WEEK_DAYS == 3:
                year.reconfigure(day // WEEK_DAYS, began_at + timedelta(hours=random.uniform(2, 20)))
            for at in [at for at in killed_at if began_at <= at < began_at + timedelta(days=1)]:
                year.simulation.run(until=at)
                name = random.choice(sorted(year.kept))
                if year.simulation.nodes[name].up:
                    await year.kill(name, timedelta(seconds=random.choice(DOWN_S)))
            for hours in (12, 24):
                year.simulation.run(until=began_at + timedelta(hours=hours))
                await year.store()
            if day % WEEK_DAYS == WEEK_DAYS - 1 or day == days - 1:
                year.judge()
            if (day + 1) % max(1, days // TENTHS) == 0:
                found.append(await year.figures(day + 1))
                print(said(found[-1]), file=sys.stderr, flush=True)
        await year.close()
    return found, year.broken


def said(one: Overall) -> str:
    """The figures of an instant in a line."""
    parties = (
        f"{party.party}: {party.state_bytes / 1e3:.0f} kB ({party.events} events), journal {party.file_bytes / 1e6:.1f} MB "
        f"({party.ids} ids), start {party.start_s:.2f} s"
        for party in one.parties
    )
    return f"{one.day:>4} days; {'; '.join(parties)}; {one.retained} retained, most memory {one.rss_mb:.0f} MB"


async def rows(quick: bool) -> list[Row]:
    """The end of the way beside its half: by then it has forgotten closed events for the first time. It takes long: a
    quick run leaves it out."""
    if quick:
        return []
    days = 365
    found, broken = await lived(days)
    if broken:
        raise RuntimeError("; ".join(broken[:3]))
    early, late, events = found[len(found) // 2 - 1], found[-1], days * EVENTS_A_DAY
    made = []
    for half, end in zip(early.parties, late.parties, strict=True):
        pairs = (
            ("what it knows", end.state_bytes / 1e3, half.state_bytes / 1e3, "kB"),
            ("journal", end.file_bytes / 1e6, half.file_bytes / 1e6, "MB"),
            ("start", end.start_s, half.start_s, "s"),
        )
        made += [
            row(f"a year of {end.party}: {name}", events, [(ours, theirs)], unit, "half of the way")
            for name, ours, theirs, unit in pairs
        ]
    return made


async def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 365
    began = time.perf_counter()
    _, broken = await lived(days)
    for text in broken:
        print(f"BROKEN: {text}")
    print(f"{days} days of {EVENTS_A_DAY} events in {time.perf_counter() - began:.0f} s; {len(broken)} promises broken")


if __name__ == "__main__":
    asyncio.run(main())
