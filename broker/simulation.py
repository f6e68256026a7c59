"""The simulated carrier: the same actors and the same bytes, in virtual time, with seeded faults.

A node has what a process has: a journal that loses what is not yet durable (broker/node.py), and a session at the
broker that keeps what was not acknowledged. Time passes in broker/agenda.py, chance has its word in broker/chance.py.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from broker.agenda import MAX_STEPS, Agenda
from broker.bus import Post
from broker.chance import Chance, Faults
from broker.node import Crash, Died, Node, Pending
from broker.simulated_broker import Intercept, SimulatedBroker
from protocol.actor import (
    Actor,
    Clear,
    Driver,
    Effect,
    Entry,
    Feed,
    Foretells,
    Input,
    Note,
    Question,
    Resumed,
    Send,
    Setpoint,
    heard,
)
from protocol.codec import encode
from protocol.edges import Edge, parse_topic, topic
from protocol.messages import Presence


@dataclass(slots=True)
class SimulatedParty:
    """An actor, its devices, and when it joins. `build` makes the actor anew after a crash."""

    actor: Actor
    drivers: Mapping[str, Driver] = field(default_factory=dict)
    joins_at: datetime | None = None
    intercept: Intercept | None = None
    build: Callable[[], Actor] | None = None
    feeds: Sequence[Feed] = ()


class Simulation:
    """All parties on one simulated bus."""

    def __init__(
        self,
        parties: Iterable[SimulatedParty],
        start_at: datetime,
        seed: int = 0,
        faults: Faults | None = None,
        decide: Callable[[str, Question], tuple[Input, timedelta] | None] | None = None,
        keep_trace: bool = True,
        tell: Callable[[datetime, str, Note], None] | None = None,
    ) -> None:
        """`tell` hears every note as it comes; then neither notes nor posts are kept."""
        self.agenda = Agenda(start_at)
        self.trace: list[Entry] = []
        """The journals of all parties, in the order of their commits."""
        self.notes: list[tuple[datetime, str, Note]] = []
        self.crashed: list[tuple[datetime, Crash]] = []
        self.faults = faults or Faults()
        self._crashes: dict[str, list[Crash]] = defaultdict(list)
        for crash in sorted(self.faults.crashes, key=lambda crash: crash.from_at):
            self._crashes[crash.actor].append(crash)
        self._chance = Chance(self.faults, seed)
        self._decide = decide
        self._keep_trace = keep_trace
        self._tell = tell
        self._foretelling = 0
        """So many entries of the agenda only tell what a party could give."""
        self._nodes: dict[str, Node] = {}
        self._broker = SimulatedBroker(self.agenda, self._chance, self._nodes, self._deliver, keeps_posts=tell is None)
        for party in parties:
            self._broker.intercepts[party.actor.name] = party.intercept
            self.at(party.joins_at or start_at, partial(self._join, party))

    # -- the script

    @property
    def now(self) -> datetime:
        return self.agenda.now

    @property
    def steps(self) -> int:
        """What was done so far."""
        return self.agenda.steps

    def at(self, instant: datetime, action: Callable[[], object]) -> None:
        """Do something at an instant of the run."""
        self.agenda.at(instant, action)

    def run(self, until: datetime | None = None, most_steps: int = MAX_STEPS) -> None:
        """Until nothing is left to do, or until an instant. Raises RuntimeError after so many steps."""
        self.agenda.run(until, most_steps)

    def give(self, instant: datetime, actor: str, item: Input) -> None:
        """Give an actor an input at an instant: an operator's order, a resident's decision. Who gave it repeats it
        until it is in the journal."""
        self.at(instant, lambda: self._hand_over(self._nodes[actor], Pending(item, ordered=True)))

    def publish(self, instant: datetime, sender: str, post: Post) -> None:
        """Publish raw bytes at an instant, as a foreign client would."""
        self.at(instant, lambda: self._broker.publish(sender, post))

    def intercept(self, party: str, intercept: Intercept | None) -> None:
        """From now on this is made of what a party says; None: nothing."""
        self._broker.intercepts[party] = intercept

    @property
    def retained(self) -> Mapping[str, Post]:
        """What stands at the broker, by topic."""
        return self._broker.retained

    @property
    def posts(self) -> list[tuple[datetime, str, Post]]:
        """Everything that was published: instant, sender, post."""
        return self._broker.posts

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The simulated processes by party."""
        return self._nodes

    def actor(self, name: str) -> Actor:
        """The actor that runs under a name now (another one after a restart)."""
        return self._nodes[name].stepper.actor

    # -- a party's process

    def _join(self, party: SimulatedParty) -> None:
        node = self._nodes[party.actor.name] = Node(party.actor, party.drivers, party.build, party.feeds)
        self._guard(node, lambda: self._keep(node, node.stepper.begin(self.now)))
        self._subscribe(node)
        self._schedule_wake(node)
        if isinstance(party.actor, Foretells) and party.actor.capability_every_s is not None:
            self._foretell_at(self.now, node)

    def _foretell_at(self, instant: datetime, node: Node) -> None:
        self._foretelling += 1
        self.at(instant, partial(self._foretell, node))

    def _foretell(self, node: Node) -> None:
        """Tell what a party could probably give, and again as long as anything else happens."""
        self._foretelling -= 1
        actor = node.stepper.actor
        if not isinstance(actor, Foretells) or actor.capability_every_s is None:
            return
        goes_on = len(self.agenda.queue) > self._foretelling
        if node.up and (told := node.stepper.capability(self.now)) is not None:
            for parent in actor.parents():
                self._broker.publish(
                    node.name, Post(topic(told.kind, Edge(parent, node.name)), encode(told), retain=True)
                )
        if goes_on:
            self._foretell_at(self.now + timedelta(seconds=actor.capability_every_s), node)

    def _subscribe(self, node: Node) -> None:
        for post in self._broker.standing(node.name):
            self._deliver(node.name, post)

    def _hand_over(self, node: Node, pending: Pending) -> None:
        node.session.append(pending)
        if node.up:
            self._guard(node, lambda: self._process(node, pending))

    def _process(self, node: Node, pending: Pending | None, *, due: bool = True) -> None:
        """One input, or a deadline that has come. `due` False: what is due waits for what came in before."""
        self._pass(node, "received")
        entries = node.stepper.take(pending.item if pending else None, self.now, due=due)
        self._pass(node, "stepped")
        for entry in entries:
            node.append(entry)
        if pending is not None:
            node.unacknowledged.append((node.taken, pending))
        self._pass(node, "appended")
        self._schedule_commit(node)
        self._schedule_wake(node)

    def _keep(self, node: Node, entries: Iterable[Entry]) -> None:
        for entry in entries:
            node.append(entry)
        self._schedule_commit(node)

    def _schedule_commit(self, node: Node) -> None:
        if self.faults.commit_ms[1] == 0:
            self._commit(node)
        elif not node.committing:
            node.committing = True
            at = self.now + self._chance.commit()
            self.at(at, partial(self._in_life, node, node.life, partial(self._commit, node)))

    def _commit(self, node: Node) -> None:
        node.committing = False
        committed = list(node.commit())
        if self._keep_trace:
            self.trace.extend(entry for _, entry in committed)
        for number, entry in committed:
            self._perform(node, number, entry)
        self._pass(node, "published")
        for pending in node.acknowledge():
            node.session.remove(pending)
        self._pass(node, "acknowledged")

    def _perform(self, node: Node, number: int, entry: Entry) -> None:
        self._pass(node, "committed")
        for place, effect in enumerate(entry.effects):
            self._do(node, effect)
            node.mark(number, place)
            if place + 1 < len(entry.effects):
                self._pass(node, "publishing")

    def _schedule_wake(self, node: Node) -> None:
        deadline = node.stepper.deadline
        if node.up and deadline is not None and node.wakes_at != deadline:
            node.wakes_at = deadline
            self.at(
                max(deadline, self.now), partial(self._in_life, node, node.life, partial(self._wake, node, deadline))
            )

    def _wake(self, node: Node, planned: datetime) -> None:
        if node.wakes_at == planned:
            node.wakes_at = None
        deadline = node.stepper.deadline
        if deadline is not None and deadline <= self.now:
            self._process(node, None)
        self._schedule_wake(node)

    # -- crashes

    def kill(self, name: str, down: timedelta) -> None:
        """The process of a party dies now, between two steps, and is started again after `down`."""
        self._nodes[name].die()
        self.at(self.now + down, partial(self._restart, self._nodes[name]))

    def _pass(self, node: Node, point: str) -> None:
        """A node passes one of the named points (`broker.node.POINTS`). Raises Died when a crash waits there."""
        waiting = self._crashes.get(node.name)
        if waiting and waiting[0].point == point and waiting[0].from_at <= self.now:
            crash = waiting.pop(0)
            self.crashed.append((self.now, crash))
            raise Died(crash)

    def _in_life(self, node: Node, life: int, work: Callable[[], object]) -> None:
        """What a process planned is done only while it lives."""
        if node.life == life:
            self._guard(node, work)

    def _guard(self, node: Node, work: Callable[[], object]) -> None:
        try:
            work()
        except Died as died:
            node.die()
            if died.crash.knows_until is not None:
                node.lose(died.crash.knows_until)
            lost = died.crash.knows_until is not None
            self.at(self.now + died.crash.down, partial(self._restart, node, tells=lost))

    def _restart(self, node: Node, *, tells: bool = False) -> None:
        """`tells`: the others hear that it has connected, which makes a difference to nobody else."""
        undone = node.restart()
        if tells:
            self._tell_presence(node)
        self._guard(node, lambda: self._resume(node, undone))
        for pending in list(node.session):
            if node.up:
                self._guard(node, partial(self._process, node, pending, due=False))
        if node.up:
            self._subscribe(node)
        self._schedule_wake(node)

    def _tell_presence(self, node: Node) -> None:
        for parent in node.stepper.actor.parents():
            online = Presence(message_id=f"{node.name}.presence.{node.life}.online", sent_at=self.now, online=True)
            self._broker.publish(node.name, Post(topic("presence", Edge(parent, node.name)), encode(online)))

    def _resume(self, node: Node, undone: list[tuple[int, int, Effect]]) -> None:
        for number, place, effect in undone:
            if not isinstance(effect, Setpoint) or effect.until > self.now:
                self._do(node, effect)
            node.mark(number, place)
        if node.last_at is not None:
            self._keep(node, node.stepper.take(Resumed(node.last_at, counts_waited=True), self.now, due=False))
        self._keep(node, node.stepper.begin(self.now))

    # -- effects

    def _do(self, node: Node, effect: Effect) -> None:
        name = node.name
        match effect:
            case Send():
                self._broker.send(name, effect)
            case Clear():
                self._broker.clear(effect)
            case Setpoint(resource_id, power_w, at, until):
                node.stepper.drivers[resource_id].set_power(power_w, at, until)
            case Question():
                answer = self._decide(name, effect) if self._decide is not None else None
                if answer is not None:
                    self.give(self.now + answer[1], name, answer[0])
            case Note() if self._tell is not None:
                self._tell(self.now, name, effect)
            case Note():
                self.notes.append((self.now, name, effect))

    def _deliver(self, name: str, post: Post) -> None:
        self._hand_over(self._nodes[name], Pending(heard(*parse_topic(post.topic), post.payload)))
