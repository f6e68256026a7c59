"""Thousands of homes in one process, as one: messages of many homes in, what each of them sets off out.

Every home is the ordinary actor (`Der`) with its devices, so it decides what it would decide alone. What makes it
cheap: a home that nobody has said anything to is its settings and nothing else, and what homes with one vehicle compute
for the messages of one batch is computed at once (`foresight.py`).

As pure as an actor: no clock, no waiting; the devices are simulated.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from agents.der.actor import Der
from agents.der.specs import VehicleSpec
from agents.drivers.simulated import build_driver
from agents.fleet.foresight import ForeseeingHome, Foresight, Wanted
from agents.settings import DerSettings
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Entry, Input, Measured, Received, Resumed, Setpoint
from protocol.plan import add

T = TypeVar("T")

Given: TypeAlias = tuple[str, Input]
"""A home's name, and what it is given."""


class Homes:
    """All homes of one process, by name."""

    def __init__(self, settings: Sequence[DerSettings]) -> None:
        self.settings = {one.name: one for one in settings}
        alone = [one for one in settings if len(one.devices) == 1 and isinstance(one.devices[0], VehicleSpec)]
        self._vehicle = {one.name: number for number, one in enumerate(alone)}
        self._foresight = Foresight([spec for one in alone for spec in one.devices if isinstance(spec, VehicleSpec)])
        self._awake: dict[str, Stepper] = {}
        self._asleep: dict[str, list[tuple[datetime, Measured]]] = {}
        """What the devices of a home said while nobody else said anything to it."""
        self._due: list[tuple[datetime, str]] = []
        """A heap; an entry counts while it is the home's in `_due_at`."""
        self._due_at: dict[str, datetime] = {}

    def __len__(self) -> int:
        return len(self.settings)

    def __contains__(self, name: object) -> bool:
        return name in self.settings

    @property
    def awake(self) -> int:
        """Homes that somebody has said something to."""
        return len(self._awake)

    def actor(self, name: str) -> Der:
        """One of the homes."""
        actor = self._stepper(name).actor
        assert isinstance(actor, Der)
        return actor

    @property
    def deadline(self) -> datetime | None:
        """When the first of them wants to be woken."""
        while self._due and self._due_at.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    # -- steps

    def begin(self, now: datetime) -> Iterator[Entry]:
        """Read every device once, as the first thing after a start."""
        for name, settings in self.settings.items():
            if name in self._awake:
                yield from self._after(name, self._awake[name].begin(now))
                continue
            for spec in settings.devices:
                reading = build_driver(spec).measure(now, now)
                self._sleep_on(name, now, reading)
                yield Entry(now, name, reading, ())

    def take(self, given: Iterable[Given], now: datetime) -> Iterator[Entry]:
        """What has come in for many homes; each home's in its order."""
        for wave in _waves(given):
            self._foresee(wave)
            for name, item in wave:
                yield from self._after(name, self._stepper(name).take(item, now))

    def wake(self, now: datetime) -> Iterator[Entry]:
        """What is due at `now`."""
        due: list[str] = []
        while self.deadline is not None and self.deadline <= now:
            _, name = heapq.heappop(self._due)
            del self._due_at[name]
            due.append(name)
        for name in due:
            yield from self._after(name, self._awake[name].take(None, now))

    def drive(self, name: str, setpoint: Setpoint) -> None:
        """Give a set-point to a home's device."""
        driver = self._stepper(name).drivers[setpoint.resource_id]
        driver.set_power(setpoint.power_w, setpoint.at, setpoint.until)

    # -- after a restart

    def fold(self, kept: Iterable[tuple[datetime, str, Input | None, bytes]]) -> None:
        """Take steps of an earlier run again: instant, home, input, encoded effects. Raises Diverged."""
        for wave in _waves((name, (at, item, effects)) for at, name, item, effects in kept):
            self._foresee((name, item) for name, (_, item, _) in wave if item is not None)
            for name, (at, item, effects) in wave:
                if name not in self._awake and isinstance(item, Measured):
                    self._sleep_on(name, at, item)
                    continue
                stepper = self._stepper(name)
                stepper.fold_bytes(at, item, effects, devices_too=True)
                self._note(name, stepper)

    def resume(self, down_since: datetime, now: datetime) -> Iterator[Entry]:
        """Say again what nobody has answered."""
        for name, stepper in self._awake.items():
            yield from self._after(name, stepper.take(Resumed(down_since), now))

    # -- one home

    def _sleep_on(self, name: str, at: datetime, reading: Measured) -> None:
        self._asleep.setdefault(name, []).append((at, reading))
        if name in self._vehicle and reading.soc_wh is not None:
            self._foresight.read(self._vehicle[name], reading.soc_wh, reading.at)

    def _stepper(self, name: str) -> Stepper:
        """A home's actor and devices; made when it is needed first, with what its devices have said since."""
        stepper = self._awake.get(name)
        if stepper is None:
            settings = self.settings[name]
            actor = Der(settings)
            if name in self._vehicle:
                actor.home = ForeseeingHome(actor.home.devices)
            stepper = self._awake[name] = Stepper(
                actor, {spec.resource_id: build_driver(spec) for spec in settings.devices}
            )
            for at, reading in self._asleep.pop(name, ()):
                stepper.drivers[reading.resource_id].measure(at, at)
                actor.receive(reading, at)
        return stepper

    def _after(self, name: str, entries: Iterator[Entry]) -> Iterator[Entry]:
        yield from entries
        self._note(name, self._awake[name])

    def _note(self, name: str, stepper: Stepper) -> None:
        """Note what changed: when it wants to be woken, and how full its vehicle is."""
        deadline = stepper.actor.deadline
        if deadline != self._due_at.get(name):
            self._due_at.pop(name, None)
            if deadline is not None:
                self._due_at[name] = deadline
                heapq.heappush(self._due, (deadline, name))
        vehicle = self._vehicle.get(name)
        if vehicle is not None:
            assert isinstance(stepper.actor, Der)
            home = stepper.actor.home
            assert isinstance(home, ForeseeingHome)
            if home.moved():
                self._foresight.read(vehicle, home.vehicle.spec.soc_wh, home.vehicle.spec.state_at)

    # -- foresight

    def _foresee(self, given: Iterable[Given]) -> None:
        """Compute at once what the homes are about to compute."""
        wanted = [(name, one) for name, item in given if (one := self._wanted(name, item)) is not None]
        answers = self._foresight.compute([(self._vehicle[name], one) for name, one in wanted])
        for name, one in wanted:
            home = self.actor(name).home
            assert isinstance(home, ForeseeingHome)
            home.foresee(one, answers[self._vehicle[name]])

    def _wanted(self, name: str, item: Input) -> Wanted | None:
        if name not in self._vehicle or not isinstance(item, Received):
            return None
        message = item.message
        if not isinstance(message, m.Request | m.Relax):
            return None
        event = self.actor(name).events.get(message.event_id)
        if isinstance(message, m.Request):
            if event is not None and event.request.request_id == message.request_id:
                return None  # a repeat
            return Wanted(message.direction, message.interval_period, message.power_w)
        own = event.offers.get(m.Basis.OWN) if event is not None else None
        if event is None or own is None or len(own.power_w) != len(message.shortfall_w):
            return None
        asked_w = add(own.power_w, message.shortfall_w)
        return Wanted(event.request.direction, event.request.interval_period, asked_w, message.restrictions)


def _waves(given: Iterable[tuple[str, T]]) -> Iterator[list[tuple[str, T]]]:
    """In groups in which each home stands once, so that what one is about to do hangs on nothing in its group."""
    waves: list[list[tuple[str, T]]] = []
    times: Counter[str] = Counter()
    for one in given:
        place = times[one[0]]
        times[one[0]] += 1
        if place == len(waves):
            waves.append([])
        waves[place].append(one)
    yield from waves
