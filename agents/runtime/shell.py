"""The shell of one actor: next input or deadline -> actor -> journal -> effects. The same loop for every role.

A peer's fault (bytes that are no message) is an input like any other; an own fault ends the process, unless a peer's
message set it off and there is a journal (agents/runtime/net.py). The deadline is looked at before the inbox, so a flood
cannot starve it; the inbox is bounded, and while it is full the carrier reads no more. With a journal it begins where
the last process ended.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from agents.drivers.registry import SIMULATED
from agents.drivers.remote import RemoteDevice
from agents.runtime.beginning import Beginning
from agents.runtime.clock_watch import Suspension
from agents.runtime.foretelling import foretell
from agents.runtime.hearing import Hearing
from agents.runtime.inbox import Inbox, Waiting, nothing
from agents.runtime.intake import Intake
from agents.runtime.journal.journal import Journal
from agents.runtime.journal.segments import PartyState
from agents.runtime.net import Net, caught_by
from agents.runtime.outgoing import Job, Listener, Outgoing
from agents.runtime.past import Past
from agents.runtime.questions import in_full, open_questions
from agents.runtime.recounting import Recounting
from agents.runtime.skew import Skew
from agents.runtime.solver import Solver
from agents.runtime.turn import Turn
from broker.bus import Arrival, Bus
from broker.clock import Clock
from broker.faults import first_error
from broker.stepper import Stepper
from protocol.actor import (
    Actor,
    Driver,
    Entry,
    Feed,
    Measure,
    Question,
    Received,
    Resumed,
    Setpoint,
    Solved,
    Taken,
)

BATCH = 256
"""Inputs that are taken as of one instant: what is due in between waits for as long as they take, some 10 ms, and no
longer than a turn (agents/runtime/turn.py)."""
QUIET_S = 5.0
"""A snapshot is made when nothing has come for so long, and nothing is due for as long again: it takes a second where
the memory is large."""


class Shell:
    """One actor on one bus. `tell` hears every note; `build` makes the actor anew when its journal is archived. `drivers`
    are those of simulated devices, `remote` are the real ones."""

    def __init__(
        self,
        actor: Actor,
        bus: Bus,
        clock: Clock,
        drivers: Mapping[str, Driver] | None = None,
        tell: Listener = lambda at, who, note: None,
        journal: Journal | None = None,
        build: Callable[[], Actor] | None = None,
        feeds: Sequence[Feed] = (),
        remote: Mapping[str, RemoteDevice] | None = None,
    ) -> None:
        self.clock = clock
        self.recounting: Recounting | None = None
        """Tells whoever comes late how far events are, where that is wanted."""
        self.remote = remote or {}
        self.stepper = Stepper(actor, drivers, feeds, self.remote, solves=False)
        self.solver = Solver(lambda: self.actor, self._solved)
        self.outgoing = Outgoing(
            {actor.name: bus},
            clock,
            self._drive,
            tell,
            journal,
            lambda question: in_full(question, self.actor),
            self._measure,
            self.solver.want,
        )
        self._journal, self._build, self._bus = journal, build, bus
        self.past = Past(self.stepper, journal, self.remote, self.outgoing.questions, clock.now())
        self._hearing = Hearing()
        self._beginning = Beginning(self.stepper, journal, self.past, self._hearing, clock)
        self._suspension = Suspension(clock)
        self.net = Net()
        self.intake = Intake(actor.name, lambda event: self.actor.knows(event), journal, self.net, clock.speed)
        self.turn, self._reading = Turn(), Turn()
        self._inbox = Inbox()

    @property
    def actor(self) -> Actor:
        return self.stepper.actor

    @property
    def questions(self) -> dict[str, Question]:
        return self.outgoing.questions

    def recount(self) -> None:
        """Tell whoever comes late how far events are, as soon as it runs."""
        if self.actor.is_parent():
            self.recounting = Recounting(self._bus, self.clock, lambda: None if self.past.failed else self.actor)

    async def run(self) -> None:
        """Until cancelled. Raises what the actor raises, and JournalError."""
        first = list(self._beginning.jobs())
        for job in first:
            await self.outgoing.put(job)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.outgoing.run())
                tasks.create_task(self._step_on())
                tasks.create_task(foretell(self.stepper, self.past, self._bus, self.clock))
                tasks.create_task(self.solver.run())
                if self.recounting is not None:
                    tasks.create_task(self.recounting.run())
                for asked in self.past.unanswered.values():
                    self._measure(asked)
                for device in self.remote.values():
                    tasks.create_task(device.run(self.clock, self.give))
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    # -- what it knows

    def fold(self) -> datetime | None:
        """Take all steps of the journal again, once; the instant of the last one. Raises JournalError."""
        return self._beginning.fold()

    def keep_snapshot(self) -> None:
        """Store what the party knows now."""
        self.past.keep()

    def state(self) -> PartyState:
        """What the party knows now, after its last entry: no step waits to be taken."""
        assert self._journal is not None
        self.past.since_snapshot = 0
        return self.past.state(self._journal)

    def renew(self) -> None:
        """Begin anew, as after a start without a journal: only at rest."""
        assert self._build is not None
        self.stepper.actor = self._build()
        self.past.since_snapshot = 0

    async def begin(self) -> None:
        """Read every device once, after `renew`. What is due at once was so in an earlier life, too: that an order comes
        too late for what is over is told to nobody."""
        now = self.clock.now()
        for device in self.remote.values():
            device.tell_again()
        entries = self.past.store([*self.stepper.begin(now), *self.stepper.take(None, now)])
        await self.outgoing.put(Job(entries, untold=("order_refused",)))

    def _drive(self, name: str, effect: Setpoint) -> None:
        self.stepper.follower(effect.resource_id).set_power(effect.power_w, effect.at, effect.until)

    def _measure(self, asked: Measure) -> None:
        if (device := self.remote.get(asked.resource_id)) is not None:
            device.measure(asked)

    async def _solved(self, found: Solved) -> None:
        await self._inbox.queue.put((found, nothing))

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._inbox and self.outgoing.idle and not self.past.failed

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way, nor due in a moment: time for something that takes a second."""
        deadline = self.stepper.deadline
        soon = deadline is not None and self.clock.real_seconds_until(deadline) < 2 * QUIET_S
        return self.idle and not soon

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way or to come of what it knows."""
        return self.idle and self.actor.at_rest(self.clock.now())

    # -- inputs

    async def give(self, item: Taken) -> None:
        """An input from this side: an operator's order, a resident's decision, the clock set back. Returns when it is
        durable and what it set off has been handed over."""
        done = asyncio.get_running_loop().create_future()
        await self._inbox.queue.put((item, lambda: None if done.done() else done.set_result(None)))
        await done

    async def clock_was_set(self, since: datetime | None = None) -> None:
        """Look anew at what is due, after what was said meanwhile; what was known of peers' clocks is of ours before.
        `since`: the instant behind which time has jumped; the party was away for so long."""
        self.intake.skew = Skew()
        away = since is not None and not self._hearing.on
        self._hearing.begin()
        item = Resumed(since, counts_waited=True) if away and since is not None else None
        await self._inbox.queue.put((item, nothing))

    def _was_suspended(self, now: datetime) -> list[Waiting]:
        """A machine that wakes up has heard nothing meanwhile: as after a start, what waited comes before what is due."""
        since = self._suspension.since(now)
        if since is None:
            return []
        self._hearing.begin()
        return [(Resumed(since, counts_waited=True), nothing)]

    async def deliver(self, arrivals: Sequence[Arrival]) -> None:
        """What the bus hands over. Waits while the inbox is full."""
        now, inbox = self.clock.now(), self._inbox.queue
        self._reading.begin()
        for arrival in arrivals:
            if self._reading.is_over:
                await asyncio.sleep(0)  # reading takes time as well
                now = self.clock.now()
                self._reading.begin()
            item = self.intake.item(arrival, now)
            if item is None:
                arrival.acknowledge()
            elif inbox.full():
                await inbox.put((item, arrival.acknowledge))
            else:
                inbox.put_nowait((item, arrival.acknowledge))

    async def _step_on(self) -> None:
        """Take all that waits (up to a bound) as of one instant, so that the journal and the doer get it as one."""
        while True:
            batch = await self._next()
            now = self.clock.now()
            batch = [*self._was_suspended(now), *batch]
            due = not self._hearing.on
            entries: list[tuple[int, Entry]] = []
            steps: list[Entry] = []
            self.turn.begin()
            for place, (item, _) in enumerate(batch):
                if place and self.turn.is_over:
                    self._inbox.leave(batch[place:])
                    batch = batch[:place]
                    break
                try:
                    taken = self.stepper.take(item, now, due=due)
                    steps += taken
                except Exception as error:
                    self.past.failed = True
                    if self._build is None or self._journal is None or not caught_by(item, error):
                        raise
                    assert isinstance(item, Received)
                    refused = self.net.catch(self.actor.name, item, error)
                    entries += self.past.store(steps)
                    await self.past.restore(self._build())
                    taken = steps = self.stepper.take(refused, now, due=due)
                if self.intake.senders is not None:
                    self.intake.senders.charge(taken)
            entries += self.past.store(steps)
            await self.outgoing.put(Job(entries, acknowledge=[acknowledge for _, acknowledge in batch]))
            if self.recounting is not None:
                self.recounting.moved()
            await asyncio.sleep(0)  # one step that is due after the other would let nothing leave and nothing come in

    async def _next(self) -> list[Waiting]:
        """The next inputs; a None when the deadline has come (or may have moved)."""
        inbox = self._inbox
        if (waited := await self._hearing.next(inbox.queue)) is not None:
            return [*inbox.left(), waited, *inbox.at_hand(BATCH - 1)]
        deadline = self.stepper.deadline
        wait_s = None if deadline is None else self.clock.real_seconds_until(deadline)
        if wait_s == 0:
            return [(None, nothing)]
        batch = inbox.left()
        if not batch and inbox.queue.empty():
            snapshot_due = self.past.snapshot_due and (wait_s is None or wait_s > 2 * QUIET_S)
            try:
                async with asyncio.timeout(QUIET_S if snapshot_due else wait_s):
                    batch.append(await inbox.queue.get())
            except TimeoutError:
                if snapshot_due:
                    self.past.keep()
                return [(None, nothing)]
        return batch + inbox.at_hand(BATCH - len(batch))

    # -- telling

    @property
    def inbox(self) -> int:
        """Inputs that wait."""
        return len(self._inbox)

    @property
    def open_events(self) -> int:
        """Events that are neither closed nor opted out of."""
        events = self.actor.status().get("events", ())
        return (
            sum(event.get("stage") not in ("closed", "opted_out") for event in events)
            if isinstance(events, list)
            else 0
        )

    def status(self) -> dict[str, object]:
        """The actor's own words, and what stands around it."""
        surroundings = {
            "inbox": self.inbox,
            "not_done": self.outgoing.waiting,
            "now": self.clock.now(),
            "own_faults": self.net.caught,
            **self.intake.counts,
        }
        questions = open_questions(self.questions, self.actor, self.clock.now())
        found = {**self.actor.status(), "deadline": self.actor.deadline, "questions": questions, "shell": surroundings}
        return found | self._devices() if self.stepper.drivers or self.remote else found

    def _devices(self) -> dict[str, object]:
        simulated = {name: {"driver": SIMULATED} for name in self.stepper.drivers}
        return {"devices": simulated | {name: device.status() for name, device in self.remote.items()}}
