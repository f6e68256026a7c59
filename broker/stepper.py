"""An actor with its devices, one step after the other: the same for the live shell, the simulation and the fold.

What is due comes before what has come in (late is late, however full the inbox). A `Measure` of a simulated device is
answered at once, and so is a `Solve` unless somebody else does it: both tell nobody; all other effects wait until their entry is durable.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest

from protocol.actor import (
    Actor,
    Driver,
    Effect,
    Entry,
    Feed,
    Follower,
    Foresees,
    Foretells,
    Input,
    Measure,
    Measured,
    Note,
    Reanchored,
    Recalls,
    Received,
    Send,
    Setpoint,
    Solve,
    Solved,
    Solves,
    Taken,
)
from protocol.entries import decode_effects, encode_effects
from protocol.messages import Capability, Presence, Report, Request, Withdraw


class Diverged(RuntimeError):
    """A journal's entry cannot be made again by this software: its decisions differ from those that were published."""


MOST_UNMOVED = 100
"""So often one after the other something more may be due at the very instant of what was due: a stage that a peer gives
no time ends as it begins. Beyond that an actor spins, which is our own fault."""


class Stepper:
    """One actor and its devices."""

    def __init__(
        self,
        actor: Actor,
        drivers: Mapping[str, Driver] | None = None,
        feeds: Iterable[Feed] = (),
        remote: Mapping[str, Follower] | None = None,
        solves: bool = True,
    ) -> None:
        """`drivers` answer at once; `remote` devices tell what they measure by inputs of their own, later. `solves`:
        whether plans are computed here and at once; else whoever runs it gives them as inputs."""
        self.actor = actor
        self.drivers: dict[str, Driver] = dict(drivers or {})
        self.remote: Mapping[str, Follower] = remote or {}
        self.solves = solves
        self.feeds = tuple(feeds)
        self._telling = [*self.feeds, *(driver for driver in self.drivers.values() if isinstance(driver, Feed))]
        self._unmoved = 0
        self.told: dict[str, Capability] = {}
        """What each child could probably give, as it told last."""

    @property
    def deadline(self) -> datetime | None:
        """When something is due at the actor, or is told to it by itself."""
        due_at = self.actor.deadline
        for feed in self._telling:
            next_at = feed.next_at
            if next_at is not None and (due_at is None or next_at < due_at):
                due_at = next_at
        return due_at

    def begin(self, now: datetime) -> Iterator[Entry]:
        """Read every plan, and every device that answers at once, as the first thing after a start."""
        for feed in self.feeds:
            yield from self._fed(feed, now)
        for driver in self.drivers.values():
            reading = driver.measure(now, now)
            yield from self._step(reading, self.actor.receive(reading, now), now)

    def take(self, item: Taken | None, now: datetime, *, due: bool = True) -> list[Entry]:
        """What is due, then the input (None: only what is due). Nothing is due when time runs backwards: it was or it
        will be. `due` False: what is due has to wait, for what may have come in before it was."""
        steps: list[Entry] = []
        if isinstance(item, Reanchored):
            return [Entry(now, self.actor.name, item, set_back(item, now))]
        for feed in self._telling if due else ():
            next_at = feed.next_at
            if next_at is not None and next_at <= now:
                steps += self._fed(feed, now)
        deadline = self.actor.deadline
        while due and deadline is not None and deadline <= now:
            steps += self._step(None, self.actor.wake(now), now)
            self._unmoved = self._unmoved + 1 if self.actor.deadline == deadline else 0
            if self._unmoved > MOST_UNMOVED:
                raise RuntimeError(f"{self.actor.name} was woken at {now} and its deadline {deadline} did not move")
            deadline = self.actor.deadline if item is not None else None
        if isinstance(item, Received) and isinstance(item.message, Capability | Request):
            steps += self._foresee(item, now)
        if item is not None:
            steps += self._step(item, self.actor.receive(item, now), now)
        return steps

    def _fed(self, feed: Feed, now: datetime) -> Iterator[Entry]:
        for item in feed.inputs(self.actor, now):
            yield from self._step(item, self.actor.receive(item, now), now)

    def _foresee(self, item: Received, now: datetime) -> list[Entry]:
        """Remember what a child could give; before a request the actor is given what all of them could."""
        actor, message = self.actor, item.message
        if not isinstance(actor, Foresees):
            return []
        if isinstance(message, Capability) and actor.hears_capability(item.edge):
            known = self.told.get(item.edge.child)
            if known is None or known.sent_at <= message.sent_at:
                self.told[item.edge.child] = message
        elif isinstance(message, Request) and self.told:
            self.told = {name: one for name, one in self.told.items() if one.valid_until > now}
            if (foreseen := actor.foreseen(message, self.told, now)) is not None:
                return self._step(foreseen, self.actor.receive(foreseen, now), now)
        return []

    def capability(self, now: datetime) -> Capability | None:
        """What the party could probably give, for its parent; None where it tells nobody."""
        actor = self.actor
        if not isinstance(actor, Foretells) or actor.capability_every_s is None:
            return None
        return actor.capability({name: one for name, one in self.told.items() if one.valid_until > now}, now)

    def _step(self, item: Input | None, effects: list[Effect], now: datetime) -> list[Entry]:
        """A step, and behind it those of the readings and the plans that it wants."""
        steps = [Entry(now, self.actor.name, item, tuple(effects))]
        for effect in effects:
            if isinstance(effect, Measure) and effect.resource_id not in self.remote:
                taken = self.drivers[effect.resource_id].measure(effect.from_at, effect.until)
                reading = replace(taken, event_id=effect.event_id, slot=effect.slot)
                steps += self._step(reading, self.actor.receive(reading, now), now)
            elif isinstance(effect, Solve) and (solving := self._solving(effect)) is not None:
                solved = solving()
                steps += self._step(solved, self.actor.receive(solved, now), now)
        return steps

    def _solving(self, asked: Solve) -> Callable[[], Solved] | None:
        """How a plan is computed here; None where somebody else does it, or nobody waits for it."""
        return self.actor.solving(asked) if self.solves and isinstance(self.actor, Solves) else None

    def fold(self, entry: Entry) -> None:
        """Make a step of an earlier run again, without its effects. Raises Diverged."""
        effects = again(self.actor, entry.at, entry.input)
        if tuple(effects) != entry.effects and encode_effects(effects) != encode_effects(entry.effects):
            raise self._diverged(entry.at, entry.input)

    def fold_bytes(self, at: datetime, item: Taken | None, expected: bytes, *, devices_too: bool) -> list[Effect]:
        """The same from a journal; `expected` are the encoded effects. Raises Diverged.

        `devices_too` lets simulated devices live through it as well; real ones did when it happened.
        """
        effects = again(self.actor, at, item)
        if encode_effects(effects) != expected:
            if not is_same(effects, expected):
                raise self._diverged(at, item)
            made, effects = effects, list(decode_effects(expected))  # so the devices live through what they were told
            if isinstance(self.actor, Recalls):
                for said in _said_otherwise(effects, made):
                    self.actor.recall(said)
        if devices_too:
            self._read_again(item)
            for effect in effects:
                match effect:
                    case Setpoint(resource_id, power_w, since, until):
                        self.follower(resource_id).set_power(power_w, since, until)
                    case Measure(resource_id, _, _, from_at, until) if resource_id in self.drivers:
                        self.drivers[resource_id].measure(from_at, until)
        return effects

    def _read_again(self, item: Taken | None) -> None:
        """A device that was read at a start, or has told by itself, lived until then."""
        if isinstance(item, Measured) and item.event_id is None and item.resource_id in self.drivers:
            self.drivers[item.resource_id].measure(item.at, item.at)

    def follower(self, resource_id: str) -> Follower:
        """What takes the set-points of a device."""
        return self.remote.get(resource_id) or self.drivers[resource_id]

    def _diverged(self, at: datetime, item: Taken | None) -> Diverged:
        what = "a deadline" if item is None else type(item).__name__
        return Diverged(f"{self.actor.name} at {at.isoformat()}: {what} sets off other effects than it did")


def is_same(effects: Sequence[Effect], expected: bytes) -> bool:
    """Whether a step that is made again is the one in the journal. Up to release 0.1.0 a device without a part in a slot
    was told to hold the schedule that it had declared; now it is left to it. Such set-points may stand there. And an
    aggregator passed the words of its homes on with a withdrawal, where a single word stands now."""
    made = {effect.resource_id for effect in effects if isinstance(effect, Setpoint)}
    stored = [
        effect
        for effect in decode_effects(expected)
        if not (isinstance(effect, Setpoint) and effect.resource_id not in made)
    ]
    return encode_effects(_in_words(stored, effects)) == encode_effects(effects)


def _in_words(stored: Sequence[Effect], made: Sequence[Effect]) -> Iterator[Effect]:
    """What stands there, with the causes of withdrawals as they are told now."""
    for before, now in zip_longest(stored, made):
        if isinstance(before, Send) and isinstance(now, Send) and isinstance(before.message, Withdraw):
            cause = getattr(now.message, "cause", before.message.cause)
            told = before.message.extensions or now.message.extensions  # what it takes back is said since 0.2
            yield Send(before.edge, before.message.model_copy(update={"cause": cause, "extensions": told}))
        elif before is not None:
            yield before


def _said_otherwise(stored: Sequence[Effect], made: Sequence[Effect]) -> list[Send]:
    """Withdrawals that stand there in another body than they are made in now: they are said again as they were said."""
    again = {one.message.message_id: one for one in made if isinstance(one, Send) and isinstance(one.message, Withdraw)}
    return [
        one
        for one in stored
        if isinstance(one, Send)
        and isinstance(one.message, Withdraw)
        and one.message.message_id in again
        and one.body != again[one.message.message_id].body
    ]


def again(actor: Actor, at: datetime, item: Taken | None) -> list[Effect]:
    """What a step of an earlier run sets off at an actor."""
    if isinstance(item, Reanchored):
        return [*set_back(item, at)]
    return actor.wake(at) if item is None else actor.receive(item, at)


def set_back(item: Reanchored, at: datetime) -> tuple[Effect, ...]:
    """What it sets off that the clock was set back."""
    return (Note("clock_set_back", data={"to_at": item.to_at, "by_s": round((at - item.to_at).total_seconds())}),)


def is_durable(entry: Entry) -> bool:
    """Whether a step belongs into the journal: presence only counts, and is said again at each connect; what a child could
    give stands in `Foreseen` where it is used; what has flowed so far in a slot changes nothing where nothing follows."""
    received = entry.input
    if entry.effects or not isinstance(received, Received):
        return True
    message = received.message
    return not isinstance(message, Presence | Capability) and not (isinstance(message, Report) and message.so_far)


@contextmanager
def no_collection() -> Iterator[None]:
    """For a fold: without the garbage collector, which would search a memory that only grows: half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
