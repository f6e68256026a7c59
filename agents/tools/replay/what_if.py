"""The recorded events under another policy, in virtual time.

Everybody above the devices negotiates again with the settings as they are changed; what operators and residents decided
comes at its recorded instant. Devices compute again where the recording has their settings (`alive`), or answer as they
did then (`recorded`, agents/tools/replay/scripted.py).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agents.drivers.build import build_drivers, build_feeds
from agents.runtime.behaviour import intercept
from agents.runtime.build import build_actor
from agents.settings.behaviour import Behaviour
from agents.settings.checked import ConfigError
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, PartySettings, Rung, UtilitySettings
from agents.tools.replay.cast import Cast
from agents.tools.replay.changes import SettingChange, changed
from agents.tools.replay.devices import Devices as Devices  # noqa: PLC0414 - it is public here
from agents.tools.replay.outcome import EventOutcome, known
from agents.tools.replay.script import scripts
from agents.tools.replay.scripted import Scripted
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.wire import Order, WireMessage, on_the_wire, orders
from broker.recording_file import Step
from broker.simulation import SimulatedParty, Simulation
from protocol import messages as m
from protocol.actor import Actor, Cancel, Entry, Feed, Issue
from protocol.entries import decode_effects, decode_input, encode_effects, encode_input

LIVES_ON = timedelta(days=1)


@dataclass(slots=True)
class WhatIfResult:
    """The recorded outcome and the other one."""

    then: EventOutcome
    now: EventOutcome
    devices: Devices
    rerun: bool
    """Whether `then` is the recording taken again unchanged, because the bus does not tell what the parties knew."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """What devices could not answer as recorded, in words, with how often."""
    stored_awards: tuple[int, int] | None = None
    """Of a rerun: so many awards between the parties are those of the recording, of so many."""

    @property
    def changed(self) -> bool:
        """Whether anything that is compared differs."""
        return self.then.as_json() != self.now.as_json()

    def as_json(self) -> dict[str, Any]:
        return {
            "recorded": self.then.as_json(),
            "what_if": self.now.as_json(),
            "devices": self.devices.value,
            "recorded_is_a_rerun": self.rerun,
            "kept_awards": self.stored_awards,
            "unanswered": dict(self.unanswered),
            "changed": self.changed,
        }


class RecordedRun:
    """A recording, read once, that can be taken again as often as wanted."""

    def __init__(self, source: RecordingSource) -> None:
        """Raises ConfigError, JournalError."""
        lines = list(source.lines())
        self.source, self.cast = source, source.cast
        self.wire = on_the_wire(lines)
        self.steps = [line for line in lines if isinstance(line, Step)]
        self.orders = orders(self.steps)
        if not self.wire:
            raise ConfigError(f"{source.path}: nothing was said in this recording")
        self.negotiators = source.cast.above_devices()
        found = scripts(self.wire, source.cast.homes()).values()
        self._silent = {script.name for script in found if script.never_received}

    @property
    def default_devices(self) -> Devices:
        children = {member for member in self._children() if member not in self.negotiators}
        return Devices.ALIVE if children <= set(self.cast.homes()) else Devices.RECORDED

    def outcome(self) -> EventOutcome:
        """What the journals say that came of it."""
        return self._outcome(map(_entry, self.steps))

    def rerun(
        self, cast: Cast, devices: Devices, actors: Mapping[str, Actor] | None = None, seed: int = 0
    ) -> tuple[Simulation, Counter[str]]:
        """Negotiate again; the run, and what devices as recorded could not answer. `actors` take the place of
        parties of their names."""
        own = dict(actors or {})
        alive, scripted = self._alive(cast, devices), self._scripted(devices, own)
        parties = [self._party(cast.settings[name], own.get(name)) for name in alive]
        for name, actor in own.items():
            if name not in alive:
                known = self.cast.settings.get(name)
                parties.append(SimulatedParty(actor, build_drivers(known) if known is not None else {}))
        parties += [SimulatedParty(actor) for actor in scripted]
        start_at = min([sent.at for sent in self.wire] + [step.at for step in self.steps] + self._planned(cast))
        simulation = Simulation(parties, start_at, seed)
        for order in self._orders(cast):
            if order.actor in {party.actor.name for party in parties}:
                simulation.give(order.at, order.actor, order.item)
        simulation.run(until=self._until(parties))
        return simulation, sum((actor.counts for actor in scripted), Counter())

    def what_if(
        self,
        changes: Iterable[SettingChange] = (),
        without: Iterable[Rung] = (),
        devices: Devices | None = None,
        actors: Mapping[str, Actor] | None = None,
    ) -> WhatIfResult:
        """The recorded outcome beside that of another policy. Raises ConfigError, and UnknownName for an actor of a name
        that nobody has."""
        self._complete()
        names = dict.fromkeys([*self.cast.settings, *(name for sent in self.wire for name in sent.edge)])
        for name in actors or ():
            known("party", name, names)
        chosen = devices or self.default_devices
        if chosen is Devices.ALIVE and self.default_devices is not Devices.ALIVE:
            raise ConfigError(f"{self.source.path}: has no settings of its devices: they can only answer as recorded")
        before = self._as_received(self.cast)
        run, unanswered = self.rerun(changed(before, changes, without), chosen, actors)
        now = self._outcome(run.trace)
        if self._noted_by_journals():
            return WhatIfResult(self.outcome(), now, chosen, False, unanswered)
        unchanged, _ = self.rerun(before, chosen)
        stored = _stored_awards(self.wire, unchanged.trace, self.negotiators)
        return WhatIfResult(self._outcome(unchanged.trace), now, chosen, True, unanswered, stored)

    def _outcome(self, entries: Iterable[Entry]) -> EventOutcome:
        return EventOutcome.of(entries, self.negotiators, [sent.event_id for sent in self.wire if sent.event_id])

    # -- who takes part, and how

    def _complete(self) -> None:
        """Raises ConfigError when the settings of somebody above the devices are missing."""
        kinds = {type(party) for party in self.cast.settings.values()}
        for kind, word in ((UtilitySettings, "utility"), (CoordinatorSettings, "coordinator")):
            if kind not in kinds:
                raise ConfigError(
                    f"{self.source.path}: has no settings of a {word}: what-if needs those of everybody above the devices"
                )

    def _party(self, settings: PartySettings, actor: Actor | None) -> SimulatedParty:
        """Who was never heard then is not heard now: nobody knows what it would have said."""
        silent = actor is None and settings.name in self._silent
        drivers = build_drivers(settings)
        return SimulatedParty(
            actor or build_actor(settings, str(self.source.path)),
            drivers,
            intercept=intercept(Behaviour.SILENT) if silent else None,
            feeds=build_feeds(settings, drivers),
        )

    def _until(self, parties: Iterable[SimulatedParty]) -> datetime | None:
        """Homes that live by a plan never end by themselves: what was recorded is over a day behind it."""
        if not any(party.feeds or any(isinstance(one, Feed) for one in party.drivers.values()) for party in parties):
            return None
        return max([sent.at for sent in self.wire] + [step.at for step in self.steps]) + LIVES_ON

    def _alive(self, cast: Cast, devices: Devices) -> tuple[str, ...]:
        return (*cast.above_devices(), *(cast.homes() if devices is Devices.ALIVE else ()))

    def _children(self) -> Iterator[str]:
        for party in self.cast.settings.values():
            if isinstance(party, AggregatorSettings | CoordinatorSettings):
                yield from (member.name for member in party.members)

    def _scripted(self, devices: Devices, own: Mapping[str, Actor]) -> list[Scripted]:
        """Who answers as recorded: all children that are not alive."""
        alive = {*self._alive(self.cast, devices), *own}
        names = [name for name in dict.fromkeys(self._children()) if name not in alive]
        return [Scripted(script) for script in scripts(self.wire, names).values() if script.events]

    def _noted_by_journals(self) -> bool:
        """Whether every party above the devices has its steps in the recording."""
        return set(self.negotiators) <= {step.actor for step in self.steps}

    # -- what was decided from outside

    def _as_received(self, cast: Cast) -> Cast:
        """Without a utility's own steps, the planned events that nobody heard of are left out."""
        if self._noted_by_journals():
            return cast
        received = {sent.event_id for sent in self.wire}
        settings = dict(cast.settings)
        for name, party in settings.items():
            if isinstance(party, UtilitySettings):
                events = tuple(event for event in party.events if event.event_id in received)
                settings[name] = party.model_copy(update={"events": events})
        return Cast(settings)

    def _planned(self, cast: Cast) -> list[datetime]:
        return [
            event.issue_at
            for party in self._as_received(cast).settings.values()
            if isinstance(party, UtilitySettings) and not self._noted_by_journals()
            for event in party.events
        ]

    def _orders(self, cast: Cast) -> Iterator[Order]:
        """What operators and residents decided: from journals, or as the utility's requests show it."""
        yield from self.orders
        for name, party in cast.settings.items():
            if isinstance(party, UtilitySettings) and name not in {step.actor for step in self.steps}:
                planned = {event.event_id for event in party.events}
                yield from _issued(self.wire, name, planned)


def _issued(wire: Iterable[WireMessage], utility: str, planned: set[str]) -> Iterator[Order]:
    """The operator's orders behind a utility's messages: an event that was not planned, a change, a cancellation."""
    revisions = dict.fromkeys(planned, 1)
    cancelled: set[str] = set()
    for sent in wire:
        if sent.sender != utility:
            continue
        match sent.message:
            case m.Request() as request if request.revision > revisions.get(request.event_id, 0):
                revisions[request.event_id] = request.revision
                period = request.interval_period
                slot_s = int(period.duration.total_seconds())
                ids = (request.event_id, request.program_id, request.direction)
                yield Order(sent.at, utility, Issue(*ids, period.start, request.power_w, slot_s))
            case m.Award(outcome=m.Outcome.CANCELLED) as award if award.event_id not in cancelled:
                cancelled.add(award.event_id)
                yield Order(sent.at, utility, Cancel(award.event_id, award.reason))


def _entry(step: Step) -> Entry:
    return Entry(step.at, step.actor, decode_input(step.input), decode_effects(step.effects))


def _stored_awards(wire: Iterable[WireMessage], trace: Iterable[Entry], negotiators: Iterable[str]) -> tuple[int, int]:
    """How many of the recorded deals between negotiators a run has made again, of how many."""
    names = set(negotiators)
    then = {}
    for sent in wire:
        if isinstance(sent.message, m.Award) and sent.edge.child in names and sent.sender in names:
            then[sent.event_id, sent.edge] = (sent.message.outcome, sent.message.power_w)
    now = {}
    for sent in on_the_wire(map(_step, trace)):
        if isinstance(sent.message, m.Award):
            now[sent.event_id, sent.edge] = (sent.message.outcome, sent.message.power_w)
    return sum(now.get(key) == award for key, award in then.items()), len(then)


def _step(entry: Entry) -> Step:
    return Step(0, entry.at, entry.actor, encode_input(entry.input), encode_effects(entry.effects))
