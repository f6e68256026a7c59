"""The contract of an actor: inputs and instants in, effects out.

No I/O, no clock, no randomness: the same inputs at the same instants give the same effects, byte for byte. That is
what the journal, the replay and the simulator stand on. `deadline` is a property that is read again after each
call, because a "wake me at" that is returned would be lost behind an unrelated message.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from protocol.edges import Edge
from protocol.effects import *
from protocol.inputs import *
from protocol.messages import Capability, Progress, Request


class Entry(NamedTuple):
    """One step of an actor, as its journal keeps it: what came in, and what it set off."""

    at: datetime
    actor: str
    input: Taken | None
    """None: it was woken by its deadline."""
    effects: tuple[Effect, ...]


class Actor(Protocol):
    """One party of the tree."""

    @property
    def name(self) -> str: ...

    @property
    def deadline(self) -> datetime | None:
        """When it wants to be woken at the latest; read again after every call."""
        ...

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        """Take one input."""
        ...

    def wake(self, now: datetime) -> list[Effect]:
        """Do what is due at `now`."""
        ...

    def parents(self) -> tuple[str, ...]:
        """The names of those above it, for subscriptions and presence."""
        ...

    def is_parent(self) -> bool:
        """Whether anyone is below it."""
        ...

    def knows(self, event_id: str) -> bool:
        """Whether it has an event in its memory."""
        ...

    def at_rest(self, now: datetime) -> bool:
        """Whether every event that it knows is closed and over: a fresh actor would do just as well."""
        ...

    def status(self) -> Mapping[str, object]:
        """Its state in words and figures, for `gridpact status`; JSON types only."""
        ...


@runtime_checkable
class Feed(Protocol):
    """What tells an actor something by itself, at instants that it knows before: an owner's plan, a simulated device."""

    @property
    def next_at(self) -> datetime | None:
        """When it tells something next; read again after every step."""
        ...

    def inputs(self, actor: Actor, now: datetime) -> Iterable["Measured | Planned"]:
        """What there is to tell now."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """A party that makes use of what its children could probably give."""

    def hears_capability(self, edge: Edge) -> bool:
        """Whether it is told on this edge."""
        ...

    def foreseen(self, request: Request, told: Mapping[str, Capability], now: datetime) -> Foreseen | None:
        """What the children that have told it could give in a request's slots; None where it makes no difference."""
        ...


@runtime_checkable
class Foretells(Protocol):
    """A party that may tell its parent what it could probably give. A question: it changes nothing."""

    @property
    def capability_every_s(self) -> int | None:
        """How often; None: never."""
        ...

    def capability(self, told: Mapping[str, Capability], now: datetime) -> Capability:
        """What it could give over the next day; `told`: what its own children have told."""
        ...


@runtime_checkable
class Recounts(Protocol):
    """A party that may tell anybody how far its events are. A question: it changes nothing."""

    def progress(self, now: datetime) -> Iterable[Progress]:
        """Of each event that it knows."""
        ...


@runtime_checkable
class Recalls(Protocol):
    """A party whose journal may have a message in another body than this version makes it in."""

    def recall(self, said: Send) -> None:
        """This was said in the step that was taken last: where it is said again, it is said in the same bytes."""
        ...


@runtime_checkable
class Solves(Protocol):
    """A party that wants plans over members and slots."""

    def solving(self, asked: Solve) -> Callable[[], Solved] | None:
        """How the answer to a question is computed, from what is known now; it may take seconds, on any thread. A
        question: it changes nothing. None where nobody waits for it any more."""
        ...


class Follower(Protocol):
    """The border to a device: it follows set-points."""

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        """Signed W, + = import, from `at` until `until`; None returns to the own schedule at `at`. Whatever was set for
        `at` or later is replaced; what was set for before it stays. Several may come at once, in the order of time."""
        ...


class Driver(Follower, Protocol):
    """A device that measures at the same instant, as simulated ones do. Real ones (docs/drivers.md) follow, and answer a
    `Measure` by a later `Measured`."""

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        """State at `until` and energy of the span, signed Wh, as the difference of a register in whole Wh: spans that
        follow each other add up. `event_id` and `slot` are left None."""
        ...
