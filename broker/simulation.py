"""The simulated carrier: the same actors and the same bytes, in virtual time, with seeded faults.

One heap of (instant, order of scheduling). Randomness comes from one seeded generator here and nowhere else, so a
seed is a run. An actor's deadline is looked at before its inbox.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Protocol

from broker.bus import Post
from protocol.actor import (
    Actor,
    Clear,
    Effect,
    Input,
    Measure,
    Measured,
    Note,
    Question,
    Received,
    Refused,
    Send,
    Setpoint,
)
from protocol.codec import decode, encode
from protocol.edges import ROUTES, hearers, parse_topic, topic
from protocol.errors import RefusedMessage

MAX_STEPS = 5_000_000
"""More steps than any run needs: an actor that spins is a bug and stops the run."""


class Driver(Protocol):
    """What a device's driver offers (agents/der/device.py)."""

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None: ...

    def measure(self, from_at: datetime, until: datetime) -> Measured: ...


@dataclass(frozen=True, slots=True)
class Faults:
    """What happens to a message on its way: delay in ms (drawn evenly; different delays reorder), loss, repeats."""

    delay_ms: tuple[int, int] = (1, 50)
    loss_pct: int = 0
    repeat_pct: int = 0


Intercept = Callable[[str, Post], Iterable[tuple[Post, timedelta]]]
"""What a misbehaving party makes of its own post: none, others, later."""


@dataclass(slots=True)
class Party:
    """An actor, its devices, and when it joins."""

    actor: Actor
    drivers: Mapping[str, Driver] = field(default_factory=dict)
    joins_at: datetime | None = None
    intercept: Intercept | None = None


@dataclass(frozen=True, slots=True)
class Traced:
    """One step of one actor."""

    at: datetime
    actor: str
    input: Input | None
    effects: tuple[Effect, ...]


class Simulation:
    """All parties on one simulated bus."""

    def __init__(
        self,
        parties: Iterable[Party],
        start_at: datetime,
        seed: int = 0,
        faults: Faults | None = None,
        decide: Callable[[str, Question], tuple[Input, timedelta] | None] | None = None,
        keep_trace: bool = True,
    ) -> None:
        self.now = start_at
        self.trace: list[Traced] = []
        self.posts: list[tuple[datetime, str, Post]] = []
        """Everything that was published: instant, sender, post."""
        self.notes: list[tuple[datetime, str, Note]] = []
        self._faults = faults or Faults()
        self._random = Random(seed)
        self._decide = decide
        self._keep_trace = keep_trace
        self._queue: list[tuple[datetime, int, Callable[[], object]]] = []
        self._order = 0
        self._retained: dict[str, Post] = {}
        self._parties: dict[str, Party] = {}
        self._wakes: dict[str, datetime] = {}
        for party in parties:
            self.at(party.joins_at or start_at, partial(self._join, party))

    # -- the script

    def at(self, instant: datetime, action: Callable[[], object]) -> None:
        """Do something at an instant of the run."""
        self._order += 1
        heapq.heappush(self._queue, (instant, self._order, action))

    def give(self, instant: datetime, actor: str, item: Input) -> None:
        """Give an actor an input at an instant: an operator's order, a resident's decision."""
        self.at(instant, lambda: self._receive(self._parties[actor], item))

    def publish(self, instant: datetime, sender: str, post: Post) -> None:
        """Publish raw bytes at an instant, as a foreign client would."""
        self.at(instant, lambda: self._publish(sender, post))

    def run(self, until: datetime | None = None) -> None:
        """Until nothing is left to do, or until an instant."""
        for _ in range(MAX_STEPS):
            if not self._queue or (until is not None and self._queue[0][0] > until):
                self.now = max(self.now, until) if until is not None else self.now
                return
            instant, _, action = heapq.heappop(self._queue)
            self.now = max(self.now, instant)
            action()
        raise RuntimeError(f"more than {MAX_STEPS} steps: some actor spins")

    # -- actors

    def _join(self, party: Party) -> None:
        name = party.actor.name
        self._parties[name] = party
        for driver in party.drivers.values():
            start = self.now
            self._take(party, None, party.actor.receive(driver.measure(start, start), start))
        for post in list(self._retained.values()):
            _, edge = parse_topic(post.topic)
            if name in hearers(parse_topic(post.topic)[0], edge):
                self._deliver(name, post)
        self._schedule_wake(party)

    def _receive(self, party: Party, item: Input) -> None:
        deadline = party.actor.deadline
        if deadline is not None and deadline <= self.now:
            self._take(party, None, party.actor.wake(self.now))
        self._take(party, item, party.actor.receive(item, self.now))

    def _schedule_wake(self, party: Party) -> None:
        deadline, name = party.actor.deadline, party.actor.name
        if deadline is not None and self._wakes.get(name) != deadline:
            self._wakes[name] = deadline
            self.at(max(deadline, self.now), lambda: self._wake(party, deadline))

    def _wake(self, party: Party, planned: datetime) -> None:
        name = party.actor.name
        if self._wakes.get(name) == planned:
            del self._wakes[name]
        deadline = party.actor.deadline
        if deadline is not None and deadline <= self.now:
            self._take(party, None, party.actor.wake(self.now))
            if party.actor.deadline == deadline:
                raise RuntimeError(f"{name} was woken at {self.now} and its deadline {deadline} did not move")
        self._schedule_wake(party)

    def _take(self, party: Party, item: Input | None, effects: list[Effect]) -> None:
        if self._keep_trace:
            self.trace.append(Traced(self.now, party.actor.name, item, tuple(effects)))
        for effect in effects:
            self._do(party, effect)
        self._schedule_wake(party)

    def _do(self, party: Party, effect: Effect) -> None:
        name = party.actor.name
        match effect:
            case Send(edge, message):
                kind = message.kind
                post = Post(topic(kind, edge), encode(message), retain=ROUTES[kind].retained)
                posts = [(post, timedelta())] if party.intercept is None else party.intercept(name, post)
                for changed, delay in posts:
                    self.at(self.now + delay, partial(self._publish, name, changed))
            case Clear(edge):
                self.at(self.now, partial(self._retained.pop, topic("request", edge), None))
            case Setpoint(resource_id, power_w, at, until):
                party.drivers[resource_id].set_power(power_w, at, until)
            case Measure():
                reading = party.drivers[effect.resource_id].measure(effect.from_at, effect.until)
                reading = replace(reading, event_id=effect.event_id, slot=effect.slot)
                self._take(party, reading, party.actor.receive(reading, self.now))
            case Question():
                answer = self._decide(name, effect) if self._decide is not None else None
                if answer is not None:
                    self.give(self.now + answer[1], name, answer[0])
            case Note():
                self.notes.append((self.now, name, effect))

    # -- the wire

    def _publish(self, sender: str, post: Post) -> None:
        self.posts.append((self.now, sender, post))
        if post.retain:
            self._retained[post.topic] = post
        try:
            kind, edge = parse_topic(post.topic)
        except RefusedMessage:
            return
        for name in hearers(kind, edge):
            if name in self._parties:
                for _ in range(self._copies()):
                    self.at(self.now + self._delay(), partial(self._deliver, name, post))

    def _copies(self) -> int:
        if self._random.randrange(100) < self._faults.loss_pct:
            return 0
        return 2 if self._random.randrange(100) < self._faults.repeat_pct else 1

    def _delay(self) -> timedelta:
        low, high = self._faults.delay_ms
        return timedelta(milliseconds=self._random.randint(low, high))

    def _deliver(self, name: str, post: Post) -> None:
        self._receive(self._parties[name], arrived(post.topic, post.payload))


def arrived(topic_text: str, payload: bytes) -> Input:
    """What an actor is given for bytes on one of its topics. Raises RefusedMessage for a topic that is not ours."""
    kind, edge = parse_topic(topic_text)
    try:
        return Received(*decode(topic_text, payload))
    except RefusedMessage as refusal:
        return Refused(edge, kind, refusal.reason, refusal.text, refusal.message_id)
