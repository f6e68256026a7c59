"""A simulated process: an actor, its devices, a journal that loses what is not yet durable, a broker's session.

It dies at named points and comes back as the live shell does: a fresh actor, the journal folded, what may not have
left done again, `Resumed`, and then what the broker kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.stepper import Stepper, is_durable
from protocol.actor import Actor, Clear, Driver, Effect, Entry, Feed, Input, Send, Setpoint

POINTS = ("received", "stepped", "appended", "committed", "publishing", "published", "acknowledged")
"""Where a process may die: an input has come; the actor has taken it; its entries are written, but not durable; they
are durable; some effects are done; all are; the broker has been told."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A party dies when it next passes a point at or after an instant, and is started again after `down`."""

    actor: str
    point: str
    from_at: datetime
    down: timedelta
    knows_until: datetime | None = None
    """It is started with a journal that ends there (an older copy; before the first entry: none). None: with its own."""


class Died(Exception):
    """Ends a node's work at the point where it dies."""

    def __init__(self, crash: Crash) -> None:
        super().__init__(f"{crash.actor} dies: {crash.point}")
        self.crash = crash


@dataclass(eq=False, slots=True)
class Pending:
    """What the broker (or an operator, `ordered`) repeats until it is acknowledged."""

    item: Input
    ordered: bool = False


@dataclass(slots=True)
class Node:
    """One party's process."""

    actor: Actor
    devices: Mapping[str, Driver]
    build: Callable[[], Actor] | None
    feeds: Sequence[Feed] = ()
    stepper: Stepper = field(init=False)
    up: bool = True
    life: int = 0
    """How often it was started again; what an earlier life had planned is not done."""
    wakes_at: datetime | None = None
    committing: bool = False
    session: list[Pending] = field(default_factory=list)
    unacknowledged: list[tuple[int, Pending]] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    durable: int = 0
    """So many entries of the journal survive a crash."""
    dropped: int = 0
    """So many entries were taken off its beginning: of a process that is never started again nobody reads them, or
    somebody else keeps them."""
    last_at: datetime | None = None
    """The instant of the last durable entry."""
    done: set[tuple[int, int]] = field(default_factory=set)
    """Marks of effects that were done: number of the entry and place in it."""
    unsure: set[tuple[int, int]] = field(default_factory=set)
    """Marks that the next commit makes durable."""

    def __post_init__(self) -> None:
        self.stepper = Stepper(self.actor, self.devices, self.feeds)

    @property
    def name(self) -> str:
        return self.actor.name

    @property
    def taken(self) -> int:
        """Entries so far, durable or not."""
        return self.dropped + len(self.journal)

    def append(self, entry: Entry) -> None:
        """Write an entry; it is not durable yet."""
        if is_durable(entry):
            self.journal.append(entry)

    def commit(self) -> Iterator[tuple[int, Entry]]:
        """Make what was written durable; the new entries with their numbers."""
        self.done |= self.unsure
        self.unsure.clear()
        first, self.durable = self.durable, self.taken
        for _, pending in self.unacknowledged:
            if pending.ordered and pending in self.session:
                self.session.remove(pending)  # whoever gave the order was told
        new = self.journal[first - self.dropped :]
        self.last_at = new[-1].at if new else self.last_at
        yield from enumerate(new, first)
        if self.build is None:
            self.forget()

    def forget(self) -> None:
        """Take the entries off that are durable: if anybody, somebody else keeps them."""
        del self.journal[: self.durable - self.dropped]
        self.dropped = self.durable
        self.done.clear()

    def mark(self, number: int, place: int) -> None:
        """An effect was done; the mark itself is durable with the next commit."""
        if self.build is not None:
            self.unsure.add((number, place))

    def acknowledge(self) -> Iterator[Pending]:
        """The arrivals whose entries are durable and whose effects are done."""
        ready = [pending for taken, pending in self.unacknowledged if taken <= self.durable]
        self.unacknowledged = [(taken, pending) for taken, pending in self.unacknowledged if taken > self.durable]
        return (pending for pending in ready if pending in self.session)

    def die(self) -> None:
        """Lose everything that only the process knew."""
        if self.build is None:
            raise RuntimeError(f"{self.name} cannot be started again: its Party has no `build`")
        self.up = False
        self.life += 1
        del self.journal[self.durable - self.dropped :]
        self.unsure.clear()
        self.unacknowledged.clear()
        self.committing = False
        self.wakes_at = None

    def lose(self, until: datetime) -> None:
        """The journal is that of an earlier instant: what came behind it is not known any more."""
        self.journal = [entry for entry in self.journal if entry.at <= until]
        self.durable = len(self.journal)
        self.last_at = self.journal[-1].at if self.journal else None
        self.done = {(number, place) for number, place in self.done if number < self.durable}

    def restart(self) -> list[tuple[int, int, Effect]]:
        """A new process that knows what the journal knows; what may not have been done: entry, place, effect."""
        assert self.build is not None
        self.stepper = Stepper(self.build(), self.devices, self.feeds)
        self.up = True
        for entry in self.journal:
            self.stepper.fold(entry)
        return [
            (number, place, effect)
            for number, entry in enumerate(self.journal, self.dropped)
            for place, effect in enumerate(entry.effects)
            if (number, place) not in self.done and isinstance(effect, Send | Clear | Setpoint)
        ]
