"""The shell of a fleet: all that waits -> the homes -> journal -> effects, over one or a few connections.

The same promises as for one actor (agents/runtime/shell.py): what is due comes before what has come in, but after a start what
waited comes first; nothing is published, and nothing acknowledged, before it is durable. Without a journal that is at once, and a crash forgets every award.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from agents.runtime.clock_watch import Suspension
from agents.runtime.fleet.homes import Fallen, Given, Homes
from agents.runtime.fleet.keeping import FleetJournal
from agents.runtime.fleet.past import FleetPast
from agents.runtime.foretelling import foretelling
from agents.runtime.hearing import Hearing
from agents.runtime.memory import let_go
from agents.runtime.net import Net
from agents.runtime.opening import Opener, read
from agents.runtime.outgoing import Job, Outgoing
from broker.bus import Arrival, Bus
from broker.clock import STEP_S, Clock
from broker.faults import first_error
from broker.stepper import set_back
from protocol.actor import Entry, Input, Note, Reanchored, Received, Refused, Send
from protocol.edges import ROUTES, Edge, parse_topic
from protocol.errors import RefusedMessage

INBOX = 20_000
"""Messages that may wait; beyond that no more is read (back-pressure)."""
MOST = 1_000
"""Messages (or homes that are due) in one batch: a tenth of a second."""
GATHER_S = 0.02
"""How long more is waited for when something comes: an aggregator asks its homes one after the other."""
LOOKS_AGAIN_S = 2.0
"""A deadline may have moved nearer by more than has gone by: the clock was set, or the machine was suspended."""
HEARD_TOGETHER = 20_000
"""Homes for which what waited at the broker is heard within a single party's time; more have as many times as long."""


class Gateway:
    """Speaks for many homes. `ways_out`: by home, the bus on which it is heard. `verifier`: of what must be signed."""

    def __init__(
        self,
        homes: Homes,
        ways_out: Mapping[str, Bus],
        clock: Clock,
        journal: FleetJournal | None = None,
        tell: Callable[[datetime, str, Note], None] = lambda at, who, note: None,
        verifier: Opener | None = None,
    ) -> None:
        self.homes, self.clock, self.verifier = homes, clock, verifier
        self.counts: Counter[str] = Counter()
        """Messages by kind, `heard.KIND` and `said.KIND`, and steps by name."""
        self._journal, self._tell, self._ways_out = journal, tell, ways_out
        self._outgoing = Outgoing(ways_out, clock, homes.drive, self._count, journal)
        self.net = Net()
        self._hearing = Hearing()
        self._inbox: asyncio.Queue[tuple[Given, Callable[[], None]]] = asyncio.Queue(INBOX)
        self._taking = asyncio.Event()
        """Not before the homes know again what their journal knows: a repeat is told from something new by that."""
        self._begun, self._in_hand = 0, True
        """Entries that a start writes; whether it is still under way, or something was taken from the inbox that is not
        handed on yet."""
        self._suspension = Suspension(clock)
        self._away_since: datetime | None = None
        """From when on nobody was there, where the homes do not know it yet."""
        self.past = FleetPast(homes, journal)
        self._knows = False
        self._known_at: datetime | None = None
        """The instant of the last entry that was there at the start."""

    @property
    def waiting(self) -> int:
        """Messages that have come in and were not taken yet."""
        return self._inbox.qsize()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        deadline = self.homes.deadline
        due = deadline is not None and deadline <= self.clock.now()
        return self._inbox.empty() and not self._in_hand and not due and self._outgoing.idle

    async def run(self) -> None:
        """Until cancelled. Raises what a home raises, and JournalError."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._outgoing.run())
                tasks.create_task(self._step_on())
                tasks.create_task(self._foretell())
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    async def rest(self, archive_after: int) -> Path | None:
        """When no home has anything under way or to come, all begin anew, as asleep as at the start: the journal moves
        to the archive once it has so many entries (and no fewer than a start writes); without one it is done when a
        home has left its usual course. The file in the archive. Nothing is taken until the ids of what was heard stand
        where repeats are looked up."""
        journal, now = self._journal, self.clock.now()
        if journal is None:
            due = self.homes.awake > 0
        else:
            due = journal.length - self._begun >= max(archive_after, self._begun)
        at_rest = self.homes.at_rest(now)
        if journal is not None and not at_rest:
            return await self.past.move_out(journal, max(archive_after, self._begun))
        if not due or not self.idle or not at_rest:
            return None
        self._taking.clear()
        self.past.half_way = True
        moving = None if journal is None else journal.archive()  # before anything of those who begin anew
        self.homes.forget()
        let_go()
        for job in self._begin(now):
            await self._outgoing.put(job)
        self.past.half_way = False
        moved = None if moving is None else await moving
        self._taking.set()
        return moved

    def was_away(self, since: datetime) -> None:
        """Time has jumped forward from an instant: as after a start, what was said meanwhile comes before what is due."""
        if not self._hearing.on:
            self._away_since = since
            self._hear()

    def _hear(self) -> None:
        self._hearing.begin(max(1.0, len(self.homes) / HEARD_TOGETHER))

    # -- inputs

    async def deliver(self, arrivals: Iterable[Arrival]) -> None:
        """What a bus hands over. Waits while the inbox is full."""
        await self._taking.wait()
        for arrival in arrivals:
            given = self._given(arrival)
            if given is None:
                arrival.acknowledge()
            else:
                await self._inbox.put((given, arrival.acknowledge))

    async def give(self, name: str, item: Input) -> None:
        """Let a home take an input that no message is, until it is durable."""
        await self._taking.wait()
        taken = asyncio.Event()
        await self._inbox.put(((name, item), taken.set))
        await taken.wait()

    def _given(self, arrival: Arrival) -> Given | None:
        try:
            kind, edge = arrival.place or parse_topic(arrival.topic)
        except RefusedMessage:
            return None
        if edge.child not in self.homes:
            self.counts["heard.for_others"] += 1
            return None
        if not arrival.payload or (arrival.retained and not ROUTES[kind].retained):
            return None
        self.counts[f"heard.{kind}"] += 1
        item = read(kind, edge, arrival, self.verifier)
        return None if self._archived(edge.child, item) else (edge.child, self.net.refusal(item) or item)

    def _archived(self, name: str, item: Received | Refused) -> bool:
        journal = self._journal
        if journal is None or isinstance(item, Refused):
            return False
        known = journal.repeats_archived(name, item, partial(self.homes.knows, name))
        self.counts["repeated_archived"] += known
        return known

    # -- steps

    async def _step_on(self) -> None:
        for job in self._first_jobs():
            await self._outgoing.put(job)
        self._in_hand = self.past.half_way = False
        self._taking.set()
        while True:
            batch = await self._next()
            if self.clock.ahead_s >= STEP_S and self.clock.follows:
                await self._outgoing.put(self._set_back(self.clock.now(), self.clock.running()))
                self.clock.step_back()
            now = self.clock.now()
            if (suspended := self._suspension.since(now)) is not None:
                self.was_away(suspended)
            since, self._away_since = self._away_since, None
            for job in self._in_jobs(self.homes.resume(since, now)) if since is not None else ():
                await self._outgoing.put(job)
            due = not self._hearing.on
            entries = [*self._stored(self.homes.wake(now, MOST))] if due else []
            entries += self._stored(self.homes.take(map(_first, batch), now, due=due))
            while self.homes.fallen:
                self.past.half_way = True
                entries += await self._mended(*self.homes.fallen.popitem(), now, due)
                self.past.half_way = bool(self.homes.fallen)
            await self._outgoing.put(Job(entries, acknowledge=[acknowledge for _, acknowledge in batch]))
            self._in_hand = False
            await asyncio.sleep(0)  # the carriers' turn

    async def _mended(self, name: str, fallen: Fallen, now: datetime, due: bool) -> list[tuple[int, Entry]]:
        """The steps of a home that could not take a message, with a refusal in its place. Raises JournalError."""
        item, error, behind = fallen
        refused, journal = self.net.catch(name, item, error), self._journal
        if journal is None:
            self.homes.begin_anew(name, now)
        else:
            await self.past.restore(name, journal)
        return list(self._stored(self.homes.take([(name, one) for one in (refused, *behind)], now, due=due)))

    async def _next(self) -> list[tuple[Given, Callable[[], None]]]:
        """All that waits; empty when a deadline has come (or may have moved)."""
        if (waited := await self._hearing.next(self._inbox)) is not None:
            self._in_hand = True
            await asyncio.sleep(GATHER_S)
            return self._and_more([waited])
        deadline = self.homes.deadline
        wait_s = None if deadline is None else self.clock.real_seconds_until(deadline)
        batch: list[tuple[Given, Callable[[], None]]] = []
        if self._inbox.empty() and wait_s != 0:
            try:
                async with asyncio.timeout(LOOKS_AGAIN_S if wait_s is None else min(wait_s, LOOKS_AGAIN_S)):
                    batch.append(await self._inbox.get())
                    self._in_hand = True
            except TimeoutError:
                return batch
            if wait_s is None or wait_s > GATHER_S:
                await asyncio.sleep(GATHER_S)
        return self._and_more(batch)

    def _and_more(self, batch: list[tuple[Given, Callable[[], None]]]) -> list[tuple[Given, Callable[[], None]]]:
        while len(batch) < MOST and not self._inbox.empty():
            batch.append(self._inbox.get_nowait())
        return batch

    def _first_jobs(self) -> Iterator[Job]:
        """Where the last process ended: what the homes know, what may not have left, what is to be said again."""
        self.know()
        last_at, now = self._known_at, self.clock.now()
        if self._journal is not None and last_at is not None:
            yield Job(redo=list(self._journal.not_left()))
            if last_at > now:  # the clock was ahead, and is right by now
                yield self._set_back(last_at, now)
            yield from self._in_jobs(self.homes.resume(min(last_at, now), now))
        yield from self._begin(now)
        if last_at is not None:
            self._hear()

    def _set_back(self, at: datetime, to_at: datetime) -> Job:
        """What comes behind it may be of an earlier instant: it stands in the journal once, under the first home's name."""
        item = Reanchored(to_at)
        return Job(list(self._stored([Entry(at, next(iter(self.homes.settings)), item, set_back(item, at))])))

    def _begin(self, now: datetime) -> Iterator[Job]:
        """Every device is read once."""
        self._begun = 0
        for job in self._in_jobs(self.homes.begin(now)):
            self._begun += len(job.entries)
            yield job

    def _in_jobs(self, entries: Iterator[Entry]) -> Iterator[Job]:
        while some := list(islice(entries, MOST)):
            yield Job(list(self._stored(some)))

    def know(self) -> None:
        """Let the homes know what the journal knows, once. Raises JournalError."""
        if not self._knows:
            self._known_at, self._knows = self.past.fold(), True

    def _stored(self, entries: Iterable[Entry]) -> Iterator[tuple[int, Entry]]:
        """Count what is said, and hand what belongs into the journal over to it."""
        for number, entry in self.past.store(entries):
            self.counts.update(f"said.{effect.message.kind}" for effect in entry.effects if isinstance(effect, Send))
            yield number, entry

    async def _foretell(self) -> None:
        """Tell now and then what homes could probably give, each in its time: one after the other, so that nothing waits
        for all of them."""
        settings, clock = self.homes.settings, self.clock
        due = {name: clock.now() for name in self.homes.foretellers()}
        while due:
            for name in [name for name, at in due.items() if at <= clock.now()]:
                now, every_s = clock.now(), settings[name].capability_every_s or 0
                due[name] = now + timedelta(seconds=every_s)
                told = self.homes.capability(name, now)
                if told is not None:
                    edge = Edge(settings[name].parent, name)
                    await self._ways_out[name].publish(foretelling(told, edge, clock))
                await asyncio.sleep(0)
            await asyncio.sleep(max(0.05, min(LOOKS_AGAIN_S, clock.real_seconds_until(min(due.values())))))

    def _count(self, at: datetime, name: str, note: Note) -> None:
        self.counts[note.name] += 1
        self._tell(at, name, note)


def _first(one: tuple[Given, Callable[[], None]]) -> Given:
    return one[0]
