"""The shell of one actor: next input or deadline -> actor -> journal -> effects. The same loop for every role.

A peer's fault (bytes that are no message) is an input like any other; an own fault ends the process, unless a peer's
message set it off and there is a journal (agents/runtime/net.py). The deadline is looked at before the inbox, so a flood
cannot starve it; the inbox is bounded, and while it is full the carrier reads no more. With a journal it begins where
the last process ended.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from agents.drivers.registry import SIMULATED
from agents.drivers.remote import RemoteDevice
from agents.parties.der.actor import Der
from agents.runtime.hearing import Hearing
from agents.runtime.journal.journal import Journal, JournalError, Mark, StoredStep
from agents.runtime.net import Net, caught_by
from agents.runtime.outgoing import Job, Listener, Outgoing
from agents.runtime.skew import Skew
from agents.runtime.snapshot import EVERY, Snapshot, maker, pack, unpack
from broker.bus import Arrival, Bus, Post
from broker.clock import Clock
from broker.faults import first_error
from broker.stepper import Diverged, Stepper, is_durable, no_collection
from protocol.actor import (
    Actor,
    Driver,
    Effect,
    Entry,
    Feed,
    Follower,
    Foretells,
    Input,
    Measure,
    Measured,
    Question,
    Reanchored,
    Received,
    Refused,
    Resumed,
    Setpoint,
    Taken,
    heard,
)
from protocol.codec import encode
from protocol.edges import ROUTES, Edge, parse_topic, topic
from protocol.entries import decode_input
from protocol.errors import RefusedMessage
from protocol.messages import Capability
from protocol.remembered import UnknownState

INBOX = 2_000
BATCH = 256
"""Inputs that are taken as of one instant: what is due in between waits for as long as they take, some 10 ms."""
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
        self.counts: Counter[str] = Counter()
        self.skew = Skew()
        self.remote = remote or {}
        self.stepper = Stepper(actor, drivers, feeds, self.remote)
        self.outgoing = Outgoing({actor.name: bus}, clock, self._drive, tell, journal, self._words, self._measure)
        self._unanswered: dict[tuple[str, str, int], Measure] = {}
        """What real devices of an earlier life were asked, and have not answered."""
        self._journal, self._build, self._bus = journal, build, bus
        self.snapshot_every = EVERY
        self._since_snapshot = 0
        self._last_stored = (0, clock.now())
        self._hearing = Hearing()
        self.net = Net()
        self._mending = False
        """A step has failed half way: what the actor knows is not to be kept."""
        self._inbox: asyncio.Queue[tuple[Taken | None, Callable[[], None]]] = asyncio.Queue(INBOX)

    @property
    def actor(self) -> Actor:
        return self.stepper.actor

    @property
    def questions(self) -> dict[str, Question]:
        return self.outgoing.questions

    async def run(self) -> None:
        """Until cancelled. Raises what the actor raises, and JournalError."""
        first = list(self._first_jobs())
        for job in first:
            await self.outgoing.put(job)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.outgoing.run())
                tasks.create_task(self._step_on())
                tasks.create_task(self._foretell())
                for asked in self._unanswered.values():
                    self._measure(asked)
                for device in self.remote.values():
                    tasks.create_task(device.run(self.clock, self.give))
        except BaseExceptionGroup as group:
            raise first_error(group) from group

    # -- the start

    def _first_jobs(self) -> Iterable[Job]:
        """Where the last process ended: its memory, what may not have left, and what is to be said again."""
        now = self.clock.now()
        last_at = self.fold()
        if self._journal is not None and last_at is not None:
            name = self.actor.name
            redo: list[tuple[str, Mark, Effect]] = []
            for mark, effect in self._journal.undone(name):
                if isinstance(effect, Setpoint) and effect.until <= now:
                    self._journal.sent(name, mark)
                else:
                    redo.append((name, mark, effect))
            yield Job(redo=redo)
            if last_at > now:  # the clock was ahead, and is right by now
                yield Job(self._stored(self.stepper.take(Reanchored(now), last_at)))
            yield Job(self._stored(self.stepper.take(Resumed(min(last_at, now)), now, due=False)))
            self._hearing.begin()
        yield Job(self._stored(self.stepper.begin(now)))

    def fold(self) -> datetime | None:
        """Take all steps of the journal again; the instant of the last one. Raises JournalError."""
        with no_collection():
            return self._fold_all()

    def _fold_all(self) -> datetime | None:
        journal = self._journal
        if journal is None:
            return None
        after, last_at = self._from_snapshot(journal)
        for stored in journal.entries(self.actor.name, after):
            self._since_snapshot += 1
            self._last_stored = stored.seq, stored.at
            effects, last_at = self._take_again(journal, stored, devices_too=True), stored.at
            self.questions.update({q.event_id: q for q in effects if isinstance(q, Question)})
            if self.remote:
                self._note_unanswered(decode_input(stored.input), effects)
        return last_at

    def _take_again(self, journal: Journal, stored: StoredStep, *, devices_too: bool) -> list[Effect]:
        """One step of the journal. Raises JournalError."""
        try:
            return self.stepper.fold_bytes(
                stored.at, decode_input(stored.input), stored.effects, devices_too=devices_too
            )
        except (Diverged, RefusedMessage) as error:
            path = journal.path
            text = f"{path}: entry {stored.seq} cannot be taken again: {error}: run the gridpact that wrote it, or move it away"
            raise JournalError(text) from None

    def _note_unanswered(self, item: Taken | None, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Measure) and effect.resource_id in self.remote:
                self._unanswered[effect.resource_id, effect.event_id, effect.slot] = effect
        if isinstance(item, Measured) and item.event_id is not None and item.slot is not None:
            self._unanswered.pop((item.resource_id, item.event_id, item.slot), None)

    def _from_snapshot(self, journal: Journal) -> tuple[int, datetime | None]:
        """Begin with what the newest snapshot knows; the number and the instant of its last entry."""
        number, snapshot = self._snapshot(journal, {**self.stepper.drivers, **self.remote})
        if snapshot is None:
            return 0, None
        self.questions.update({question.event_id: question for question in snapshot.questions})
        return number, snapshot.at

    def _snapshot(self, journal: Journal, drivers: Mapping[str, Follower]) -> tuple[int, Snapshot | None]:
        """Let the fresh actor, and these devices, remember the newest one; the number of its last entry."""
        found = journal.snapshot(self.actor.name, maker(journal.settings)) if journal.has_snapshots else None
        if found is None:
            return 0, None
        try:
            return found[0], unpack(found[1], self.stepper.actor, drivers)
        except UnknownState:
            return 0, None  # of a later version: perhaps its entries can be taken again

    def keep_snapshot(self) -> None:
        """Store what the party knows now, so that a start need not take all entries again: of a later version not at
        all. At a clean stop, and now and then."""
        journal = self._journal
        if journal is None or not self._since_snapshot or self._mending:
            return
        self._since_snapshot = 0
        number, at = self._last_stored
        body = pack(at, self.actor, {**self.stepper.drivers, **self.remote}, self.questions)
        journal.keep_snapshot(self.actor.name, number, maker(journal.settings), body)

    def renew(self) -> None:
        """Begin anew, as after a start without a journal: only at rest."""
        assert self._build is not None
        self.stepper.actor = self._build()
        self._since_snapshot = 0

    async def begin(self) -> None:
        """Read every device once, after `renew`. What is due at once was so in an earlier life, too: that an order comes
        too late for what is over is told to nobody."""
        now = self.clock.now()
        for device in self.remote.values():
            device.tell_again()
        entries = self._stored([*self.stepper.begin(now), *self.stepper.take(None, now)])
        await self.outgoing.put(Job(entries, untold=("order_refused",)))

    def _drive(self, name: str, effect: Setpoint) -> None:
        self.stepper.follower(effect.resource_id).set_power(effect.power_w, effect.at, effect.until)

    def _measure(self, asked: Measure) -> None:
        if (device := self.remote.get(asked.resource_id)) is not None:
            device.measure(asked)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._inbox.empty() and self.outgoing.idle and not self._mending

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way or to come of what it knows."""
        return self.idle and self.actor.at_rest(self.clock.now())

    # -- inputs

    async def give(self, item: Taken) -> None:
        """An input from this side: an operator's order, a resident's decision, the clock set back. Returns when it is
        durable and what it set off has been handed over."""
        done = asyncio.get_running_loop().create_future()
        await self._inbox.put((item, lambda: None if done.done() else done.set_result(None)))
        await done

    async def clock_was_set(self) -> None:
        """Look anew at what is due, after what was said meanwhile; what was known of peers' clocks is of ours before."""
        self.skew = Skew()
        self._hearing.begin()
        await self._inbox.put((None, _nothing))

    async def deliver(self, arrivals: Sequence[Arrival]) -> None:
        """What the bus hands over. Waits while the inbox is full."""
        now, inbox = self.clock.now(), self._inbox
        for arrival in arrivals:
            item = self._input(arrival, now)
            if item is None:
                arrival.acknowledge()
            elif inbox.full():
                await inbox.put((item, arrival.acknowledge))
            else:
                inbox.put_nowait((item, arrival.acknowledge))

    def _input(self, arrival: Arrival, now: datetime) -> Input | None:
        try:
            kind, edge = arrival.place or parse_topic(arrival.topic)
        except RefusedMessage:
            self.counts["foreign_topic"] += 1
            return None
        if arrival.retained and not ROUTES[kind].retained:
            self.counts["retained_ignored"] += 1
            return None
        if not arrival.payload:
            return None  # a retained message was cleared
        item = heard(kind, edge, arrival.payload)
        if isinstance(item, Refused):
            return item
        self.skew.hear(item, now, self.clock.speed, arrival.retained)
        return None if self._archived(item) else self.net.refusal(item) or item

    def _archived(self, received: Received) -> bool:
        actor, journal = self.actor, self._journal
        if journal is None:
            return False
        known = journal.repeats_archived(actor.name, received, actor.knows)
        self.counts["repeated_archived"] += known
        return known

    async def _step_on(self) -> None:
        """Take all that waits (up to a bound) as of one instant, so that the journal and the doer get it as one."""
        while True:
            batch = await self._next()
            now = self.clock.now()
            due = not self._hearing.on
            entries: list[tuple[int, Entry]] = []
            steps: list[Entry] = []
            for item, _ in batch:
                try:
                    steps += self.stepper.take(item, now, due=due)
                except Exception as error:
                    self._mending = True
                    if self._build is None or self._journal is None or not caught_by(item, error):
                        raise
                    assert isinstance(item, Received)
                    refused = self.net.catch(self.actor.name, item, error)
                    entries += self._stored(steps)
                    await self._mend(self._build(), self._journal)
                    steps = self.stepper.take(refused, now, due=due)
            entries += self._stored(steps)
            await self.outgoing.put(Job(entries, acknowledge=[acknowledge for _, acknowledge in batch]))
            await asyncio.sleep(0)  # one step that is due after the other would let nothing leave and nothing come in

    async def _mend(self, fresh: Actor, journal: Journal) -> None:
        """A step has failed half way: the actor is again what its journal knows. Raises JournalError."""
        self.stepper.actor = fresh
        await journal.all_durable()
        number, _ = self._snapshot(journal, {})  # the devices have lived through it
        with no_collection():
            for stored in journal.entries(fresh.name, number):
                self._take_again(journal, stored, devices_too=False)
        self._mending = False

    def _stored(self, entries: Iterable[Entry]) -> list[tuple[int, Entry]]:
        """Hand what belongs into the journal over to it."""
        journal = self._journal
        if journal is None:
            return [(0, entry) for entry in entries]
        stored: list[tuple[int, Entry]] = []
        for entry in entries:
            number = 0
            if is_durable(entry):
                number = journal.append(entry)
                self._since_snapshot += 1
                self._last_stored = number, entry.at
            stored.append((number, entry))
        return stored

    async def _next(self) -> list[tuple[Taken | None, Callable[[], None]]]:
        """The next inputs; a None when the deadline has come (or may have moved)."""
        if (waited := await self._hearing.next(self._inbox)) is not None:
            return [waited, *self._at_hand(BATCH - 1)]
        deadline = self.stepper.deadline
        wait_s = None if deadline is None else self.clock.real_seconds_until(deadline)
        if wait_s == 0:
            return [(None, _nothing)]
        batch: list[tuple[Taken | None, Callable[[], None]]] = []
        if self._inbox.empty():
            snapshot_due = self._since_snapshot >= self.snapshot_every and (wait_s is None or wait_s > 2 * QUIET_S)
            try:
                async with asyncio.timeout(QUIET_S if snapshot_due else wait_s):
                    batch.append(await self._inbox.get())
            except TimeoutError:
                if snapshot_due:
                    self.keep_snapshot()
                return [(None, _nothing)]
        return batch + self._at_hand(BATCH - len(batch))

    def _at_hand(self, most: int) -> list[tuple[Taken | None, Callable[[], None]]]:
        found: list[tuple[Taken | None, Callable[[], None]]] = []
        while len(found) < most and not self._inbox.empty():
            found.append(self._inbox.get_nowait())
        return found

    # -- telling

    async def _foretell(self) -> None:
        """Tell the parents now and then what the party could probably give: that is no step, and stands in no journal."""
        actor = self.actor
        while isinstance(actor, Foretells) and actor.capability_every_s is not None:
            if not self._mending and (told := self.stepper.capability(self.clock.now())) is not None:
                for parent in actor.parents():
                    await self._bus.publish(foretelling(told, Edge(parent, actor.name), self.clock))
            await asyncio.sleep(actor.capability_every_s / self.clock.speed)
            actor = self.actor

    @property
    def inbox(self) -> int:
        """Inputs that wait."""
        return self._inbox.qsize()

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
        questions = [
            {"event_id": question.event_id, "text": self._words(question), "answer_by": question.answer_by}
            for question in self._open_questions()
        ]
        surroundings = {
            "inbox": self._inbox.qsize(),
            "not_done": self.outgoing.waiting,
            "now": self.clock.now(),
            "own_faults": self.net.caught,
            **self.counts,
        }
        found = {**self.actor.status(), "deadline": self.actor.deadline, "questions": questions, "shell": surroundings}
        return found | self._devices() if self.stepper.drivers or self.remote else found

    def _devices(self) -> dict[str, object]:
        simulated = {name: {"driver": SIMULATED} for name in self.stepper.drivers}
        return {"devices": simulated | {name: device.status() for name, device in self.remote.items()}}

    def _words(self, question: Question) -> str:
        """What the resident is asked, as things stand; the journal has the short form of it."""
        full = self.actor.question(question.event_id) if isinstance(self.actor, Der) else None
        return full or question.text

    def _open_questions(self) -> list[Question]:
        now = self.clock.now()
        for name in [name for name, asked in self.questions.items() if asked.answer_by <= now]:
            del self.questions[name]
        return list(self.questions.values())


def foretelling(told: Capability, edge: Edge, clock: Clock) -> Post:
    """A capability as it is published: retained until it is not valid any more."""
    expires_in_s = max(1, round(clock.real_seconds_until(told.valid_until)))
    return Post(topic(told.kind, edge), encode(told), True, expires_in_s, edge=edge)


def _nothing() -> None:
    """There is nothing to acknowledge."""
