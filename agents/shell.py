"""The shell of one actor: next input or deadline -> actor -> effects. The same loop for every role.

A peer's fault (bytes that are no message) is an input like any other; an own fault is not caught and ends the
process. The deadline is looked at before the inbox, so a flood cannot starve it; the inbox is bounded, and while it
is full the carrier reads no more.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from agents.behaviour import Intercept
from agents.der.device import Driver
from broker.bus import Arrival, Bus, Deliver, Post
from broker.clock import Clock
from protocol.actor import (
    Actor,
    Clear,
    Effect,
    Input,
    Measure,
    Note,
    Question,
    Received,
    Refused,
    Send,
    Setpoint,
)
from protocol.codec import decode, encode
from protocol.edges import ROUTES, parse_topic, topic
from protocol.errors import RefusedMessage
from protocol.messages import Request

INBOX = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of an actor: what came in and what it set off."""

    at: datetime
    actor: str
    input: Input | None
    """None: it was woken by its deadline."""
    effects: tuple[Effect, ...]


Commit: TypeAlias = Callable[[Entry], Awaitable[None]]
"""Where every step passes before anything of it is published: a journal's place."""

Listener: TypeAlias = Callable[[datetime, str, Note], None]


async def _commit_nothing(entry: Entry) -> None:
    """Without a journal nothing is kept."""


class Shell:
    """One actor on one bus. `tell` hears every note."""

    def __init__(
        self,
        actor: Actor,
        bus: Bus,
        clock: Clock,
        drivers: Mapping[str, Driver] | None = None,
        tell: Listener = lambda at, who, note: None,
        commit: Commit = _commit_nothing,
    ) -> None:
        self.actor, self.clock = actor, clock
        self.questions: dict[str, Question] = {}
        """Questions to the resident that nobody has answered yet, by event."""
        self.counts: Counter[str] = Counter()
        self._bus, self._drivers, self._tell, self._commit = bus, dict(drivers or {}), tell, commit
        self._inbox: asyncio.Queue[Input] = asyncio.Queue(INBOX)

    async def run(self) -> None:
        """Until cancelled. Raises what the actor raises."""
        for driver in self._drivers.values():
            now = self.clock.now()
            reading = driver.measure(now, now)
            await self._step(now, reading, self.actor.receive(reading, now))
        while True:
            item = await self._next()
            now = self.clock.now()
            if item is not None:
                await self._step(now, item, self.actor.receive(item, now))
                continue
            deadline = self.actor.deadline
            if deadline is None or deadline > now:
                continue
            await self._step(now, None, self.actor.wake(now))
            if self.actor.deadline == deadline:
                raise RuntimeError(f"{self.actor.name} was woken at {now} and its deadline {deadline} did not move")

    async def give(self, item: Input) -> None:
        """An input from this side: an operator's order, a resident's decision. Waits while the inbox is full."""
        await self._inbox.put(item)

    async def deliver(self, arrival: Arrival) -> None:
        """What the bus hands over. Waits while the inbox is full."""
        try:
            kind, edge = parse_topic(arrival.topic)
        except RefusedMessage:
            self.counts["foreign_topic"] += 1
            return
        if arrival.retained and not ROUTES[kind].retained:
            self.counts["retained_ignored"] += 1
            return
        if not arrival.payload:
            return  # a retained message was cleared
        try:
            item: Input = Received(*decode(arrival.topic, arrival.payload))
        except RefusedMessage as refusal:
            item = Refused(edge, kind, refusal.reason, refusal.text, refusal.message_id)
        await self._inbox.put(item)

    def status(self) -> dict[str, object]:
        """The actor's own words, and what stands around it."""
        questions = [
            {"event_id": question.event_id, "text": question.text, "answer_by": question.answer_by}
            for question in self._open_questions()
        ]
        around = {"inbox": self._inbox.qsize(), "now": self.clock.now(), **self.counts}
        return {**self.actor.status(), "deadline": self.actor.deadline, "questions": questions, "shell": around}

    def _open_questions(self) -> list[Question]:
        now = self.clock.now()
        self.questions = {name: asked for name, asked in self.questions.items() if asked.answer_by > now}
        return list(self.questions.values())

    async def _next(self) -> Input | None:
        """The next input, or None when the deadline has come (or may have moved)."""
        deadline = self.actor.deadline
        wait_s = None if deadline is None else self.clock.real_seconds_until(deadline)
        if wait_s == 0:
            return None
        if not self._inbox.empty():
            return self._inbox.get_nowait()
        try:
            async with asyncio.timeout(wait_s):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _step(self, now: datetime, item: Input | None, effects: list[Effect]) -> None:
        await self._commit(Entry(now, self.actor.name, item, tuple(effects)))
        for effect in effects:
            await self._do(effect, now)

    async def _do(self, effect: Effect, now: datetime) -> None:
        match effect:
            case Send(edge, message):
                kind = message.kind
                expires_in_s = None
                if isinstance(message, Request):
                    expires_in_s = max(1, round(self.clock.real_seconds_until(message.reply_by)))
                await self._bus.publish(Post(topic(kind, edge), encode(message), ROUTES[kind].retained, expires_in_s))
            case Clear(edge):
                await self._bus.publish(Post(topic("request", edge), b"", retain=True))
            case Setpoint(resource_id, power_w, at, until):
                self._drivers[resource_id].set_power(power_w, at, until)
            case Measure(resource_id, event_id, slot, from_at, until):
                taken = self._drivers[resource_id].measure(from_at, until)
                reading = replace(taken, event_id=event_id, slot=slot)
                await self._step(now, reading, self.actor.receive(reading, now))
            case Question():
                self.questions[effect.event_id] = effect
                asked = {"question": effect.text, "answer_by": effect.answer_by}
                self._tell(now, self.actor.name, Note("resident_asked", effect.event_id, "S50", asked))
            case Note():
                self._tell(now, self.actor.name, effect)


class InterceptedBus:
    """A bus of a party that misbehaves on purpose (agents/behaviour.py): what it publishes leaves changed or later."""

    def __init__(self, bus: Bus, sender: str, clock: Clock, intercept: Intercept) -> None:
        self._bus, self._sender, self._clock, self._intercept = bus, sender, clock, intercept
        self._held_up: set[asyncio.Task[None]] = set()

    async def run(self, deliver: Deliver) -> None:
        await self._bus.run(deliver)

    async def publish(self, post: Post) -> None:
        for changed, delay in self._intercept(self._sender, post):
            if delay <= timedelta():
                await self._bus.publish(changed)
            else:
                task = asyncio.create_task(self._later(changed, self._clock.now() + delay))
                self._held_up.add(task)
                task.add_done_callback(self._held_up.discard)

    async def _later(self, post: Post, at: datetime) -> None:
        await self._clock.wait_until(at)
        await self._bus.publish(post)
