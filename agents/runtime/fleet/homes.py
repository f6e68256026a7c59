"""Thousands of homes in one process, as one: messages of many homes in, what each of them sets off out.

Every home decides what the ordinary actor (`Der`) would decide alone. What makes it cheap: what homes with one vehicle
compute for the messages of one batch is computed at once (`foresight.py`), and as long as their event takes its usual
course they need no actor (`course.py`). All other homes are their actors from the first message on.

As pure as an actor: no clock, no waiting; the devices are simulated.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from agents.parties.der.actor import Der
from agents.parties.fleet.course import Course
from agents.parties.fleet.due import Due
from agents.parties.fleet.shared_terms import SharedTerms
from agents.runtime.fleet.foreseen import ForeseenVehicles, Ready, foreseeing
from agents.runtime.fleet.households import Households
from agents.runtime.net import caught_by
from agents.settings.parties import DerSettings
from broker.stepper import Diverged, Stepper
from protocol.actor import Entry, Input, Measured, Received, Resumed, Setpoint
from protocol.entries import encode_effects
from protocol.messages import Capability

T = TypeVar("T")
Given: TypeAlias = tuple[str, Input]
"""A home's name, and what it is given."""
Fallen: TypeAlias = tuple[Received, Exception, list[Input]]
"""The message that a home could not take, why, and what came for it behind that."""
Taken: TypeAlias = tuple[datetime, str, Input | None, bytes]
"""A step of an earlier run: instant, home, input, encoded effects."""
MOST_ASKED = 20_000
"""Different requests that are kept to be shared."""


class Homes:
    """All homes of one process, by name."""

    def __init__(self, settings: Sequence[DerSettings]) -> None:
        self._vehicles = ForeseenVehicles(settings)
        self.households = Households(settings, self._vehicles)
        self.settings = self.households.settings
        self._due = Due()
        self._shared: SharedTerms = {}
        self.fallen: dict[str, Fallen] = {}
        """Homes that a step left half way: they take nothing more until they are mended."""

    def __len__(self) -> int:
        return len(self.settings)

    def __contains__(self, name: object) -> bool:
        return name in self.settings

    @property
    def awake(self) -> int:
        """Homes that have become their actors."""
        return len(self.households.awake) - len(self.households.living)

    def actor(self, name: str) -> Der:
        """One of the homes."""
        return self.households.actor(name)

    @property
    def deadline(self) -> datetime | None:
        """When the first of them wants to be woken."""
        return self._due.first

    def knows(self, name: str, event_id: str) -> bool:
        """Whether a home has an event in its memory."""
        return self.households.knows(name, event_id)

    def at_rest(self, now: datetime) -> bool:
        """Whether every event that any of them knows is closed and over."""
        return self.households.at_rest(now)

    def forget(self) -> None:
        """All begin anew, without an actor; their devices are as they are. Only at rest, and before `begin`."""
        self._due, self._shared = Due(), {}
        self.households.forget()

    # -- steps

    def begin(self, now: datetime) -> Iterator[Entry]:
        """Read every device once, as the first thing after a start."""
        for name, settings in self.settings.items():
            course = self.households.courses.get(name)
            if course is None or course.serves_first(now):
                yield from self._step(name, self.households.stepper(name).begin(now))
                continue
            for driver in self.households.drivers(settings).values():
                reading = driver.measure(now, now)
                self._read(course, now, reading)
                yield Entry(now, name, reading, ())

    def take(self, given: Iterable[Given], now: datetime, *, due: bool = True) -> Iterator[Entry]:
        """What has come in for many homes; each home's in its order. `due` False: what is due waits."""
        if len(self._shared) > MOST_ASKED:
            self._shared.clear()
        for wave in _waves(given):
            answers = self._foresee((name, item, now) for name, item in wave)
            for name, item in wave:
                if name in self.fallen:
                    self.fallen[name][2].append(item)
                    continue
                try:
                    steps = list(self._take(name, item, answers.get(name), now, due))
                except Exception as error:
                    if not caught_by(item, error):
                        raise
                    assert isinstance(item, Received)
                    self.fallen[name] = item, error, []
                else:
                    yield from steps

    def reset(self, name: str) -> None:
        """A home that has fallen knows nothing any more, as its devices: it is to take again what its journal knows."""
        self._as_new(name)
        self.households.devices.pop(name, None)
        if name in self.households.living:
            self.households.stepper(name)

    def begin_anew(self, name: str, now: datetime) -> None:
        """The same where there is no journal: its devices are as they are."""
        homes = self.households
        stepper = homes.awake.get(name)
        drivers = homes.drivers(self.settings[name]) if stepper is None else stepper.drivers
        self._as_new(name)
        homes.devices[name] = drivers
        if name in homes.living:
            for _ in self._step(name, homes.stepper(name).begin(now)):
                pass  # it reads its devices, and says nothing
            return
        for driver in drivers.values():
            self._read(homes.courses[name], now, driver.measure(now, now))

    def _as_new(self, name: str) -> None:
        self.households.as_new(name)
        self._due.note(name, None)

    def wake(self, now: datetime, most: int | None = None) -> Iterator[Entry]:
        """What is due at `now`; of so many homes at most."""
        for name in self._due.pop(now, most):
            yield from self._take(name, None, None, now)

    def drive(self, name: str, setpoint: Setpoint) -> None:
        """Give a set-point to a home's device."""
        driver = self.households.stepper(name).drivers[setpoint.resource_id]
        driver.set_power(setpoint.power_w, setpoint.at, setpoint.until)

    def _take(
        self, name: str, item: Input | None, ready: Ready | None, now: datetime, due: bool = True
    ) -> Iterator[Entry]:
        """What is due, then the input: by the usual course, or else by the actor."""
        course = self.households.courses.get(name)
        if course is None or not (yield from self._on_course(course, item, ready, now, due)):
            stepper = self.households.stepper(name)
            if ready is not None:
                foreseeing(stepper.actor).foresee(*ready)
            yield from self._step(name, stepper.take(item, now, due=due))

    def _on_course(
        self, course: Course, item: Input | None, ready: Ready | None, now: datetime, due: bool
    ) -> Generator[Entry, None, bool]:
        """The same without an actor; whether that could be."""
        name = course.settings.name
        if due and course.is_due(now):
            effects = course.due(now)
            if effects is None:
                return False
            yield Entry(now, name, None, effects)
        if item is not None:
            effects = course.take(item, None if ready is None else ready[1], now, self._shared)
            if effects is None:
                return False
            yield Entry(now, name, item, effects)
        self._due.note(name, course.deadline)
        return True

    # -- after a restart

    def fold(self, stored: Iterable[Taken]) -> None:
        """Take steps of an earlier run again. Raises Diverged."""
        for wave in _waves((name, (at, item, effects)) for at, name, item, effects in stored):
            answers = self._foresee((name, item, at) for name, (at, item, _) in wave if item is not None)
            for name, (at, item, effects) in wave:
                self._fold(name, at, item, effects, answers.get(name))

    def _fold(self, name: str, at: datetime, item: Input | None, expected: bytes, ready: Ready | None) -> None:
        course = self.households.courses.get(name)
        if course is not None and isinstance(item, Measured) and not course.serves_first(at):
            self._read(course, at, item)
            return
        if course is not None:
            answer = None if ready is None else ready[1]
            effects = course.due(at) if item is None else course.take(item, answer, at, self._shared)
            if effects is not None:
                if encode_effects(effects) != expected:
                    raise Diverged(f"{name} at {at.isoformat()} sets off other effects than it did")
                self._due.note(name, course.deadline)
                return
        stepper = self.households.stepper(name)
        if ready is not None:
            foreseeing(stepper.actor).foresee(*ready)
        stepper.fold_bytes(at, item, expected, devices_too=True)
        self._noted(name, stepper)

    def foretellers(self) -> list[str]:
        """Homes that tell what they could probably give."""
        return [name for name, one in self.settings.items() if one.capability_every_s is not None]

    def capability(self, name: str, now: datetime) -> Capability | None:
        """What a home could probably give; it is its actor from now on. None while it has fallen, or tells nothing."""
        return None if name in self.fallen else self.households.stepper(name).capability(now)

    def resume(self, down_since: datetime, now: datetime) -> Iterator[Entry]:
        """Say again what nobody has answered; what is due by now waits for what was sent meanwhile."""
        for name in self.settings:
            yield from self._take(name, Resumed(down_since), None, now, due=False)

    # -- what a clean stop has written

    def remember_course(self, course: Course) -> None:
        """Take a home as it was in an earlier process."""
        self.households.courses[course.settings.name] = course
        for _, item in course.taken:
            if isinstance(item, Measured):
                self._vehicles.remember(course.settings.name, item)
        self._due.note(course.settings.name, course.deadline)

    def remembered(self, name: str) -> None:
        """An actor remembers now."""
        self._noted(name, self.households.awake[name])

    # -- one home

    def _read(self, course: Course, at: datetime, reading: Measured) -> None:
        course.read(at, reading)
        self._vehicles.read(course.settings.name, reading)

    def _step(self, name: str, entries: Iterable[Entry]) -> Iterator[Entry]:
        yield from entries
        self._noted(name, self.households.awake[name])

    def _noted(self, name: str, stepper: Stepper) -> None:
        """Note what a step has changed: when the home wants to be woken, and how full its vehicle is."""
        self._due.note(name, stepper.deadline)
        self._vehicles.look(name, stepper.actor)

    def _foresee(self, given: Iterable[tuple[str, Input, datetime]]) -> dict[str, Ready]:
        """Compute at once what the homes are about to compute at these instants."""
        return self._vehicles.answers(self.households.expected(given))


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
