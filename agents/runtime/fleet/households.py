"""Each home of a process: on its usual course, without an actor, or its actor with its devices."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from agents.devices.catalogue import build_home_devices
from agents.drivers.build import build_drivers, build_feeds
from agents.parties.der.actor import Der
from agents.parties.der.checks import relaxed_ask_w
from agents.parties.fleet.course import Course
from agents.parties.fleet.foresight import Computation, ForeseeingHome
from agents.runtime.fleet.foreseen import Expected, ForeseenVehicles, foreseeing, tells_nothing
from agents.settings.parties import DerSettings
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Driver, Input, Measured, Received


class Households:
    """By name."""

    def __init__(self, settings: Sequence[DerSettings], vehicles: ForeseenVehicles) -> None:
        self.settings = {one.name: one for one in settings}
        self.vehicles = vehicles
        self.courses = {one.name: Course(one) for one in settings}
        """Homes without an actor."""
        self.awake: dict[str, Stepper] = {}
        """Homes that are their actors."""
        self.devices: dict[str, Mapping[str, Driver]] = {}
        """Of homes that were their actors, and are not any more."""
        self.living = tuple(one.name for one in settings if any(not tells_nothing(spec) for spec in one.devices))
        """Homes with a plan, or whose devices tell their state by themselves: they are their actors from the start on."""
        self._wake_living()

    def _wake_living(self) -> None:
        for name in self.living:
            self.stepper(name)

    def actor(self, name: str) -> Der:
        """One of the homes, which is its actor from now on."""
        actor = self.stepper(name).actor
        assert isinstance(actor, Der)
        return actor

    def knows(self, name: str, event_id: str) -> bool:
        """Whether a home has an event in its memory."""
        course = self.courses.get(name)
        return event_id in course.events if course is not None else self.awake[name].actor.knows(event_id)

    def at_rest(self, now: datetime) -> bool:
        """Whether every event that any of them knows is closed and over."""
        asleep = all(course.at_rest(now) for course in self.courses.values())
        return asleep and all(stepper.actor.at_rest(now) for stepper in self.awake.values())

    def forget(self) -> None:
        """All begin anew, without an actor; their devices are as they are."""
        self.devices |= {name: stepper.drivers for name, stepper in self.awake.items()}
        self.courses = {name: Course(one) for name, one in self.settings.items()}
        self.awake = {}
        self._wake_living()

    def as_new(self, name: str) -> None:
        """A home begins anew, without an actor and without its devices."""
        self.awake.pop(name, None)
        self.courses[name] = Course(self.settings[name])

    def drivers(self, settings: DerSettings) -> Mapping[str, Driver]:
        """The devices of a home without an actor."""
        return self.devices.get(settings.name) or build_drivers(settings)

    def fresh_drivers(self, name: str) -> Mapping[str, Driver]:
        """Fresh devices of a home that was its actor, and is not any more."""
        drivers = self.devices[name] = build_drivers(self.settings[name])
        return drivers

    def stepper(self, name: str) -> Stepper:
        """A home's actor and devices; made when they are needed first, with all that the home has been through."""
        stepper = self.awake.get(name)
        if stepper is None:
            settings, course = self.settings[name], self.courses.pop(name)
            actor, drivers = self._actor(settings), self.drivers(settings)
            self.devices.pop(name, None)
            stepper = self.awake[name] = Stepper(actor, drivers, build_feeds(settings, drivers))
            for at, item, answer in course.again():
                if isinstance(item, Measured):
                    drivers[item.resource_id].measure(at, at)
                if answer is not None and (wanted := _wanted(actor, item)) is not None:
                    foreseeing(actor).foresee(wanted, answer)
                actor.wake(at) if item is None else actor.receive(item, at)
        return stepper

    def _actor(self, settings: DerSettings) -> Der:
        if settings.name not in self.vehicles:
            return Der(settings)
        return Der(settings, ForeseeingHome(build_home_devices(settings), settings.connection))

    def expected(self, given: Iterable[tuple[str, Input, datetime]]) -> Iterator[Expected]:
        """What homes with one vehicle are about to compute for these inputs."""
        for name, item, now in given:
            if name not in self.vehicles or not isinstance(item, Received):
                continue
            course = self.courses.get(name)
            if course is not None:
                one, home = course.computation(item.message), None
            else:
                actor = self.actor(name)
                one, home = _wanted(actor, item), foreseeing(actor)
            if one is not None:
                yield name, one, home, now


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
