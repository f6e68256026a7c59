"""What a party's steps set off, done in their order: when an entry is durable, and not before.

The doer runs behind the stepper: while one group of entries is being flushed the next is already computed. An arrival
is acknowledged when what its batch set off has been handed over.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeAlias

from agents.journal import Journal, Mark
from broker.bus import Bus, Post
from broker.clock import Clock
from broker.stepper import Driver
from protocol.actor import Clear, Effect, Entry, Note, Question, Send, Setpoint
from protocol.edges import ROUTES, topic
from protocol.messages import Request

AHEAD = 10_000
"""Steps and effects that may be taken, but not done yet; beyond that no more input is taken (back-pressure)."""

Listener: TypeAlias = Callable[[datetime, str, Note], None]


@dataclass(slots=True)
class Job:
    """Steps with their numbers in the journal (0: not kept), and what tells the arrivals' senders that they are safe."""

    entries: list[tuple[int, Entry]] = field(default_factory=list)
    redo: list[tuple[Mark, Effect]] = field(default_factory=list)
    """Effects of an earlier life that may not have left."""
    acknowledge: Sequence[Callable[[], None]] = ()

    @property
    def size(self) -> int:
        return len(self.redo) + sum(1 + len(entry.effects) for _, entry in self.entries)


class Outgoing:
    """The doer of one party."""

    def __init__(
        self, name: str, bus: Bus, clock: Clock, drivers: Mapping[str, Driver], tell: Listener, journal: Journal | None
    ) -> None:
        self.questions: dict[str, Question] = {}
        """Questions to the resident that nobody has answered yet, by event."""
        self.idle = True
        self._name, self._bus, self._clock, self._drivers = name, bus, clock, drivers
        self._tell, self._journal = tell, journal
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._room = asyncio.Event()
        self.waiting = 0
        """Steps and effects that are not done."""

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
            self.idle = self._jobs.empty()
            job = await self._jobs.get()
            self.idle = False
            last = max((number for number, _ in job.entries), default=0)
            if self._journal is not None and last:
                await self._journal.durable(last)
            for mark, effect in job.redo:
                await self._do(effect, self._clock.now(), mark)
            for number, entry in job.entries:
                for place, effect in enumerate(entry.effects):
                    await self._do(effect, entry.at, (number, place))
            for acknowledge in job.acknowledge:
                acknowledge()
            self.waiting -= job.size
            self._room.set()

    async def _do(self, effect: Effect, at: datetime, mark: Mark) -> None:
        match effect:
            case Send(edge, message):
                kind = message.kind
                expires_in_s = None
                if isinstance(message, Request):
                    expires_in_s = max(1, round(self._clock.real_seconds_until(message.reply_by)))
                post = Post(topic(kind, edge), effect.body, ROUTES[kind].retained, expires_in_s, sent=self._sent(mark))
                await self._bus.publish(post)
            case Clear(edge):
                await self._bus.publish(Post(topic("request", edge), b"", retain=True, sent=self._sent(mark)))
            case Setpoint(resource_id, power_w, since, until):
                if until > self._clock.now() or power_w is None:
                    self._drivers[resource_id].set_power(power_w, since, until)
                (self._sent(mark) or (lambda: None))()
            case Question():
                self.questions[effect.event_id] = effect
                asked = {"question": effect.text, "answer_by": effect.answer_by}
                self._tell(at, self._name, Note("resident_asked", effect.event_id, "S50", asked))
            case Note():
                self._tell(at, self._name, effect)

    def _sent(self, mark: Mark) -> Callable[[], None] | None:
        return partial(self._journal.sent, self._name, mark) if self._journal is not None and mark[0] else None
