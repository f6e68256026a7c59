"""What steps set off, done in their order: when an entry is durable, and not before; for one party or a fleet of them.

The doer runs behind the stepper: while one group of entries is being flushed the next is already computed. An arrival
is acknowledged when what its batch set off has been handed over.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeAlias

from agents.runtime.journal.journal import Journal, Mark
from broker.bus import Bus, Post
from broker.clock import Clock
from protocol.actor import Clear, Effect, Entry, Measure, Note, Question, Send, Setpoint, Solve
from protocol.edges import ROUTES, topic
from protocol.messages import Request

AHEAD = 5_000
"""Steps and effects that may be taken, but not done yet; beyond that no more input is taken (back-pressure)."""

Listener: TypeAlias = Callable[[datetime, str, Note], None]
Drive: TypeAlias = Callable[[str, Setpoint], None]
"""Lets the device of a party have its set-point."""
Meter: TypeAlias = Callable[[Measure], None]
"""Asks a device that does not answer at once."""
Solver: TypeAlias = Callable[[Solve], None]
"""Has a plan computed, beside everything else."""


@dataclass(slots=True)
class Job:
    """Steps with their numbers in the journal (0: not kept), and what tells the arrivals' senders that they are safe."""

    entries: list[tuple[int, Entry]] = field(default_factory=list)
    redo: list[tuple[str, Mark, Effect]] = field(default_factory=list)
    """Effects of an earlier life that may not have left, by party."""
    acknowledge: Sequence[Callable[[], None]] = ()
    untold: tuple[str, ...] = ()
    """Notes of these names are told to nobody: they stand in the journal."""

    @property
    def size(self) -> int:
        return len(self.redo) + sum(1 + len(entry.effects) for _, entry in self.entries)


class Outgoing:
    """The doer. `ways_out`: by party, the bus on which it is heard."""

    def __init__(
        self,
        ways_out: Mapping[str, Bus],
        clock: Clock,
        drive: Drive,
        tell: Listener,
        journal: Journal | None,
        ask: Callable[[Question], str] = lambda question: question.text,
        meter: Meter = lambda asked: None,
        solve: Solver = lambda asked: None,
    ) -> None:
        """`ask`: how a question is put to the resident."""
        self.questions: dict[str, Question] = {}
        """Questions to the resident that nobody has answered yet, by event."""
        self._at_work = False
        self._ways_out, self._clock, self._drive, self._tell, self._journal = ways_out, clock, drive, tell, journal
        self._ask = ask
        self._meter, self._solve = meter, solve
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._room = asyncio.Event()
        self.waiting = 0
        """Steps and effects that are not done."""

    @property
    def idle(self) -> bool:
        """Whether everything that was handed over is done."""
        return not self._at_work and self._jobs.empty()

    async def put(self, job: Job) -> None:
        """Hand steps over; waits while too many are not done."""
        while self.waiting >= AHEAD:
            self._room.clear()
            await self._room.wait()
        self.waiting += job.size
        self._jobs.put_nowait(job)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._at_work = False
            job = await self._jobs.get()
            self._at_work = True
            last = max((number for number, _ in job.entries), default=0)
            if self._journal is not None and last:
                await self._journal.durable(last)
            for name, at, mark, effect in self._effects(job):
                if isinstance(effect, Note) and effect.name in job.untold:
                    continue
                if (post := self._do(name, at, mark, effect)) is not None:
                    await self._ways_out[name].publish(post)
            for acknowledge in job.acknowledge:
                acknowledge()
            self.waiting -= job.size
            self._room.set()

    def _effects(self, job: Job) -> Iterator[tuple[str, datetime, Mark, Effect]]:
        for name, mark, effect in job.redo:
            yield name, self._clock.now(), mark, effect
        for number, entry in job.entries:
            for place, effect in enumerate(entry.effects):
                yield entry.actor, entry.at, (number, place), effect

    def _do(self, name: str, at: datetime, mark: Mark, effect: Effect) -> Post | None:
        """Do an effect here, or say what is to be published."""
        if isinstance(effect, Send):
            message, edge = effect.message, effect.edge
            expires_in_s = None
            if isinstance(message, Request):
                expires_in_s = self._clock.expires_in_s(message.reply_by)
            kind = message.kind
            return Post(
                topic(kind, edge), effect.body, ROUTES[kind].retained, expires_in_s, self._sent(name, mark), edge
            )
        match effect:
            case Clear(edge):
                return Post(topic("request", edge), b"", retain=True, sent=self._sent(name, mark), edge=edge)
            case Setpoint(_, power_w, _, until):
                if until > self._clock.now() or power_w is None:
                    self._drive(name, effect)
                if (sent := self._sent(name, mark)) is not None:
                    sent()
            case Measure():
                self._meter(effect)
            case Solve():
                self._solve(effect)
            case Question():
                self.questions[effect.event_id] = effect
                asked = {"question": self._ask(effect), "answer_by": effect.answer_by}
                self._tell(at, name, Note("resident_asked", effect.event_id, "S50", asked))
            case Note():
                self._tell(at, name, effect)
        return None

    def _sent(self, name: str, mark: Mark) -> Callable[[], None] | None:
        return partial(self._journal.sent, name, mark) if self._journal is not None and mark[0] else None
