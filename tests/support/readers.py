"""All readers of one run, side by side: at each instant every reader says where each party stands."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from worlds import T0, World

from agents.history.line import NoteLine
from agents.history.standing import FIGURES, Standing, WhyUnknown, of_status
from agents.runtime.daemon.logs import note_line
from agents.settings.parties import AggregatorSettings
from agents.settings.scenario import Scenario
from agents.tools.explain.evidence import Evidence
from agents.tools.run.board import Board
from agents.tools.watch.picture import Picture
from broker.simulation import Simulation
from protocol.actor import Clear, Recounts
from protocol.codec import encode, to_json
from protocol.edges import progress_topic, topic

MOMENT = timedelta(microseconds=1)


def instants(simulation: Simulation) -> Iterator[datetime]:
    """Run to the end; stands still behind each instant, and before the next one that is a second away or more."""
    queue = simulation.agenda.queue
    while queue:
        at = queue[0][0]
        while queue and queue[0][0] == at:
            _, _, action = heapq.heappop(queue)
            simulation.agenda.now = at
            action()
        yield at
        if queue and queue[0][0] - at > timedelta(seconds=1):
            yield queue[0][0] - MOMENT


def scenario_of(world: World, simulation: Simulation) -> Scenario:
    """The settings of a small world, as a scenario has them."""
    settings = [actor.settings for actor in world.actors.values()]
    utility, coordinator = settings[:2]
    aggregators = tuple(one for one in settings if isinstance(one, AggregatorSettings))
    return Scenario("world", T0, T0, 1.0, 0, utility, coordinator, aggregators, tuple(world.homes))


@dataclass
class Readers:
    """`status`, `up`, `explain` and `watch` of the parties above the devices, and a `watch` that joins late."""

    scenario: Scenario
    simulation: Simulation
    known: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each reader knew each figure."""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Why a reader did not know a figure."""

    def __post_init__(self) -> None:
        self.board, self.picture = Board(self.scenario), Picture()
        self.evidence: dict[str, Evidence] = {}
        scenario = self.scenario
        above = [scenario.utility, scenario.coordinator, *scenario.aggregators]
        self.names = [party.name for party in above]
        self._notes = self._posts = self._entries = 0

    def catch_up(self) -> None:
        """Take what is new."""
        simulation = self.simulation
        for at, party, note in simulation.notes[self._notes :]:
            line = NoteLine.read(orjson.loads(to_json(note_line(at, party, note))))
            assert line is not None
            self.board.take(line)
        for at, _, post in simulation.posts[self._posts :]:
            self.picture.take(post.topic, post.payload, at)
        for place, entry in enumerate(simulation.trace[self._entries :], self._entries):
            for effect in entry.effects:
                if isinstance(effect, Clear):  # on a broker an empty payload, which the simulation does not publish
                    self.picture.take(topic("request", effect.edge), b"", entry.at)
            for event_id in self.board.history.events:
                evidence = self.evidence.setdefault(event_id, Evidence(event_id, {}))
                evidence.take(place, entry)
        self._notes, self._posts, self._entries = map(
            len, (simulation.notes, simulation.posts, simulation.trace)
        )  # fmt: skip

    def standings(self, now: datetime) -> Iterator[tuple[str, str, dict[str, Standing]]]:
        """By event and party what each reader says at an instant."""
        wire = {
            (event.event_id, node.name): node.standing(now)
            for event in self.picture.events.values()
            for _, node in event.in_order()
        }
        late = self.late(now)
        for name in self.names:
            for event in orjson.loads(to_json(self.simulation.actor(name).status()))["events"]:
                event_id = event["event_id"]
                found = {"status": of_status(event)}
                up = self.board.history.event(event_id).parties.get(name)
                if up is not None:
                    found["up"] = up.standing(now)
                explained = self.evidence[event_id].standing(name) if event_id in self.evidence else None
                if explained is not None:
                    found["explain"] = explained
                if (event_id, name) in wire:
                    found["watch"] = wire[event_id, name]
                if (event_id, name) in late:
                    found["late"] = late[event_id, name]
                yield event_id, name, found

    def late(self, now: datetime) -> dict[tuple[str, str], Standing]:
        """What one says who begins to listen now, and hears only what parties tell of themselves."""
        picture = Picture()
        for name in self.names:
            actor = self.simulation.actor(name)
            assert isinstance(actor, Recounts)
            for told in (one for one in actor.progress(now) if one.valid_until > now):
                picture.take(progress_topic(name, told.event_id), encode(told), now, standing=True)
        return {
            (event.event_id, node.name): node.standing(now)
            for event in picture.events.values()
            for _, node in event.in_order()
        }

    def disagreements(self, now: datetime, without: tuple[str, ...] = ()) -> list[str]:
        """What two readers say differently."""
        told = []
        for event_id, name, all_found in self.standings(now):
            found = {reader: one for reader, one in all_found.items() if reader not in without}
            for figure in FIGURES:
                said = {reader: getattr(standing, figure) for reader, standing in found.items()}
                for reader, value in said.items():
                    self.asked[reader, figure] += 1
                    if isinstance(value, WhyUnknown):
                        self.reasons[reader, figure, value] += 1
                    else:
                        self.known[reader, figure] += 1
                values = {_plain(value) for value in said.values() if not isinstance(value, WhyUnknown)}
                if len(values) > 1:
                    told.append(f"{now.isoformat()} {event_id} {name} {figure}: {said}")
        return told


def _plain(value: object) -> object:
    """Nothing is nothing, whether it is told as zeros or not at all."""
    return (value if any(value) else None) if isinstance(value, tuple) else value
