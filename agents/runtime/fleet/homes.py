"""Thousands of homes in one process, as one: messages of many homes in, what each of them sets off out.

Every home decides what the ordinary actor (`Der`) would decide alone. What makes it cheap: what homes with one vehicle
compute for the messages of one batch is computed at once (`foresight.py`), and as long as their event takes its usual
course they need no actor (`course.py`). All other homes are their actors from the first message on.

As pure as an actor: no clock, no waiting; the devices are simulated.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from agents.devices.condition import tells_more
from agents.devices.contract import Flexibility
from agents.drivers.build import build_drivers, build_feeds
from agents.parties.der.actor import Der
from agents.parties.der.checks import relaxed_ask_w
from agents.parties.fleet.course import Course
from agents.parties.fleet.due import Due
from agents.parties.fleet.foresight import Computation, ForeseeingHome, Foresight, State
from agents.parties.fleet.shared_terms import SharedTerms
from agents.runtime.net import caught_by
from agents.settings.devices import DeviceSpec, VehicleSpec
from agents.settings.parties import DerSettings
from broker.stepper import Diverged, Stepper
from protocol import messages as m
from protocol.actor import Driver, Entry, Input, Measured, Received, Resumed, Setpoint
from protocol.entries import encode_effects
from protocol.messages import Capability

T = TypeVar("T")
Given: TypeAlias = tuple[str, Input]
"""A home's name, and what it is given."""
Fallen: TypeAlias = tuple[Received, Exception, list[Input]]
"""The message that a home could not take, why, and what came for it behind that."""
Ready: TypeAlias = tuple[Computation, Flexibility, State | None]
"""What a home was expected to compute, what comes of it, and of an actor in which state."""
Taken: TypeAlias = tuple[datetime, str, Input | None, bytes]
"""A step of an earlier run: instant, home, input, encoded effects."""
MOST_ASKED = 20_000
"""Different requests that are kept to be shared."""


class Homes:
    """All homes of one process, by name."""

    def __init__(self, settings: Sequence[DerSettings]) -> None:
        self.settings = {one.name: one for one in settings}
        alone = [one for one in settings if len(one.devices) == 1 and _is_foreseen(one.devices[0])]
        self._vehicle = {one.name: number for number, one in enumerate(alone)}
        vehicles = [spec for one in alone for spec in one.devices if isinstance(spec, VehicleSpec)]
        self._foresight = Foresight(vehicles, [one.connection for one in alone])
        self._courses = {one.name: Course(one) for one in settings}
        """Homes without an actor."""
        self._awake: dict[str, Stepper] = {}
        """Homes that are their actors."""
        self._devices: dict[str, Mapping[str, Driver]] = {}
        """Of homes that were their actors, and are not any more."""
        self._due = Due()
        self._shared: SharedTerms = {}
        self.fallen: dict[str, Fallen] = {}
        """Homes that a step left half way: they take nothing more until they are mended."""
        self._living = tuple(one.name for one in settings if any(not _tells_nothing(spec) for spec in one.devices))
        """Homes with a plan, or whose devices tell their state by themselves: they are their actors from the start on."""
        self._wake_living()

    def __len__(self) -> int:
        return len(self.settings)

    def __contains__(self, name: object) -> bool:
        return name in self.settings

    @property
    def awake(self) -> int:
        """Homes that have become their actors."""
        return len(self._awake) - len(self._living)

    def actor(self, name: str) -> Der:
        """One of the homes."""
        actor = self._stepper(name).actor
        assert isinstance(actor, Der)
        return actor

    @property
    def deadline(self) -> datetime | None:
        """When the first of them wants to be woken."""
        return self._due.first

    def knows(self, name: str, event_id: str) -> bool:
        """Whether a home has an event in its memory."""
        course = self._courses.get(name)
        return event_id in course.events if course is not None else self._awake[name].actor.knows(event_id)

    def at_rest(self, now: datetime) -> bool:
        """Whether every event that any of them knows is closed and over."""
        asleep = all(course.at_rest(now) for course in self._courses.values())
        return asleep and all(stepper.actor.at_rest(now) for stepper in self._awake.values())

    def forget(self) -> None:
        """All begin anew, without an actor; their devices are as they are. Only at rest, and before `begin`."""
        self._devices |= {name: stepper.drivers for name, stepper in self._awake.items()}
        self._courses = {name: Course(one) for name, one in self.settings.items()}
        self._awake, self._due, self._shared = {}, Due(), {}
        self._wake_living()

    def _wake_living(self) -> None:
        for name in self._living:
            self._stepper(name)

    # -- steps

    def begin(self, now: datetime) -> Iterator[Entry]:
        """Read every device once, as the first thing after a start."""
        for name, settings in self.settings.items():
            course = self._courses.get(name)
            if course is None or course.serves_first(now):
                yield from self._step(name, self._stepper(name).begin(now))
                continue
            for driver in self._drivers(settings).values():
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
        self._devices.pop(name, None)
        if name in self._living:
            self._stepper(name)

    def begin_anew(self, name: str, now: datetime) -> None:
        """The same where there is no journal: its devices are as they are."""
        stepper = self._awake.get(name)
        drivers = self._drivers(self.settings[name]) if stepper is None else stepper.drivers
        self._as_new(name)
        self._devices[name] = drivers
        if name in self._living:
            for _ in self._step(name, self._stepper(name).begin(now)):
                pass  # it reads its devices, and says nothing
            return
        for driver in drivers.values():
            self._read(self._courses[name], now, driver.measure(now, now))

    def _as_new(self, name: str) -> None:
        self._awake.pop(name, None)
        self._courses[name] = Course(self.settings[name])
        self._due.note(name, None)

    def wake(self, now: datetime, most: int | None = None) -> Iterator[Entry]:
        """What is due at `now`; of so many homes at most."""
        for name in self._due.pop(now, most):
            yield from self._take(name, None, None, now)

    def drive(self, name: str, setpoint: Setpoint) -> None:
        """Give a set-point to a home's device."""
        driver = self._stepper(name).drivers[setpoint.resource_id]
        driver.set_power(setpoint.power_w, setpoint.at, setpoint.until)

    def _take(
        self, name: str, item: Input | None, ready: Ready | None, now: datetime, due: bool = True
    ) -> Iterator[Entry]:
        """What is due, then the input: by the usual course, or else by the actor."""
        course = self._courses.get(name)
        if course is None or not (yield from self._on_course(course, item, ready, now, due)):
            stepper = self._stepper(name)
            if ready is not None:
                _home(stepper).foresee(*ready)
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
        course = self._courses.get(name)
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
        stepper = self._stepper(name)
        if ready is not None:
            _home(stepper).foresee(*ready)
        stepper.fold_bytes(at, item, expected, devices_too=True)
        self._noted(name, stepper)

    def foretellers(self) -> list[str]:
        """Homes that tell what they could probably give."""
        return [name for name, one in self.settings.items() if one.capability_every_s is not None]

    def capability(self, name: str, now: datetime) -> Capability | None:
        """What a home could probably give; it is its actor from now on. None while it has fallen, or tells nothing."""
        return None if name in self.fallen else self._stepper(name).capability(now)

    def resume(self, down_since: datetime, now: datetime) -> Iterator[Entry]:
        """Say again what nobody has answered; what is due by now waits for what was sent meanwhile."""
        for name in self.settings:
            yield from self._take(name, Resumed(down_since), None, now, due=False)

    # -- what a clean stop writes

    @property
    def courses(self) -> Mapping[str, Course]:
        """Homes without an actor."""
        return self._courses

    @property
    def devices_asleep(self) -> Mapping[str, Mapping[str, Driver]]:
        """Devices of homes that were their actors, and are not any more."""
        return self._devices

    @property
    def names_awake(self) -> Iterable[str]:
        """Homes that are their actors."""
        return self._awake

    def awake_home(self, name: str) -> tuple[Der, Mapping[str, Driver]]:
        """One of them, with its devices."""
        return self.actor(name), self._awake[name].drivers

    def remember_course(self, course: Course) -> None:
        """Take a home as it was in an earlier process."""
        self._courses[course.settings.name] = course
        for _, item in course.taken:
            if isinstance(item, Measured):
                self._foresee_from(course, item)
        self._due.note(course.settings.name, course.deadline)

    def drivers_asleep(self, name: str) -> Mapping[str, Driver]:
        """Fresh devices of a home that was its actor, and is not any more."""
        drivers = self._devices[name] = build_drivers(self.settings[name])
        return drivers

    def awaken(self, name: str) -> tuple[Der, Mapping[str, Driver]]:
        """The fresh actor of a home that was one in an earlier process, and its devices; then `remembered`."""
        stepper = self._stepper(name)
        return self.actor(name), stepper.drivers

    def remembered(self, name: str) -> None:
        """An actor remembers now."""
        self._noted(name, self._awake[name])

    # -- one home

    def _read(self, course: Course, at: datetime, reading: Measured) -> None:
        course.read(at, reading)
        course.read(at, reading)
        if tells_more(reading):
            self._vehicle.pop(course.settings.name, None)  # it told more: its actor computes by itself
        self._foresee_from(course, reading)

    def _foresee_from(self, course: Course, reading: Measured) -> None:
        """Note how full a vehicle is."""
        vehicle = self._vehicle.get(course.settings.name)
        if vehicle is not None and reading.soc_wh is not None:
            self._foresight.read(vehicle, reading.soc_wh, reading.at)

    def _drivers(self, settings: DerSettings) -> Mapping[str, Driver]:
        return self._devices.get(settings.name) or build_drivers(settings)

    def _stepper(self, name: str) -> Stepper:
        """A home's actor and devices; made when they are needed first, with all that the home has been through."""
        stepper = self._awake.get(name)
        if stepper is None:
            settings, course = self.settings[name], self._courses.pop(name)
            actor, drivers = Der(settings), self._drivers(settings)
            self._devices.pop(name, None)
            stepper = self._awake[name] = Stepper(actor, drivers, build_feeds(settings, drivers))
            if name in self._vehicle:
                actor.home = ForeseeingHome(actor.home.devices, settings.connection)
            for at, item, answer in course.again():
                if isinstance(item, Measured):
                    drivers[item.resource_id].measure(at, at)
                if answer is not None and (wanted := _wanted(actor, item)) is not None:
                    _home(stepper).foresee(wanted, answer)
                actor.wake(at) if item is None else actor.receive(item, at)
        return stepper

    def _step(self, name: str, entries: Iterable[Entry]) -> Iterator[Entry]:
        yield from entries
        self._noted(name, self._awake[name])

    def _noted(self, name: str, stepper: Stepper) -> None:
        """Note what a step has changed: when the home wants to be woken, and how full its vehicle is."""
        self._due.note(name, stepper.deadline)
        if name in self._vehicle:
            home = _home(stepper)
            if home.moved() and home.vehicle.stays is None:
                self._foresight.read(self._vehicle[name], home.vehicle.spec.soc_wh, home.vehicle.spec.state_at)

    # -- foresight

    def _foresee(self, given: Iterable[tuple[str, Input, datetime]]) -> dict[str, Ready]:
        """Compute at once what the homes are about to compute at these instants."""
        wanted, states = [], {}
        for name, item, now in given:
            one = self._wanted(name, item)
            if one is None:
                continue
            if (stepper := self._awake.get(name)) is not None:
                state = states[name] = _home(stepper).state(one, now)
                if state is None:
                    continue
                self._foresight.put(self._vehicle[name], state)
            wanted.append((name, one))
        answers = self._foresight.compute([(self._vehicle[name], one) for name, one in wanted])
        return {name: (one, answers[self._vehicle[name]], states.get(name)) for name, one in wanted}

    def _wanted(self, name: str, item: Input) -> Computation | None:
        if name not in self._vehicle or not isinstance(item, Received):
            return None
        course = self._courses.get(name)
        return course.computation(item.message) if course is not None else _wanted(self.actor(name), item)


def _is_usual(spec: DeviceSpec) -> bool:
    """Whether a device is a vehicle of which nothing is known but its energy: what many compute at once."""
    return isinstance(spec, VehicleSpec) and _tells_nothing(spec) and spec.relay_ops_a_day is None


def _is_foreseen(spec: DeviceSpec) -> bool:
    """The same, and vehicles whose owners have a plan."""
    if not isinstance(spec, VehicleSpec) or spec.charging == "follow_pv":
        return False
    return _is_usual(spec) or spec.lives_on


def _tells_nothing(spec: DeviceSpec) -> bool:
    return spec.state_valid_s is None and not (isinstance(spec, VehicleSpec) and spec.lives_on)


def _home(stepper: Stepper) -> ForeseeingHome:
    assert isinstance(stepper.actor, Der)
    home = stepper.actor.home
    assert isinstance(home, ForeseeingHome)
    return home


def _wanted(actor: Der, item: Input | None) -> Computation | None:
    """What a home is about to compute, if it computes anything."""
    message = item.message if isinstance(item, Received) else None
    if not isinstance(message, m.Request | m.Relax):
        return None
    event = actor.events.get(message.event_id)
    if isinstance(message, m.Request):
        repeat = event is not None and event.request.request_id == message.request_id
        return None if repeat else Computation(message.direction, message.interval_period, message.power_w)
    own = event.offers.get(m.Basis.OWN) if event is not None else None
    if event is None or own is None or len(own.power_w) != len(message.shortfall_w):
        return None
    asked_w = relaxed_ask_w(own.power_w, message)
    return Computation(event.request.direction, event.request.interval_period, asked_w, message.restrictions)


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
